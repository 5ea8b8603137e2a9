/**
 * @file A block's training compiled to one ONNX graph: a Loop whose body is a whole step (gather a minibatch,
 * soft-rounded forward pass, loss, reverse-mode gradients, regularizer, Adam). The host passes sample indices
 * and the schedule of as many steps as it wants done at a call.
 */
import { create } from "@bufbuild/protobuf";
import { differentiate } from "../autodiff/differentiate.ts";
import type { ValueFacts } from "../autodiff/rule.ts";
import { GraphBuilder, graphAttribute } from "../graph/builder.ts";
import type { Network } from "../graph/prepare.ts";
import { type ModelProto, NodeProtoSchema } from "../onnx/onnx_pb.ts";
import { sizeOf } from "../onnx/tensor.ts";
import { emitRoundingGradient, emitSoftWeights, type RoundingProblem } from "../quantizers/adaptiveRounding.ts";
import { emitAdam } from "./adam.ts";
import { emitSegment, isBatched, runtimeDims, type Segment, withImports } from "./segment.ts";

/** Names of the training model's inputs besides `input_<i>` and `target_<j>`, and of its outputs. */
export const feeds = { samples: "samples", factors: "factors", steps: "steps", value: "value", mean: "mean", square: "square" } as const;

/** Columns of the `factors` input [steps, 4]: see {@link emitAdam} and {@link emitRoundingGradient}. */
export const factorColumns = ["step", "correction", "strength", "power"] as const;

export interface TrainingOptions {
  readonly network: Network;
  readonly segment: Segment;
  readonly rounding: RoundingProblem;
  readonly batch: number;
  /** Whether the squared errors have weights (`weight_<j>`), one an element. */
  readonly weighted?: boolean | undefined;
}

/**
 * The training model. Inputs: `input_<i>` and `target_<j>` (the caches of the segment's inputs and of its {@link trainedOutputs}),
 * `weight_<j>` of the same shape as `target_<j>` where errors have weights,
 * `samples` [steps, batch], `factors` [steps, 4], `steps` (scalar), and the state `value`, `mean`, `square`
 * [size]. Outputs: the new state under the same names with `_out`, and `losses` [steps].
 */
export function trainingModel(options: TrainingOptions): ModelProto {
  const { network, segment, rounding, batch } = options;
  const size = rounding.start.length;
  const b = new GraphBuilder("train/");
  segment.inputs.forEach((input, i) => {
    b.input(`input_${i}`, network.shapes.typeOf(input), cacheDims(network, input));
  });
  trainedOutputs(network, segment).forEach((output, j) => {
    b.input(`target_${j}`, "float", cacheDims(network, output));
    if (options.weighted) b.input(`weight_${j}`, "float", cacheDims(network, output));
  });
  b.input(feeds.samples, "int64", ["steps", batch]);
  b.input(feeds.factors, "float", ["steps", factorColumns.length]);
  b.input(feeds.steps, "int64", []);
  const state = [feeds.value, feeds.mean, feeds.square].map((name) => b.input(name, "float", [size]));
  const results = [feeds.value, feeds.mean, feeds.square, "losses"].map((name) => `${name}_final`);
  b.add(
    create(NodeProtoSchema, {
      opType: "Loop",
      name: "training",
      input: [feeds.steps, "", ...state],
      output: results,
      attribute: [graphAttribute("body", stepBody(options))],
    }),
  );
  for (const [i, name] of [feeds.value, feeds.mean, feeds.square].entries()) b.output(results[i]!, `${name}_out`, "float", [size]);
  b.output(results[3]!, "losses", "float", ["steps"]);
  return withImports(b.model({ opset: network.graph.opset, irVersion: network.graph.irVersion }), network);
}

/** The outputs that the loss compares: float values with a row a sample. */
export function trainedOutputs(network: Network, segment: Segment): string[] {
  return segment.outputs.filter((output) => network.shapes.typeOf(output) === "float" && isBatched(network, output));
}

/** A cache's dims in the graph: all samples, or the value itself where it has no sample axis. */
function cacheDims(network: Network, value: string) {
  if (!isBatched(network, value)) return runtimeDims(network, value);
  return ["rows", ...network.shapes.shapeOf(value, 1).slice(1)];
}

