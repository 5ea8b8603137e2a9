/**
 * @file The making of a batch of images compiled to one ONNX graph: a Loop whose body is a whole step (forward pass, distance of
 * the batch's statistics from those that BatchNormalization holds, gradients at the images, Adam). The images themselves are what is trained.
 */
import { create } from "@bufbuild/protobuf";
import { differentiate } from "../../autodiff/differentiate.ts";
import type { ValueFacts } from "../../autodiff/rule.ts";
import { GraphBuilder, graphAttribute } from "../../graph/builder.ts";
import type { Network } from "../../graph/prepare.ts";
import { type ModelProto, NodeProtoSchema } from "../../onnx/onnx_pb.ts";
import { floatTensor, type Tensor } from "../../onnx/tensor.ts";
import { emitAdam } from "../../reconstruction/adam.ts";
import { emitSegment, withImports } from "../../reconstruction/segment.ts";
import { type NormLayer, nodesBefore } from "./batchNormLayers.ts";

/** How the trained variable becomes the network's input: x = centre + spread · variable, kept in [low, high]; each a channel, broadcast to a sample. */
export interface ImageSpace {
  readonly centre: Tensor;
  readonly spread: Tensor;
  /** Bounds of the variable, where pixels have any. */
  readonly bounds: { readonly low: Tensor; readonly high: Tensor } | undefined;
  /** The axes of one image's positions, over which the variable is held to mean 0 and deviation 1; none for inputs that are no images. */
  readonly positions: readonly number[];
}

export interface DistillProblem {
  /** Prepared without folding. */
  readonly network: Pick<Network, "graph" | "shapes">;
  readonly input: string;
  readonly layers: readonly NormLayer[];
  readonly space: ImageSpace;
  readonly batch: number;
}

/** Keeps deviations differentiable where a channel is constant. */
const smallestVariance = 1e-8;

/**
 * The model. Inputs: `images`, `mean`, `square` [batch, …] (the trained variable and Adam's state), `factors` [steps, 2] and `steps`.
 * Outputs: the same three with `_out`, `losses` [steps], and `samples` [batch, …], the network's input that the images stand for.
 */
export function distillModel(problem: DistillProblem): ModelProto {
  const { network, input, batch, space } = problem;
  const dims = network.shapes.shapeOf(input, batch);
  const b = new GraphBuilder("distill/");
  b.input("factors", "float", ["steps", 2]);
  const steps = b.input("steps", "int64", []);
  const state = ["images", "mean", "square"].map((name) => b.input(name, "float", dims));
  const results = ["images", "mean", "square", "losses"].map((name) => `${name}_final`);
  const body = graphAttribute("body", stepBody(problem, dims));
  b.add(create(NodeProtoSchema, { opType: "Loop", name: "distillation", input: [steps, "", ...state], output: results, attribute: [body] }));
  ["images", "mean", "square"].forEach((name, i) => {
    b.output(results[i]!, `${name}_out`, "float", dims);
  });
  b.output(results[3]!, "losses", "float", ["steps"]);
  b.output(emitSamples(b, results[0]!, space), "samples", "float", dims);
  const model = b.model({ opset: network.graph.opset, irVersion: network.graph.irVersion });
  return withImports(model, network as Network);
}

function emitSamples(b: GraphBuilder, images: string, { centre, spread }: ImageSpace): string {
  return b.op("Add", [b.op("Mul", [images, b.constant(spread)]), b.constant(centre)]);
}

