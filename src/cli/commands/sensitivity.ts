import type { Sensitivity } from "../../config/sensitivity.ts";
import { UserError } from "../../engine/errors.ts";
import { measureConfigured } from "../../worker/measureConfigured.ts";
import { measureTogether } from "../../worker/sweep/measureTogether.ts";
import { type Command, openRuntime, parse } from "../commandLine.ts";
import { jobRunner, runnerHelp, runnerOptions } from "../runnerOptions.ts";
import { parseCandidates } from "../searchOptions.ts";
import { textTable } from "../table.ts";

export const sensitivityCommand: Command = {
  name: "sensitivity",
  usage: "CONFIG.brecq.json [RUN] [--workers N]",
  summary: "Measures what each layer's weights cost at each number of bits.",
  options: [
    ["--candidates LIST", "bits to measure, e.g. 2,4,8 (default: the run's, or 2,4,8)"],
    ["--fresh", "measure anew even where the last measurement still holds"],
    ...runnerHelp,
  ],
  async run(args, context) {
    const { values, positionals } = parse(args, { ...runnerOptions, candidates: { type: "string" }, fresh: { type: "boolean", default: false } });
    const [configFile, run, ...more] = positionals;
    if (configFile === undefined) throw new UserError("The config's path is missing.", { hint: "See --help." });
    if (more.length > 0) throw new UserError(`Unexpected argument "${more[0]}".`, { hint: "See --help." });
    const candidates = values.candidates === undefined ? undefined : parseCandidates(values.candidates);
    if (values.workers !== undefined || values.queue !== undefined) {
      if (run === undefined)
        throw new UserError("A measurement that is shared out needs a run, whose seed and candidates count.", {
          hint: "Name one of the config's runs.",
        });
      if (values.fresh) throw new UserError("--fresh is for a measurement in one process.", { hint: "Leave out --workers and --queue." });
      await measureTogether({ configFile, run, candidates, runner: await jobRunner(values, context) }, context);
    }
    const { runtime, settings } = await openRuntime(values);
    const { sensitivity, file } = await measureConfigured(
      { runtime, cacheBytes: settings.cacheBytes, configFile, run, candidates, fresh: values.fresh },
      context,
    );
    context.print(
      values.json ? JSON.stringify(sensitivity, undefined, 2) : `${sensitivityTable(sensitivity)}\n\nLoss: ${sensitivity.measure}.\n${file}`,
    );
  },
};

/** The most sensitive layer at the fewest bits first. */
function sensitivityTable({ candidates, layers }: Sensitivity): string {
  const [fewest] = candidates;
  const ranked = layers.toSorted((a, b) => (b.losses[fewest!] ?? 0) - (a.losses[fewest!] ?? 0));
  const rows = ranked.map(({ layer, block, losses }) => [layer, block, ...candidates.map((bits) => losses[bits]?.toPrecision(3))]);
  return textTable(["layer", "block", ...candidates.map((bits) => `${bits} bits`)], rows);
}
