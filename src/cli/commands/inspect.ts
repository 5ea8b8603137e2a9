import type { Inspection } from "../../config/inspection.ts";
import { inspectModel } from "../../worker/jobs.ts";
import { type Command, onePositional, openRuntime, parse } from "../commandLine.ts";
import { textTable } from "../table.ts";

export const inspectCommand: Command = {
  name: "inspect",
  usage: "MODEL.onnx",
  summary: "Layers, blocks, shapes, parameters and unsupported operators of a model.",
  options: [],
  async run(args, { print }) {
    const { values, positionals } = parse(args, {});
    const model = onePositional(positionals, "The model's path");
    const { runtime } = await openRuntime(values);
    const inspection = await inspectModel(runtime, model);
    print(values.json ? JSON.stringify(inspection, undefined, 2) : describe(inspection));
  },
};

function describe({ model, opset, inputs, layers, blocks, unsupported, parameters, macs }: Inspection): string {
  const shape = (dims: readonly (number | string)[]) => dims.join("×");
  const layerRows = layers.map(({ name, op, shape: dims, parameters: count, macs: work, block }) => [name, op, shape(dims), count, work, block]);
  const blockRows = blocks.map(({ name, kind, layers: names }) => [name, kind, names.length, names.join(" ")]);
  const parts = [
    `${model}: operator set ${opset}, ${parameters.toLocaleString("en-US")} parameters, ${macs.toLocaleString("en-US")} multiply-accumulates`,
    `inputs: ${inputs.map(({ name, type, shape: dims }) => `${name} ${type} ${shape(dims)}`).join(", ")}`,
    textTable(["layer", "operator", "weights", "parameters", "MACs", "block"], layerRows),
    textTable(["block", "kind", "layers", ""], blockRows),
    ...unsupported.map(({ op, domain, count, reason }) => `stays FP32: ${count} × ${domain ? `${domain}.` : ""}${op} (${reason})`),
  ];
  return parts.join("\n\n");
}
