/** @file A Conv and its gradients in one graph, by ONNX Runtime's operator or by Winograd's tiles: what the test compares and the bench times. */
import { differentiate } from "../../src/engine/autodiff/differentiate.ts";
import type { GraphBuilder } from "../../src/engine/graph/builder.ts";
import type { NodeProto } from "../../src/engine/onnx/onnx_pb.ts";
import { type ConvolutionDims, emitWinograd } from "../../src/engine/reconstruction/winograd.ts";

/**
 * Emits a `float` Conv and its gradients at `wrt` for the gradient `dy` at its output.
 * @param inputs dims of the node's inputs, by name
 */
export function emitWithGradients(
  b: GraphBuilder,
  conv: NodeProto,
  dims: ConvolutionDims,
  inputs: ReadonlyMap<string, readonly number[]>,
  byTiles: boolean,
) {
  if (!byTiles) b.add(conv);
  const { nodes, dims: between } = byTiles ? emitWinograd(b, conv, dims) : { nodes: [conv], dims: new Map<string, readonly number[]>() };
  const output = conv.output[0]!;
  const facts = {
    shapeOf: (value: string) => (value === output ? dims.output : (inputs.get(value) ?? between.get(value) ?? b.constantOf(value)!.dims)),
    typeOf: (value: string) => b.constantOf(value)?.type ?? ("float" as const),
    constantOf: (value: string) => b.constantOf(value),
  };
  const gradients = differentiate({ builder: b, nodes, facts, opset: 17, seeds: new Map([[output, "dy"]]), wrt: [...inputs.keys()] });
  return { nodes, gradients };
}
