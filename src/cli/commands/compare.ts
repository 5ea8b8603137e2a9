import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { compareRuns, comparisonToMarkdown } from "../../config/comparison.ts";
import { resultsFolder } from "../../config/resultPaths.ts";
import { UserError } from "../../engine/errors.ts";
import { readResult } from "../../worker/exportResult.ts";
import { readConfig } from "../../worker/readConfig.ts";
import { type Command, parse } from "../commandLine.ts";

export const compareCommand: Command = {
  name: "compare",
  usage: "CONFIG.brecq.json | RESULT.json…",
  summary: "Finished runs side by side, as a Markdown table.",
  options: [],
  async run(args, { print }) {
    const { values, positionals } = parse(args, {});
    if (positionals.length === 0) throw new UserError("Name a config, or some result.json files.", { hint: "See --help." });
    const files = (await Promise.all(positionals.map(resultFiles))).flat();
    const results = await Promise.all(files.map(readResult));
    const comparison = compareRuns(results);
    print(values.json ? JSON.stringify({ ...comparison, results }, undefined, 2) : comparisonToMarkdown(comparison).trimEnd());
  },
};

/** The results of a config's finished runs in the config's order; any other file is taken for a result itself. */
async function resultFiles(file: string): Promise<string[]> {
  if (!file.endsWith(".brecq.json")) return [file];
  const { runs } = await readConfig(file);
  const folder = resultsFolder(file);
  const present = await Promise.all(
    Object.keys(runs).map(async (run) => {
      const names: string[] = await readdir(join(folder, run)).catch(() => []);
      return names.includes("result.json") ? [join(folder, run, "result.json")] : [];
    }),
  );
  const found = present.flat();
  if (found.length === 0) throw new UserError("No run of this config has finished yet.", { hint: `Do one: brecq run ${file}`, place: { file } });
  return found;
}
