import { sweepMarkdown } from "../../config/sweepMarkdown.ts";
import { UserError } from "../../engine/errors.ts";
import { runKey } from "../../worker/sweep/planSweep.ts";
import { listSweep, runSweep, type Shard } from "../../worker/sweep/runSweep.ts";
import { type Command, onePositional, parse } from "../commandLine.ts";
import { jobRunner, runnerHelp, runnerOptions } from "../runnerOptions.ts";

export const sweepCommand: Command = {
  name: "sweep",
  usage: "SWEEP.brecq.json [--workers N] [--shard I/N]",
  summary: "Does every run of a sweep that is missing: models × settings × seeds, as one table and a Pareto plot.",
  options: [
    ...runnerHelp,
    ["--shard I/N", "do only part I of N, where machines share the work without a queue"],
    ["--gather", "do no run, and make the table of what is there"],
    ["--list", "name the runs, and do none"],
  ],
  async run(args, context) {
    const { values, positionals } = parse(args, {
      ...runnerOptions,
      shard: { type: "string" },
      gather: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
    });
    const file = onePositional(positionals, "The sweep's path");
    if (values.list) {
      const names = (await listSweep(file)).map(runKey);
      context.print(values.json ? JSON.stringify(names, undefined, 2) : names.join("\n"));
      return;
    }
    const runner = await jobRunner(values, context);
    const shard = values.shard === undefined ? undefined : parseShard(values.shard);
    const { table, files, reused, failed } = await runSweep({ file, runner, shard, gather: values.gather }, context);
    context.print(
      values.json ? JSON.stringify({ ...table, files, reused }, undefined, 2) : `${sweepMarkdown(table)}\n\n${Object.values(files).join("\n")}`,
    );
    if (failed > 0) throw new UserError(`${failed} of the sweep's runs failed.`, { hint: "The table says why; the same command tries them again." });
  },
};

/** "2/8" as the second of eight parts. */
export function parseShard(text: string): Shard {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text)?.map(Number) ?? [];
  if (index !== undefined && count !== undefined && index >= 1 && index <= count) return { index, count };
  throw new UserError(`--shard takes a part and how many there are, such as 2/8, not "${text}".`);
}