function stepBody({ network, segment, rounding, batch, weighted }: TrainingOptions) {
  const size = rounding.start.length;
  const b = new GraphBuilder("step/");
  const index = b.input("step/index", "int64", []);
  const goOn = b.input("step/continue", "bool", []);
  const value = b.input("step/value", "float", [size]);
  const mean = b.input("step/mean", "float", [size]);
  const square = b.input("step/square", "float", [size]);

  const samples = b.op("Gather", [feeds.samples, index], { axis: 0 });
  const factors = b.op("Gather", [feeds.factors, index], { axis: 0 });
  const [step, correction, strength, power] = factorColumns.map((_, column) => b.op("Gather", [factors, b.ints([column])], { axis: 0 })) as [
    string,
    string,
    string,
    string,
  ];

  const soft = emitSoftWeights(b, rounding, value);
  const replaced = new Map(rounding.quantizers.map(({ layer }, i) => [layer.weight, soft.weights[i]!]));
  segment.inputs.forEach((input, i) => {
    replaced.set(input, isBatched(network, input) ? gatherSamples(b, network, input, `input_${i}`, samples, batch) : `input_${i}`);
  });
  const nodes = emitSegment(b, network, segment.nodes, replaced);

  const seeds = new Map<string, string>();
  const losses = trainedOutputs(network, segment).map((output, j) => {
    const target = gatherSamples(b, network, output, `target_${j}`, samples, batch);
    const weights = weighted ? gatherSamples(b, network, output, `weight_${j}`, samples, batch) : undefined;
    const { loss, gradient } = emitSquaredError(b, output, target, network.shapes.shapeOf(output, batch), weights);
    seeds.set(output, gradient);
    return loss;
  });
  const loss = losses.length === 1 ? losses[0]! : b.op("Sum", losses);

  const facts = batchFacts(network, b, batch, new Map([...replaced].map(([original, name]) => [name, original])));
  const gradients = differentiate({ builder: b, nodes, facts, opset: network.graph.opset, seeds, wrt: soft.weights });
  const atWeights = soft.weights.map((weight) => gradients.get(weight) ?? b.op("Mul", [weight, b.scalar(0)]));
  const gradient = emitRoundingGradient(b, soft, atWeights, strength, power);
  const updated = emitAdam(b, { value, mean, square, gradient, step, correction });

  b.output(goOn, "step/continue_out", "bool", []);
  b.output(updated.value, "step/value_out", "float", [size]);
  b.output(updated.mean, "step/mean_out", "float", [size]);
  b.output(updated.square, "step/square_out", "float", [size]);
  b.output(loss, "step/loss_out", "float", []);
  return b.graph("step");
}

/** Picks the minibatch's rows of a cache; a sample may take several rows of the first axis. */
function gatherSamples(b: GraphBuilder, network: Network, value: string, cache: string, samples: string, batch: number): string {
  const dims = network.shapes.shapeOf(value, 1);
  if (dims[0] === 1) return b.op("Gather", [cache, samples], { axis: 0 });
  const perSample = b.op("Reshape", [cache, b.ints([-1, ...dims])]);
  return b.op("Reshape", [b.op("Gather", [perSample, samples], { axis: 0 }), b.ints([dims[0]! * batch, ...dims.slice(1)])]);
}

/**
 * Squared error, summed over channels (axis 1) and averaged over the rest, with its gradient (DESIGN section 4, `mse`); with weights, each
 * element's squared error counts as often as its weight says (`fisher`: BRECQ, equation 10).
 */
function emitSquaredError(b: GraphBuilder, output: string, target: string, dims: readonly number[], weights?: string) {
  const share = (dims[1] ?? 1) / sizeOf(dims);
  const difference = b.op("Sub", [output, target]);
  const weighted = weights ? b.op("Mul", [difference, weights]) : difference;
  const sum = weights
    ? b.op("ReduceSum", [b.op("Mul", [weighted, difference])], { keepdims: 0 })
    : b.op("ReduceSumSquare", [difference], { keepdims: 0 });
  return { loss: b.op("Mul", [sum, b.scalar(share)]), gradient: b.op("Mul", [weighted, b.scalar(2 * share)]) };
}

/** What is known of values that a graph takes over from the network at a batch size, under the names that they have in `b`. */
export function batchFacts(network: Network, b: GraphBuilder, batch: number, originals: ReadonlyMap<string, string> = new Map()): ValueFacts {
  const original = (value: string) => originals.get(value) ?? value;
  return {
    shapeOf: (value) => network.graph.constant(original(value))?.dims ?? network.shapes.shapeOf(original(value), batch),
    typeOf: (value) => network.graph.constant(original(value))?.type ?? network.shapes.typeOf(original(value)),
    constantOf: (value) => b.constantOf(value),
  };
}
