/** @file How wide the integers of activations are in a native file. */
import { intAttribute } from "../graph/attributes.ts";
import type { Graph } from "../graph/graph.ts";
import { isOperator, nodesWithin } from "../graph/subgraphs.ts";
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { dataTypeCode } from "../onnx/tensorCodec.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";

/**
 * The bits whose integer type all activations get: those of the widest, and 8 where the network makes other tensors of bytes.
 *
 * ONNX Runtime (seen in 1.26 and in 1.30 for Node.js, mended in 1.32) counts UINT4 and UINT2 tensors as one byte an element when it looks
 * for memory to use again. A UINT8 or bool tensor of the same shape then gets the half or quarter that the other one had, and overwrites
 * what lies behind: the process crashes sooner or later, at every level, also without optimizations. Weights are constants and safe.
 */
export function activationBits(graph: Graph, activations: readonly Pick<ActivationQuantization, "bits">[]): number {
  for (const node of nodesWithin(graph.nodes)) if (makesBytes(node)) return 8;
  return activations.reduce((widest, { bits }) => Math.max(widest, bits), 2);
}

const byteOperators = ["And", "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Not", "Or", "QuantizeLinear", "Xor"];

const byteTypes: readonly number[] = (["uint8", "int8", "bool"] as const).map(dataTypeCode);

function makesBytes(node: NodeProto): boolean {
  return isOperator(node, ...byteOperators) || (isOperator(node, "Cast") && byteTypes.includes(intAttribute(node, "to", 0)));
}
