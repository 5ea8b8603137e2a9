/**
 * @file The loss with some of a block's weights quantized, as one ONNX graph: the block with its weights as inputs, the rest of
 * the network in FP32, and the error of what comes out. It runs only what a change of the block's weights can reach.
 */
import { GraphBuilder } from "../graph/builder.ts";
import { nodeReads } from "../graph/graph.ts";
import type { Network } from "../graph/prepare.ts";
import type { ModelProto, NodeProto } from "../onnx/onnx_pb.ts";
import { floatData, type Tensor } from "../onnx/tensor.ts";
import type { Cached } from "../reconstruction/reconstruct.ts";
import { readRows } from "../reconstruction/runSegment.ts";
import { emitSegment, isBatched, runtimeDims, withImports } from "../reconstruction/segment.ts";
import { boundary, type Unit } from "../reconstruction/segments.ts";
import type { Runtime, Session } from "../runtime/runtime.ts";

/**
 * What the loss is. "output": squared error of the network's outputs relative to their power. "divergence": KL(FP32‖quantized) of
 * the classes, for classifiers that give logits. "block": squared error of the block's outputs relative to their power.
 */
export type Measure = "output" | "divergence" | "block";

/** The measures in words, for the file. */
export const measureNames: Readonly<Record<Measure, string>> = {
  output: "squared error of the network's outputs relative to their power, all other layers in FP32",
  divergence: "KL divergence of the network's class probabilities from those of FP32, all other layers in FP32",
  block: "squared error of the block's outputs relative to their power, all other layers in FP32",
};

export interface ProbeOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  readonly unit: Unit;
  /** The nodes behind the unit. */
  readonly rest: readonly NodeProto[];
  readonly measure: Measure;
  /** Values at which the error is measured, by name. */
  readonly targets: ReadonlyMap<string, Cached>;
  /** FP32 values that the unit and the rest read. */
  readonly held: (name: string) => Cached;
  readonly samples: number;
  readonly batch: number;
  readonly signal?: AbortSignal | undefined;
}

/** A loaded probe of one block. */
export class Probe {
  readonly #options: ProbeOptions;
  readonly #session: Session;
  readonly #inputs: readonly string[];
  readonly #measured: readonly string[];

  private constructor(options: ProbeOptions, session: Session, inputs: readonly string[], measured: readonly string[]) {
    this.#options = options;
    this.#session = session;
    this.#inputs = inputs;
    this.#measured = measured;
  }

  static async create(options: ProbeOptions): Promise<Probe> {
    const { network, unit, rest, targets } = options;
    const nodes = neededNodes([...unit.nodes, ...rest], [...targets.keys()]);
    const { inputs } = boundary(network, nodes);
    const made = new Set(nodes.flatMap(({ output }) => output));
    // What is made before the unit does not depend on it.
    const measured = [...targets.keys()].filter((value) => made.has(value));
    const session = await options.runtime.createSession(probeModel(options, nodes, inputs, measured));
    return new Probe(options, session, inputs, measured);
  }

  /** The loss with these weights, by initializer name, in place of the FP32 ones; mean over the measured values. */
  async loss(weights: ReadonlyMap<string, Tensor>): Promise<number> {
    const { network, unit, targets, held, samples, batch, signal } = this.#options;
    const constants = unit.layers.map(({ weight }) => [weightInput(weight), weights.get(weight) ?? network.graph.constant(weight)!] as const);
    const sums = this.#measured.map(() => ({ error: 0, scale: 0 }));
    for (let start = 0; start < samples; start += batch) {
      signal?.throwIfAborted();
      const count = Math.min(batch, samples - start);
      const rows = this.#inputs.map((name) => [name, readRows(held(name), start, count)] as const);
      const wanted = this.#measured.map((name, i) => [`target_${i}`, readRows(targets.get(name)!, start, count)] as const);
      const results = await this.#session.run(Object.fromEntries([...rows, ...wanted, ...constants]));
      sums.forEach((sum, i) => {
        sum.error += floatData(results[`error_${i}`]!)[0]!;
        sum.scale += floatData(results[`scale_${i}`]!)[0]!;
      });
      await new Promise(setImmediate);
    }
    const ratios = sums.map(({ error, scale }) => (scale > 0 ? error / scale : error));
    return ratios.reduce((sum, ratio) => sum + ratio, 0) / Math.max(1, ratios.length);
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

function weightInput(weight: string): string {
  return `quantized/${weight}`;
}

/** The nodes that the wanted values depend on, in order. */
function neededNodes(nodes: readonly NodeProto[], wanted: readonly string[]): NodeProto[] {
  const needed = new Set(wanted);
  const kept: NodeProto[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.output.some((output) => needed.has(output))) continue;
    kept.push(node);
    for (const input of nodeReads(node)) needed.add(input);
  }
  return kept.reverse();
}

function probeModel(
  { network, unit, measure }: ProbeOptions,
  nodes: readonly NodeProto[],
  inputs: readonly string[],
  measured: readonly string[],
): ModelProto {
  const b = new GraphBuilder("probe/");
  for (const input of inputs) b.input(input, network.shapes.typeOf(input), runtimeDims(network, input));
  const replaced = new Map(unit.layers.map(({ weight, shape }) => [weight, b.input(weightInput(weight), "float", shape)]));
  const emit = measure === "divergence" ? emitDivergence : emitSquaredError;
  measured.forEach((value, i) => {
    b.input(`target_${i}`, "float", runtimeDims(network, value));
  });
  emitSegment(b, network, nodes, replaced);
  measured.forEach((value, i) => {
    const { error, scale } = emit(b, value, `target_${i}`);
    b.output(error, `error_${i}`, "float", []);
    b.output(scale, `scale_${i}`, "float", []);
  });
  return withImports(b.model({ opset: network.graph.opset, irVersion: network.graph.irVersion }), network);
}

/** Σ (y - t)² and Σ t². */
function emitSquaredError(b: GraphBuilder, value: string, target: string): { error: string; scale: string } {
  const square = (x: string) => b.op("ReduceSumSquare", [x], { keepdims: 0 });
  return { error: square(b.op("Sub", [value, target])), scale: square(target) };
}

/** Σ p (log p - log q) over classes (axis 1) and samples, and the number of distributions: Σ p. */
function emitDivergence(b: GraphBuilder, value: string, target: string): { error: string; scale: string } {
  const p = b.op("Softmax", [target], { axis: 1 });
  const difference = b.op("Sub", [b.op("LogSoftmax", [target], { axis: 1 }), b.op("LogSoftmax", [value], { axis: 1 })]);
  const sum = (x: string) => b.op("ReduceSum", [x], { keepdims: 0 });
  return { error: sum(b.op("Mul", [p, difference])), scale: sum(p) };
}

/** The values at which a network's error is measured: its float outputs with a sample axis, or else what its last unit with layers makes. */
export function measuredValues(network: Network, units: readonly Unit[]): string[] {
  const fits = (value: string) => network.shapes.has(value) && network.shapes.typeOf(value) === "float" && isBatched(network, value);
  const outputs = network.graph.outputs.map(({ name }) => name).filter((name) => fits(name) && !network.graph.isInput(name));
  if (outputs.length > 0) return outputs;
  return units.findLast(({ layers }) => layers.length > 0)?.outputs.filter(fits) ?? [];
}
