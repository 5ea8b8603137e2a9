/** @file The gradient of the task loss at values inside the network, as a model: forward pass, loss, and reverse pass to these values. */
import { differentiate } from "../autodiff/differentiate.ts";
import { hasRule, ruleFor } from "../autodiff/rules.ts";
import { withoutGradient } from "../autodiff/withoutGradient.ts";
import { normal, type Random } from "../data/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { nodeLabel, nodeReads } from "../graph/graph.ts";
import type { Network } from "../graph/prepare.ts";
import type { ModelProto, NodeProto } from "../onnx/onnx_pb.ts";
import { floatTensor, int64Tensor, sizeOf, type Tensor } from "../onnx/tensor.ts";
import { emitSegment, isBatched, withImports } from "./segment.ts";
import { batchFacts } from "./trainingStep.ts";

/**
 * What a network is taken to be trained for. "classes": cross-entropy of the softmax of `values` (one, [batch, classes]). "regression":
 * half the squared error of each of `values`.
 */
export interface TaskLoss {
  readonly kind: "classes" | "regression";
  readonly values: readonly string[];
}

/** A classifier has a single output of scores or probabilities, [batch, classes]; any other network is taken for a regression. */
export function findTaskLoss(network: Network): TaskLoss {
  const { graph, shapes } = network;
  const outputs = graph.outputs
    .map(({ name }) => name)
    .filter((name) => shapes.has(name) && shapes.typeOf(name) === "float" && isBatched(network, name));
  const [output] = outputs;
  if (graph.outputs.length !== 1 || output === undefined) return { kind: "regression", values: outputs };
  const dims = shapes.shapeOf(output, 1);
  if (dims.length !== 2 || dims[0] !== 1 || dims[1]! < 2) return { kind: "regression", values: outputs };
  const last = graph.producer(output);
  const scores = last?.opType === "Softmax" || last?.opType === "LogSoftmax" ? last.input[0]! : output;
  return { kind: "classes", values: [scores] };
}

/** The values from which the loss's gradient can be had; `obstacle` names the last operator that has no rule, where there is one on the way. */
export function reachableByGradients(network: Network, task: TaskLoss): { reachable: Set<string>; obstacle: string | undefined } {
  const reachable = new Set(task.values);
  const blocked = new Set<string>();
  let obstacle: string | undefined;
  for (const node of network.graph.nodes.toReversed()) {
    const isNeeded = node.output.some((value) => reachable.has(value) || blocked.has(value));
    if (!isNeeded || ruleFor(node) === withoutGradient) continue;
    const known = hasRule(node.opType, node.domain);
    if (!known) obstacle ??= `${node.opType} ${nodeLabel(node)} has no gradient rule`;
    const into = known && !node.output.some((value) => blocked.has(value)) ? reachable : blocked;
    for (const value of nodeReads(node)) into.add(value);
  }
  for (const value of blocked) reachable.delete(value);
  return { reachable, obstacle };
}

/** Names of the model's inputs beside the network's own. */
const labelsInput = "fisher_labels";
const noiseInput = (index: number) => `fisher_noise_${index}`;

/** The output that holds the squared gradient at the value of this index. */
export function squaredGradient(index: number): string {
  return `fisher_square_${index}`;
}

export interface GradientOptions {
  readonly task: TaskLoss;
  /** The values at which the gradient is wanted. */
  readonly values: readonly string[];
  readonly batch: number;
  /** Whether the classes are fed. If not, they are drawn from the predicted distribution, as the Fisher information's definition has it. */
  readonly labelled: boolean;
}

/** The model: the network's inputs and what {@link drawFeeds} gives, to the squared gradients at `values` by {@link squaredGradient}. */
export function gradientModel(network: Network, { task, values, batch, labelled }: GradientOptions): ModelProto {
  const { graph, shapes } = network;
  const b = new GraphBuilder("fisher/");
  for (const { name } of graph.inputs) b.input(name, shapes.typeOf(name), shapes.shapeOf(name, batch));
  const nodes = emitSegment(b, network, nodesBefore(network, task.values), new Map());
  const seeds = new Map(
    task.values.map((value, i) => [value, task.kind === "classes" ? emitClassGradient(b, value, shapes.shapeOf(value, batch), labelled) : noise(i)]),
  );
  const gradients = differentiate({ builder: b, nodes, facts: batchFacts(network, b, batch), opset: graph.opset, seeds, wrt: values });
  values.forEach((value, i) => {
    const gradient = gradients.get(value);
    const square = gradient === undefined ? b.op("Mul", [value, b.scalar(0)]) : b.op("Mul", [gradient, gradient]);
    b.output(square, squaredGradient(i), "float", shapes.shapeOf(value, batch));
  });
  return withImports(b.model({ opset: graph.opset, irVersion: graph.irVersion }), network);

  /** The gradient of half a squared error is the error: of unit variance, for a model of Gaussian outputs. */
  function noise(index: number): string {
    return b.input(noiseInput(index), "float", shapes.shapeOf(task.values[index]!, batch));
  }
}

/** The gradient of the cross-entropy at the scores, softmax minus one-hot class. A class is drawn as the greatest of scores plus Gumbel noise. */
function emitClassGradient(b: GraphBuilder, scores: string, dims: readonly number[], labelled: boolean): string {
  const labels = labelled
    ? b.input(labelsInput, "int64", dims.slice(0, 1))
    : b.op("ArgMax", [b.op("Add", [scores, b.input(noiseInput(0), "float", dims)])], { axis: 1, keepdims: 0 });
  const oneHot = b.op("OneHot", [labels, b.ints([dims[1]!]), b.constant(floatTensor([0, 1]))], { axis: 1 });
  return b.op("Sub", [b.op("Softmax", [scores], { axis: 1 }), oneHot]);
}

/** The classes of a batch, or the random numbers that decide them. */
export function drawFeeds(network: Network, task: TaskLoss, random: Random, batch: number, labels?: Int32Array): Record<string, Tensor> {
  if (task.kind === "classes" && labels) return { [labelsInput]: int64Tensor([...labels]) };
  const draw = task.kind === "classes" ? () => -Math.log(-Math.log(random.next() + 2 ** -33)) : () => normal(random);
  return Object.fromEntries(
    task.values.map((value, i) => {
      const dims = network.shapes.shapeOf(value, batch);
      return [noiseInput(i), floatTensor(Float32Array.from({ length: sizeOf(dims) }, draw), dims)];
    }),
  );
}

/** The nodes that some values depend on, in order. */
function nodesBefore({ graph }: Network, values: readonly string[]): NodeProto[] {
  const needed = new Set(values);
  const found: NodeProto[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.output.some((value) => needed.has(value))) continue;
    found.push(node);
    for (const value of nodeReads(node)) needed.add(value);
  }
  return found.reverse();
}
