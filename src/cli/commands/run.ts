import type { RunResult } from "../../config/result.ts";
import { UserError } from "../../engine/errors.ts";
import { runConfigured } from "../../worker/jobs.ts";
import { readConfig } from "../../worker/readConfig.ts";
import { type Command, openRuntime, parse } from "../commandLine.ts";
import { resultsTable } from "../resultsTable.ts";

export const runCommand: Command = {
  name: "run",
  usage: "CONFIG.brecq.json [RUN…] [--resume]",
  summary: "Does the runs of a config (all of them, or those named).",
  options: [["--resume", "go on from the finished blocks of an interrupted run"]],
  async run(args, context) {
    const { values, positionals } = parse(args, { resume: { type: "boolean", default: false } });
    const [configFile, ...named] = positionals;
    if (configFile === undefined) throw new UserError("The config's path is missing.", { hint: "See --help." });
    const config = await readConfig(configFile);
    const runs = named.length > 0 ? named : Object.keys(config.runs);
    if (runs.length === 0) throw new UserError("The config has no runs.", { hint: 'Add one to "runs".', place: { file: configFile } });
    const { runtime, settings } = await openRuntime(values);
    const results: RunResult[] = [];
    for (const run of runs) {
      const { result } = await runConfigured({ runtime, settings, configFile, run, resume: values.resume }, context);
      results.push(result);
    }
    if (values.json) context.print(JSON.stringify(results.length === 1 ? results[0] : results, undefined, 2));
    else context.print(resultsTable(results));
  },
};
