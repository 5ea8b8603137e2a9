/** @file Reading the quantization back out of an exported file, so that it can be written in another format. */
import { z } from "zod";
import { UserError } from "../errors.ts";
import { intAttribute } from "../graph/attributes.ts";
import { Graph } from "../graph/graph.ts";
import type { ModelProto, NodeProto } from "../onnx/onnx_pb.ts";
import { floatData } from "../onnx/tensor.ts";
import type { WeightQuantization } from "../quantizers/weightQuantization.ts";
import { weightNodeName } from "./exportModel.ts";

/** What {@link readWeights} needs of the metadata that an export carries. */
const metadataSchema = z.looseObject({ weights: z.record(z.string(), z.object({ weight: z.string(), bits: z.number().int().min(2).max(8) })) });

/**
 * The quantized weights of a model that this program exported.
 * @throws UserError where the model carries none
 */
export function readWeights(model: ModelProto, file: string): WeightQuantization[] {
  const text = model.metadataProps.find(({ key }) => key === "brecq")?.value;
  const parsed = metadataSchema.safeParse(text === undefined ? undefined : JSON.parse(text));
  if (!parsed.success) throw new UserError("The model was not written by brecq.", { hint: "Name the result.json of a finished run.", place: { file } });
  const graph = new Graph(model);
  const byName = new Map(graph.nodes.map((node) => [node.name, node]));
  return Object.entries(parsed.data.weights).map(([layer, { weight, bits }]) => {
    const node = byName.get(weightNodeName(layer));
    if (!node) throw new UserError(`The quantized weights of "${layer}" are not in the model.`, { hint: "Do the run again.", place: { file, node: layer } });
    return { layer, weight, bits, ...readNode(graph, node) };
  });
}

function readNode(graph: Graph, node: NodeProto): Omit<WeightQuantization, "layer" | "weight" | "bits"> {
  const [values, scale, zeroPoint] = node.input.map((input) => graph.constant(input));
  if (!values || !scale || !zeroPoint) throw new UserError("A quantized weight is not a constant.", { hint: "Do the run again.", place: { node: node.name } });
  return {
    dims: values.dims,
    axis: intAttribute(node, "axis", 1),
    scale: floatData(scale),
    zeroPoint: zeroPoint.data as Uint8Array,
    values: values.data as Uint8Array,
  };
}
