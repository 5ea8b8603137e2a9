import { metricNames, metricText } from "../../config/metricNames.ts";
import type { Metrics } from "../../config/result.ts";
import { UserError } from "../../engine/errors.ts";
import { evaluateModel } from "../../worker/evaluateModel.ts";
import { type Command, onePositional, openRuntime, parse } from "../commandLine.ts";
import { evaluationHelp, evaluationOf, evaluationOptions } from "../evaluationOptions.ts";
import { parseInput } from "../inputOption.ts";
import { percent, textTable } from "../table.ts";

export const evaluateCommand: Command = {
  name: "evaluate",
  usage: "MODEL.onnx --data DIR [--reference FP32.onnx]",
  summary: "Accuracy of a model on labelled images (classes, boxes, masks or target images), and its agreement with a reference.",
  options: [
    ["--data DIR", "labelled images"],
    ["--reference FILE", "the FP32 model to compare with"],
    ...evaluationHelp,
    ["--count N", "measure on the first N images"],
    ["--input JSON", 'preprocessing, as "input" in a config (default: guessed from the model, and printed)'],
  ],
  async run(args, context) {
    const { values, positionals } = parse(args, {
      data: { type: "string" },
      reference: { type: "string" },
      ...evaluationOptions,
      count: { type: "string" },
      input: { type: "string" },
    });
    const model = onePositional(positionals, "The model's path");
    if (values.data === undefined) throw new UserError("--data is missing.", { hint: "Name a folder of labelled images." });
    const { runtime } = await openRuntime(values);
    const metrics = await evaluateModel(
      {
        runtime,
        model,
        reference: values.reference,
        evaluation: evaluationOf(values.data, values),
        input: values.input === undefined ? undefined : parseInput(values.input),
      },
      context,
    );
    context.print(values.json ? JSON.stringify({ model, reference: values.reference, metrics }, undefined, 2) : describe(metrics));
  },
};

function describe({ fp32, quantized, agreement, sqnr, psnrToFp32, images }: Metrics): string {
  const rows = [
    ...metricNames.map(({ key, label, unit }) => [label, metricText(quantized[key], unit)]),
    ...metricNames.map(({ key, label, unit }) => [`${label} of the reference`, metricText(fp32[key], unit)]),
    ["agreement with the reference", percent(agreement)],
    ["SQNR", sqnr === undefined ? undefined : `${sqnr.toFixed(1)} dB`],
    ["PSNR to the reference", metricText(psnrToFp32, "dB")],
    ["images", images],
  ];
  return textTable(
    ["", ""],
    rows.filter(([, value]) => value !== undefined),
  );
}
