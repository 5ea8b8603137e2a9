import { resolve } from "node:path";
import type { Metrics } from "../../config/result.ts";
import { UserError } from "../../engine/errors.ts";
import { evaluateModel } from "../../worker/evaluateModel.ts";
import { type Command, onePositional, openRuntime, parse, positiveNumber, wholeNumber } from "../commandLine.ts";
import { parseInput } from "../inputOption.ts";
import { percent, textTable } from "../table.ts";

export const evaluateCommand: Command = {
  name: "evaluate",
  usage: "MODEL.onnx --data DIR [--reference FP32.onnx]",
  summary: "Accuracy of a model on labelled images, and its agreement with a reference.",
  options: [
    ["--data DIR", "labelled images, a folder a class"],
    ["--reference FILE", "the FP32 model to compare with"],
    ["--labels FILE", 'a text file of "path index" lines, where folders are not classes'],
    ["--classes FILE", "folder names of the classes, one a line, where their order is not the sorted one"],
    ["--output-offset N", "leading outputs to skip, 1 where output 0 is the background"],
    ["--count N", "measure on the first N images"],
    ["--input JSON", 'preprocessing, as "input" in a config (default: guessed from the model, and printed)'],
  ],
  async run(args, context) {
    const { values, positionals } = parse(args, {
      data: { type: "string" },
      reference: { type: "string" },
      labels: { type: "string" },
      classes: { type: "string" },
      "output-offset": { type: "string", default: "0" },
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
        evaluation: {
          images: resolve(values.data),
          labels: values.labels === undefined ? "folders" : resolve(values.labels),
          classes: values.classes === undefined ? undefined : resolve(values.classes),
          outputOffset: wholeNumber(values["output-offset"], "--output-offset"),
          count: values.count === undefined ? undefined : positiveNumber(values.count, "--count"),
        },
        input: values.input === undefined ? undefined : parseInput(values.input),
      },
      context,
    );
    context.print(values.json ? JSON.stringify({ model, reference: values.reference, metrics }, undefined, 2) : describe(metrics));
  },
};

function describe({ fp32, quantized, agreement, sqnr, images }: Metrics): string {
  const rows = [
    ["top-1", percent(quantized.top1)],
    ["top-5", percent(quantized.top5)],
    ["top-1 of the reference", percent(fp32.top1)],
    ["agreement with the reference", percent(agreement)],
    ["SQNR", sqnr === undefined ? undefined : `${sqnr.toFixed(1)} dB`],
    ["images", images],
  ];
  return textTable(
    ["", ""],
    rows.filter(([, value]) => value !== undefined),
  );
}
