/** @file Which values have a shape that follows from the inputs' shapes alone. */
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { type Graph, nodeReads } from "./graph.ts";

/** Operators whose outputs have no shape that is known beforehand: it depends on data, or they are sequences, optionals or maps. */
const shapelessOperators = new Set([
  "Compress",
  "ImageDecoder",
  "NonMaxSuppression",
  "NonZero",
  "StringSplit",
  "Unique",
  "Optional",
  "SequenceConstruct",
  "SequenceEmpty",
  "SequenceErase",
  "SequenceInsert",
  "SequenceMap",
  "SplitToSequence",
  "ZipMap",
]);

/** Inputs whose numbers tell the shape of the outputs, by position. */
const shapeInputs: Readonly<Record<string, readonly number[]>> = {
  AffineGrid: [1],
  BlackmanWindow: [0],
  CenterCropPad: [1],
  Col2Im: [1, 2],
  ConstantOfShape: [0],
  DFT: [1, 2],
  Expand: [1],
  HammingWindow: [0],
  HannWindow: [0],
  If: [0],
  Loop: [0, 1],
  MaxUnpool: [2],
  MelWeightMatrix: [0, 1],
  OneHot: [1],
  Pad: [1, 3],
  Range: [0, 1, 2],
  Reshape: [1],
  Resize: [1, 2, 3],
  STFT: [1, 3],
  Slice: [1, 2, 3, 4],
  Split: [1],
  Squeeze: [1],
  Tile: [1],
  TopK: [1],
  Unsqueeze: [1],
  Upsample: [1],
};

/**
 * Graph inputs and node outputs, but for those whose shape depends on the numbers in an input: what is seen of them at one input need not hold
 * at another.
 */
export function shapedValues(graph: Graph): string[] {
  const shapeless = new Set<string>();
  // Values computed from the inputs' numbers, not only from their shapes.
  const varying = new Set(graph.inputs.map(({ name }) => name));
  const shaped = [...varying];
  for (const node of graph.nodes) {
    const outputs = node.output.filter((output) => output !== "");
    const reads = nodeReads(node);
    const isShapeless = isShapedByData(node, varying) || reads.some((value) => shapeless.has(value));
    for (const output of outputs) {
      if (isShapeless) shapeless.add(output);
      else shaped.push(output);
      if (isShapeless || (!asksShape(node) && reads.some((value) => varying.has(value)))) varying.add(output);
    }
  }
  return shaped;
}

function asksShape({ opType }: NodeProto): boolean {
  return opType === "Shape" || opType === "Size";
}

function isShapedByData({ opType, input }: NodeProto, varying: ReadonlySet<string>): boolean {
  if (shapelessOperators.has(opType)) return true;
  const positions = opType.startsWith("Reduce") ? [1] : (shapeInputs[opType] ?? []);
  return positions.some((position) => varying.has(input[position] ?? ""));
}
