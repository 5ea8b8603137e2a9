/** @file The BatchNormalization nodes of a network, with the statistics that its training data left in them. */
import { UserError } from "../../errors.ts";
import { floatAttribute } from "../../graph/attributes.ts";
import type { Graph } from "../../graph/graph.ts";
import { nodeReads } from "../../graph/graph.ts";
import type { PreparedGraph } from "../../graph/prepareGraph.ts";
import { isOperator } from "../../graph/subgraphs.ts";
import type { NodeProto } from "../../onnx/onnx_pb.ts";
import { toNumbers } from "../../onnx/tensor.ts";

/** What a BatchNormalization expects of its input: mean and standard deviation of each channel (axis 1). */
export interface NormLayer {
  readonly input: string;
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/**
 * The BatchNormalization nodes with constant statistics, in order.
 * @param prepared without folding
 * @throws UserError where there is none
 */
export function batchNormLayers({ graph, shapes }: PreparedGraph): NormLayer[] {
  const layers = graph.nodes.flatMap((node) => {
    if (!isOperator(node, "BatchNormalization") || !shapes.has(node.input[0]!)) return [];
    const [mean, variance] = [node.input[3], node.input[4]].map((name) => graph.constant(name ?? ""));
    if (!mean || !variance) return [];
    const epsilon = floatAttribute(node, "epsilon", 1e-5);
    const deviation = toNumbers(variance).map((value) => Math.sqrt(value + epsilon));
    return [{ input: node.input[0]!, mean: toNumbers(mean), deviation }];
  });
  if (layers.length > 0) return layers;
  throw new UserError("The model has no BatchNormalization left, so there are no statistics to make calibration images from.", {
    hint: 'Export it without folding (in PyTorch: torch.onnx.export with training=TrainingMode.PRESERVE), or name a folder of images in "calibration".',
  });
}

/** The nodes that the layers' inputs depend on. */
export function nodesBefore(graph: Graph, layers: readonly NormLayer[]): NodeProto[] {
  const needed = new Set(layers.map(({ input }) => input));
  const nodes: NodeProto[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.output.some((output) => needed.has(output))) continue;
    nodes.push(node);
    for (const value of nodeReads(node)) needed.add(value);
  }
  return nodes.reverse();
}
