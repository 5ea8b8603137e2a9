import type { Sensitivity } from "../../config/sensitivity.ts";
import { UserError } from "../../engine/errors.ts";
import { measureConfigured } from "../../worker/measureConfigured.ts";
import { type Command, openRuntime, parse } from "../commandLine.ts";
import { parseCandidates } from "../searchOptions.ts";
import { textTable } from "../table.ts";

export const sensitivityCommand: Command = {
  name: "sensitivity",
  usage: "CONFIG.brecq.json [RUN]",
  summary: "Measures what each layer's weights cost at each number of bits.",
  options: [
    ["--candidates LIST", "bits to measure, e.g. 2,4,8 (default: the run's, or 2,4,8)"],
    ["--fresh", "measure anew even where the last measurement still holds"],
  ],
  async run(args, context) {
    const { values, positionals } = parse(args, { candidates: { type: "string" }, fresh: { type: "boolean", default: false } });
    const [configFile, run, ...more] = positionals;
    if (configFile === undefined) throw new UserError("The config's path is missing.", { hint: "See --help." });
    if (more.length > 0) throw new UserError(`Unexpected argument "${more[0]}".`, { hint: "See --help." });
    const candidates = values.candidates === undefined ? undefined : parseCandidates(values.candidates);
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