function stepBody({ network, input, layers, space, batch }: DistillProblem, dims: readonly number[]) {
  const b = new GraphBuilder("step/");
  const index = b.input("step/index", "int64", []);
  const goOn = b.input("step/continue", "bool", []);
  const [images, mean, square] = ["images", "mean", "square"].map((name) => b.input(`step/${name}`, "float", dims)) as [string, string, string];
  const factors = b.op("Gather", ["factors", index], { axis: 0 });
  const [step, correction] = [0, 1].map((column) => b.op("Gather", [factors, b.ints([column])], { axis: 0 })) as [string, string];

  const samples = emitSamples(b, images, space);
  const nodes = emitSegment(b, network as Network, nodesBefore(network.graph, layers), new Map([[input, samples]]));
  const name = (value: string) => (value === input ? samples : value);
  const seeds = new Map<string, string>();
  const losses: string[] = [];
  for (const layer of layers) {
    const value = name(layer.input);
    const layerDims = network.shapes.shapeOf(layer.input, batch);
    const axes = layerDims.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
    const perChannel = (values: readonly number[]) =>
      b.constant(
        floatTensor(
          values,
          layerDims.map((_, axis) => (axis === 1 ? values.length : 1)),
        ),
      );
    const { loss, gradient } = emitStatisticsLoss(b, value, layerDims, axes, perChannel(layer.mean), perChannel(layer.deviation));
    losses.push(loss);
    const present = seeds.get(value);
    seeds.set(value, present ? b.op("Add", [present, gradient]) : gradient);
  }
  const gradients = differentiate({ builder: b, nodes, facts: stepFacts(), opset: network.graph.opset, seeds, wrt: [samples] });
  let gradient = b.op("Mul", [gradients.get(samples) ?? b.op("Mul", [images, b.scalar(0)]), b.constant(space.spread)]);
  if (space.positions.length > 0) {
    const own = emitStatisticsLoss(b, images, dims, space.positions, b.scalar(0), b.scalar(1));
    losses.push(own.loss);
    gradient = b.op("Add", [gradient, own.gradient]);
  }
  const updated = emitAdam(b, { value: images, mean, square, gradient, step, correction });
  const { bounds } = space;
  const kept = bounds ? b.op("Min", [b.op("Max", [updated.value, b.constant(bounds.low)]), b.constant(bounds.high)]) : updated.value;

  b.output(goOn, "step/continue_out", "bool", []);
  b.output(kept, "step/images_out", "float", dims);
  b.output(updated.mean, "step/mean_out", "float", dims);
  b.output(updated.square, "step/square_out", "float", dims);
  b.output(
    losses.reduce((sum, loss) => b.op("Add", [sum, loss])),
    "step/loss_out",
    "float",
    [],
  );
  return b.graph("step");

  function stepFacts(): ValueFacts {
    const original = (value: string) => (value === samples ? input : value);
    return {
      shapeOf: (value) => network.graph.constant(value)?.dims ?? network.shapes.shapeOf(original(value), batch),
      typeOf: (value) => network.graph.constant(value)?.type ?? network.shapes.typeOf(original(value)),
      constantOf: (value) => b.constantOf(value),
    };
  }
}

/**
 * Mean over all statistics of (m - mean)² + (s - deviation)², where m and s are taken over `axes` (ZeroQ, Cai et al. 2020, equation 3);
 * with its gradient at the value: dm/dx = 1/M, ds/dx = (x - m) / (M s) for M elements.
 */
function emitStatisticsLoss(b: GraphBuilder, value: string, dims: readonly number[], axes: readonly number[], mean: string, deviation: string) {
  const elements = axes.reduce((product, axis) => product * dims[axis]!, 1);
  const statistics = dims.reduce((product, dim) => product * dim, 1) / elements;
  const average = (x: string) => b.op("ReduceMean", [x], { axes, keepdims: 1 });
  const m = average(value);
  const centred = b.op("Sub", [value, m]);
  const s = b.op("Sqrt", [b.op("Add", [average(b.op("Mul", [centred, centred])), b.scalar(smallestVariance)])]);
  const [meanError, deviationError] = [b.op("Sub", [m, mean]), b.op("Sub", [s, deviation])];
  const squares = b.op("Add", [b.op("ReduceSumSquare", [meanError], { keepdims: 0 }), b.op("ReduceSumSquare", [deviationError], { keepdims: 0 })]);
  const atDeviation = b.op("Mul", [centred, b.op("Div", [deviationError, s])]);
  const gradient = b.op("Mul", [b.op("Add", [meanError, atDeviation]), b.scalar(2 / (elements * statistics))]);
  return { loss: b.op("Mul", [squares, b.scalar(1 / statistics)]), gradient };
}
