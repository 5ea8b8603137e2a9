import { basename, dirname, join, resolve } from "node:path";
import { type CalibrationConfig, configSchema, distillSchema, type RunConfig } from "../../config/schema.ts";
import { UserError } from "../../engine/errors.ts";
import { quantizeModel } from "../../worker/quantizeModel.ts";
import { type Command, onePositional, openRuntime, parse, positiveNumber, wholeNumber } from "../commandLine.ts";
import { evaluationHelp, evaluationOf, evaluationOptions } from "../evaluationOptions.ts";
import { parseInput } from "../inputOption.ts";
import { resultsTable } from "../resultsTable.ts";

export const quantizeCommand: Command = {
  name: "quantize",
  usage: "MODEL.onnx --calibration DIR [--weights 4] [--activations 8|none] [--evaluation DIR] [--output OUT.onnx]",
  summary: "Quantizes a model without a config.",
  options: [
    ["--distill N", "make N calibration images from the model's BatchNorm statistics, where there is no data"],
    ["--calibration DIR", "folder of images (or a .npy/.npz file of inputs) to learn from"],
    ["--weights BITS", "bits of the weights, 2 to 8 (default: 4)"],
    ["--activations BITS", "bits of the activations, or none (default: none)"],
    ["--quantize-also LIST", "with --activations, which other tensors: input, adds, pools, or none (default: input)"],
    ["--evaluation DIR", "labelled images to measure on"],
    ...evaluationHelp,
    ["--output FILE", "the quantized model (default: MODEL.w4.onnx or MODEL.w4a8.onnx beside the model)"],
    ["--format NAME", "portable (8-bit containers) or native (INT2/INT4) (default: portable)"],
    ["--method NAME", "nearest, dfq, adaround, brecq or qdrop (default: brecq)"],
    ["--granularity NAME", "what is reconstructed at once: layer, block, stage or net (default: block)"],
    ["--loss NAME", "mse, or fisher: errors weighted by the Fisher information (default: mse)"],
    ["--steps N", "optimization steps a block, or published (default: by the bits)"],
    ["--cache-precision NAME", "how values between layers are kept: single, or half in half the memory (default: single)"],
    ["--first-last BITS", "bits of the first and last layers (default: 8)"],
    ["--count N", "calibration images to draw (default: 1024)"],
    ["--seed N", "seed of every random choice (default: 1005)"],
    ["--input JSON", 'preprocessing, as "input" in a config (default: guessed from the model, and printed)'],
  ],
  async run(args, context) {
    const { values, positionals } = parse(args, {
      calibration: { type: "string" },
      distill: { type: "string" },
      weights: { type: "string", default: "4" },
      activations: { type: "string", default: "none" },
      "quantize-also": { type: "string", default: "input" },
      evaluation: { type: "string" },
      ...evaluationOptions,
      output: { type: "string" },
      format: { type: "string", default: "portable" },
      method: { type: "string", default: "brecq" },
      granularity: { type: "string", default: "block" },
      loss: { type: "string", default: "mse" },
      steps: { type: "string" },
      "cache-precision": { type: "string", default: "single" },
      "first-last": { type: "string", default: "8" },
      count: { type: "string", default: "1024" },
      seed: { type: "string", default: "1005" },
      input: { type: "string" },
    });
    const model = onePositional(positionals, "The model's path");
    const run = checkedRun({
      weights: bits(values.weights, "--weights"),
      activations: values.activations === "none" ? "fp32" : bits(values.activations, "--activations"),
      quantizeAlso: values["quantize-also"] === "none" ? [] : values["quantize-also"].split(","),
      method: values.method,
      granularity: values.granularity,
      loss: values.loss,
      steps: values.steps === undefined || values.steps === "published" ? values.steps : wholeNumber(values.steps, "--steps"),
      cachePrecision: values["cache-precision"],
      firstLast: bits(values["first-last"], "--first-last"),
      seed: wholeNumber(values.seed, "--seed"),
      export: values.format,
    });
    const { runtime, settings } = await openRuntime(values);
    const count = positiveNumber(values.count, "--count");
    const result = await quantizeModel(
      {
        runtime,
        settings,
        model,
        run,
        runName: bitsName(run),
        input: values.input === undefined ? undefined : parseInput(values.input),
        calibration: calibrationOf(values.calibration, values.distill, count),
        // `count` is of the calibration images.
        evaluation: values.evaluation === undefined ? undefined : evaluationOf(values.evaluation, { ...values, count: undefined }),
        output: values.output ?? join(dirname(model), `${basename(model).replace(/\.onnx$/i, "")}.${bitsName(run)}.onnx`),
      },
      context,
    );
    context.print(values.json ? JSON.stringify(result, undefined, 2) : resultsTable([result]));
  },
};

function bits(text: string, option: string): number | "fp32" {
  return text === "fp32" ? "fp32" : wholeNumber(text, option);
}

/** As in "w4" and "w4a8". */
function bitsName({ weights, activations }: RunConfig): string {
  return `w${weights}${activations === "fp32" ? "" : `a${activations}`}`;
}

function calibrationOf(path: string | undefined, distill: string | undefined, count: number): CalibrationConfig | undefined {
  if (distill !== undefined) {
    if (path !== undefined) throw new UserError("--calibration and --distill exclude each other.", { hint: "Name one of them." });
    return { distill: distillSchema.parse({ count: positiveNumber(distill, "--distill") }) };
  }
  if (path === undefined) return undefined;
  return /\.np[yz]$/i.test(path) ? { arrays: resolve(path), count } : { images: resolve(path), count };
}

/** Checks the run's settings by the config's own schema. */
function checkedRun(run: Record<string, unknown>): RunConfig {
  const checked = configSchema.shape.runs.safeParse({ run });
  if (checked.success) return checked.data.run!;
  const issue = checked.error.issues[0]!;
  throw new UserError(
    `--${String(issue.path[1]).replace("firstLast", "first-last").replace("quantizeAlso", "quantize-also").replace("export", "format")} is not valid: ${issue.message}.`,
    {
      hint: "See --help.",
    },
  );
}
