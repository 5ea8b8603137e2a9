/**
 * @file A block's training compiled to one ONNX graph: a Loop whose body is a whole step (gather a minibatch, soft-rounded forward pass
 * through quantized activations, loss, reverse-mode gradients, regularizer, Adam). The host passes sample indices
 * and the schedule of as many steps as it wants done at a call.
 */
import { create } from "@bufbuild/protobuf";
import { differentiate } from "../autodiff/differentiate.ts";
import type { ValueFacts } from "../autodiff/rule.ts";
import type { Random } from "../data/random.ts";
import { GraphBuilder, graphAttribute } from "../graph/builder.ts";
import type { Network } from "../graph/prepare.ts";
import { type ModelProto, type NodeProto, NodeProtoSchema, TensorProto_DataType } from "../onnx/onnx_pb.ts";
import { sizeOf, type Tensor } from "../onnx/tensor.ts";
import { emitRoundingGradient, emitSoftWeights, type RoundingProblem } from "../quantizers/adaptiveRounding.ts";
import { emitChannelGradients, emitChannels, unchangedChannels } from "../quantizers/channelParameters.ts";
import { emitMix } from "../quantizers/fakeQuantize.ts";
import { RandomMasks } from "../quantizers/randomMask.ts";
import type { CacheType } from "./activationCache.ts";
import { type ActivationTraining, emitQuantizers, emitScaleUpdate } from "./activationTraining.ts";
import { emitAdam } from "./adam.ts";
import { emitSegment, isBatched, runtimeDims, type Segment, withImports } from "./segment.ts";
import { type ConvolutionDims, emitWinograd, suitsWinograd } from "./winograd.ts";

/** Names of the training model's inputs besides `input_<i>` and `target_<j>`, and of its outputs. */
export const feeds = { samples: "samples", factors: "factors", steps: "steps", value: "value", mean: "mean", square: "square" } as const;

/** Names of the step sizes and their moments, as `value`, `mean` and `square` are those of the rounding. */
export const scaleFeeds = { value: "scale", mean: "scale_mean", square: "scale_square" } as const;

/** The same for the output channels' step sizes and biases. */
export const channelFeeds = { value: "channels", mean: "channels_mean", square: "channels_square" } as const;

/** The names of one trained vector and its moments. */
export type StateNames = typeof feeds | typeof scaleFeeds | typeof channelFeeds;

/** Columns of the `factors` input: see {@link emitAdam}, {@link emitRoundingGradient} and {@link emitScaleUpdate}. */
export const factorColumns = ["step", "correction", "strength", "power", "scaleStep", "channelStep"] as const;

export interface TrainingOptions {
  readonly network: Network;
  readonly segment: Segment;
  readonly batch: number;
  /** What the caches of inputs, targets and weights hold. */
  readonly cacheType?: CacheType | undefined;
  /** The rounding that is trained; undefined where the weights are settled. */
  readonly rounding?: RoundingProblem | undefined;
  /** Whether the step sizes of the weights, and the biases, are trained with the rounding. */
  readonly trainChannels?: boolean;
  /** Settled weights, by initializer. */
  readonly constants?: ReadonlyMap<string, Tensor> | undefined;
  readonly activations?: ActivationTraining | undefined;
  /** Whether the activations' step sizes are trained. */
  readonly trainScales?: boolean;
  /** Whether the squared errors have weights (`weight_<j>`), one an element. */
  readonly weighted?: boolean | undefined;
  /** QDrop (Wei et al. 2022): half of the elements of quantized activations, and of the mixed inputs, are FP32's. */
  readonly drop?: { readonly random: Random } | undefined;
  /** Inputs that are mixed with FP32's: at random with `drop`, otherwise in a fixed share. */
  readonly mixed?: MixedInputs | undefined;
}

/** Inputs of a segment that are given between the quantized prefix's values and the FP32 network's. */
export interface MixedInputs {
  readonly inputs: readonly number[];
  /** FP32's share, 0 to 1. */
  readonly share: number;
}

/** The names of a model's state with their sizes: of the rounding, of the step sizes, or of both. */
function stateOf({ rounding, trainChannels, activations, trainScales }: TrainingOptions): (readonly [name: string, size: number])[] {
  const names = (group: StateNames, size: number) => [group.value, group.mean, group.square].map((name) => [name, size] as const);
  return [
    ...(rounding ? names(feeds, rounding.start.length) : []),
    ...(rounding && trainChannels ? names(channelFeeds, unchangedChannels(rounding.quantizers).length) : []),
    ...(trainScales ? names(scaleFeeds, activations!.trained.length) : []),
  ];
}

