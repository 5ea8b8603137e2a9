import type { Bits } from "../../config/schema.ts";
import { runSchema } from "../../config/schema.ts";
import { UserError } from "../../engine/errors.ts";
import { readConfig, runSettings } from "../../worker/readConfig.ts";
import { type BitWidths, expandRuns, methodVariants, namedVariants, paperColumns } from "../../worker/sweep/baselineRuns.ts";
import { quotedFigures, quotedSource } from "../../worker/sweep/quotedFigures.ts";
import { runBaselines } from "../../worker/sweep/runBaselines.ts";
import { type Command, onePositional, parse, positiveNumber, wholeNumber } from "../commandLine.ts";
import { jobRunner, runnerHelp, runnerOptions } from "../runnerOptions.ts";

export const baselinesCommand: Command = {
  name: "baselines",
  usage: "CONFIG.brecq.json [--methods LIST] [--weights 4,3,2] [--activations fp32,4] [--seeds N]",
  summary: "The paper's comparison on your model: every method at every number of bits, as a table and a plot.",
  options: [
    ["--methods LIST", `of ${methodVariants.map(({ key }) => key).join(", ")} (default: all)`],
    ["--weights LIST", "bits of the weights (default, with --activations: W4, W3, W2, W4A4, W2A4)"],
    ["--activations LIST", "bits of the activations, fp32 for floats"],
    ["--seeds N", "runs a cell, with seeds counting up from 1005 (default: 1)"],
    ["--run RUN", "a run of the config whose other settings to take, e.g. steps and firstLast"],
    ["--list", "name the runs, and do none"],
    ...runnerHelp,
  ],
  async run(args, context) {
    const { values, positionals } = parse(args, {
      methods: { type: "string" },
      weights: { type: "string" },
      activations: { type: "string" },
      seeds: { type: "string", default: "1" },
      run: { type: "string" },
      list: { type: "boolean", default: false },
      ...runnerOptions,
    });
    const configFile = onePositional(positionals, "The config's path");
    const config = await readConfig(configFile);
    const axes = {
      variants: values.methods === undefined ? methodVariants : namedVariants(list(values.methods)),
      columns: columnsOf(values.weights, values.activations),
      seeds: positiveNumber(values.seeds, "--seeds"),
      base: values.run === undefined ? runSchema.parse({}) : runSettings(config, values.run, configFile),
    };
    if (values.list) {
      const names = expandRuns(axes).map(({ name }) => name);
      context.print(values.json ? JSON.stringify(names, undefined, 2) : names.join("\n"));
      return;
    }
    const runner = await jobRunner(values, context);
    const { table, markdown, files, reused } = await runBaselines({ configFile, axes, runner }, context);
    const quoted = { source: quotedSource, figures: quotedFigures };
    context.print(
      values.json ? JSON.stringify({ ...table, quoted, files, reused }, undefined, 2) : `${markdown}\n\n${Object.values(files).join("\n")}`,
    );
  },
};

function columnsOf(weights: string | undefined, activations: string | undefined): readonly BitWidths[] {
  if (weights === undefined && activations === undefined) return paperColumns;
  const weightBits = weights === undefined ? [4, 3, 2] : list(weights).map((text) => bits(text, "--weights"));
  const activationBits = activations === undefined ? ["fp32" as const] : list(activations).map((text) => bits(text, "--activations"));
  return activationBits.flatMap((a) => weightBits.map((w) => ({ weights: w, activations: a })));
}

function list(text: string): string[] {
  return [...new Set(text.split(",").map((part) => part.trim()))].filter((part) => part !== "");
}

function bits(text: string, option: string): Bits {
  const value = text === "fp32" ? text : wholeNumber(text, option);
  if (value === "fp32" || (value >= 2 && value <= 8)) return value;
  throw new UserError(`${option} takes 2 to 8, or fp32, not "${text}".`);
}