/**
 * The training model. Inputs: `input_<i>` and `target_<j>` (the caches of the segment's inputs and of its {@link trainedOutputs}),
 * `weight_<j>` of the same shape as `target_<j>` where errors have weights, `fp32_<i>` for inputs that are mixed with FP32's, `samples` [steps, batch], `factors` [steps, columns], `steps` (scalar), and the state:
 * `value`, `mean`, `square` of the rounding and those of {@link channelFeeds} and {@link scaleFeeds}, as far as they are trained. Outputs: the new state under the
 * same names with `_out`, and `losses` [steps].
 */
export function trainingModel(options: TrainingOptions): ModelProto {
  const { network, segment, batch, mixed, cacheType = "float" } = options;
  const b = new GraphBuilder("train/");
  segment.inputs.forEach((input, i) => {
    b.input(`input_${i}`, isBatched(network, input) ? cacheType : network.shapes.typeOf(input), cacheDims(network, input));
    if (mixed?.inputs.includes(i)) b.input(`fp32_${i}`, cacheType, cacheDims(network, input));
  });
  trainedOutputs(network, segment).forEach((output, j) => {
    b.input(`target_${j}`, cacheType, cacheDims(network, output));
    if (options.weighted) b.input(`weight_${j}`, cacheType, cacheDims(network, output));
  });
  b.input(feeds.samples, "int64", ["steps", batch]);
  b.input(feeds.factors, "float", ["steps", factorColumns.length]);
  b.input(feeds.steps, "int64", []);
  const state = stateOf(options);
  for (const [name, size] of state) b.input(name, "float", [size]);
  const results = [...state.map(([name]) => name), "losses"].map((name) => `${name}_final`);
  b.add(
    create(NodeProtoSchema, {
      opType: "Loop",
      name: "training",
      input: [feeds.steps, "", ...state.map(([name]) => name)],
      output: results,
      attribute: [graphAttribute("body", stepBody(options))],
    }),
  );
  for (const [i, [name, size]] of state.entries()) b.output(results[i]!, `${name}_out`, "float", [size]);
  b.output(results.at(-1)!, "losses", "float", ["steps"]);
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

function stepBody(options: TrainingOptions) {
  const { network, segment, rounding, constants, batch, activations, drop, mixed } = options;
  const b = new GraphBuilder("step/");
  const index = b.input("step/index", "int64", []);
  const goOn = b.input("step/continue", "bool", []);
  const state = new Map(stateOf(options).map(([name, size]) => [name, b.input(`step/${name}`, "float", [size])]));
  const stateValues = (group: StateNames) => {
    const [value, mean, square] = [group.value, group.mean, group.square].map((name) => state.get(name)!) as [string, string, string];
    return { value, mean, square };
  };

  const samples = b.op("Gather", [feeds.samples, index], { axis: 0 });
  const factors = b.op("Gather", [feeds.factors, index], { axis: 0 });
  const [step, correction, strength, power, scaleStep, channelStep] = factorColumns.map((_, column) =>
    b.op("Gather", [factors, b.ints([column])], { axis: 0 }),
  ) as [string, string, string, string, string, string];

  for (const [name, tensor] of constants ?? []) b.constant(tensor, name);
  const soft = rounding && emitSoftWeights(b, rounding, state.get(feeds.value)!);
  const channels =
    soft && state.has(channelFeeds.value) ? emitChannels(b, rounding!.quantizers, soft.weights, state.get(channelFeeds.value)!) : undefined;
  const weights = channels?.weights ?? soft?.weights ?? [];
  const replaced = new Map(rounding?.quantizers.map(({ layer }, i) => [layer.weight, weights[i]!]));
  for (const [bias, { value }] of channels?.biases ?? []) replaced.set(bias, value);
  const gather = (value: string, cache: string) => {
    const rows = gatherSamples(b, network, value, cache, samples, batch);
    return options.cacheType === "float16" ? b.op("Cast", [rows], { to: TensorProto_DataType.FLOAT }) : rows;
  };
  const masks = drop && new RandomMasks(b, drop.random);
  segment.inputs.forEach((input, i) => {
    const gathered = isBatched(network, input) ? gather(input, `input_${i}`) : `input_${i}`;
    if (!mixed?.inputs.includes(i)) {
      replaced.set(input, gathered);
      return;
    }
    const share = masks?.emit(network.shapes.shapeOf(input, batch)) ?? b.scalar(mixed.share);
    replaced.set(input, emitMix(b, gather(input, `fp32_${i}`), gathered, share));
  });
  const quantizers = activations && emitQuantizers(b, network, batch, activations, state.get(scaleFeeds.value), masks);
  const added = new Map<string, readonly number[]>();
  const nodes = emitSegment(b, network, segment.nodes, replaced, quantizers?.quantizers, (node, original) => {
    const convolution = convolutionOf(network, original, batch);
    if (!convolution) return undefined;
    const emitted = emitWinograd(b, node, convolution);
    for (const [value, dims] of emitted.dims) added.set(value, dims);
    return emitted.nodes;
  });
  for (const scalar of quantizers?.scalars ?? []) added.set(scalar, []);

  const seeds = new Map<string, string>();
  const losses = trainedOutputs(network, segment).map((output, j) => {
    const target = gather(output, `target_${j}`);
    const weights = options.weighted ? gather(output, `weight_${j}`) : undefined;
    const { loss, gradient } = emitSquaredError(b, output, target, network.shapes.shapeOf(output, batch), weights);
    seeds.set(output, gradient);
    return loss;
  });
  const loss = losses.length === 1 ? losses[0]! : b.op("Sum", losses);

  const originals = new Map([...[...replaced].map(([original, name]) => [name, original] as const), ...(quantizers?.standIns ?? [])]);
  const facts = batchFacts(network, b, batch, originals, added);
  const wrt = [...weights, ...[...(channels?.biases.values() ?? [])].map(({ value }) => value), ...(quantizers?.scales ?? [])];
  const gradients = differentiate({ builder: b, nodes, facts, opset: network.graph.opset, seeds, wrt });
  const gradientAt = (value: string) => gradients.get(value) ?? b.op("Mul", [value, b.scalar(0)]);

  b.output(goOn, "step/continue_out", "bool", []);
  if (soft) {
    const atChannels = channels && emitChannelGradients(b, rounding!.quantizers, channels, gradientAt);
    const gradient = emitRoundingGradient(b, rounding!, soft, atChannels?.soft ?? weights.map(gradientAt), strength, power);
    outputState(feeds, emitAdam(b, { ...stateValues(feeds), gradient, step, correction }));
    if (atChannels)
      outputState(channelFeeds, emitAdam(b, { ...stateValues(channelFeeds), gradient: atChannels.state, step: channelStep, correction }));
  }
  if (state.has(scaleFeeds.value)) {
    const gradient = quantizers!.scales.map(gradientAt);
    outputState(scaleFeeds, emitScaleUpdate(b, network, activations!, gradient, { ...stateValues(scaleFeeds), step: scaleStep, correction }));
  }
  b.output(loss, "step/loss_out", "float", []);
  return b.graph("step");

  function outputState(group: StateNames, updated: { value: string; mean: string; square: string }): void {
    for (const key of ["value", "mean", "square"] as const) {
      const name = `step/${group[key]}_out`;
      b.rename(updated[key], name);
      b.output(name, name, "float");
    }
  }
}

/** The dims of a node that {@link emitWinograd} computes faster; undefined for all others. */
function convolutionOf(network: Network, node: NodeProto, batch: number): ConvolutionDims | undefined {
  if (node.opType !== "Conv" || network.shapes.typeOf(node.output[0]!) !== "float") return undefined;
  const [input, weights] = node.input.map((value) => network.graph.constant(value)?.dims ?? network.shapes.shapeOf(value, batch));
  const dims = { input: input!, weights: weights!, output: network.shapes.shapeOf(node.output[0]!, batch) };
  return suitsWinograd(node, dims) ? dims : undefined;
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

/**
 * What is known of values that a graph takes over from the network at a batch size, under the names that they have in `b`.
 * @param added dims of float values that are not the network's
 */
export function batchFacts(
  network: Network,
  b: GraphBuilder,
  batch: number,
  originals: ReadonlyMap<string, string> = new Map(),
  added: ReadonlyMap<string, readonly number[]> = new Map(),
): ValueFacts {
  const original = (value: string) => originals.get(value) ?? value;
  const constantOf = (value: string) => network.graph.constant(original(value)) ?? b.constantOf(value);
  return {
    shapeOf: (value) => added.get(value) ?? constantOf(value)?.dims ?? network.shapes.shapeOf(original(value), batch),
    typeOf: (value) => (added.has(value) ? "float" : (constantOf(value)?.type ?? network.shapes.typeOf(original(value)))),
    constantOf: (value) => b.constantOf(value),
  };
}
