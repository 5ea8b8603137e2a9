/**
 * @file The loss with some of a block's weights quantized, as one ONNX graph: the block with its weights as inputs, the rest of
 * the network in FP32, and the error of what comes out. It runs only what a change of the block's weights can reach.
 */
import { GraphBuilder } from "../graph/builder.ts";
import { nodeReads } from "../graph/graph.ts";
import type { Network } from "../graph/prepare.ts";
import type { ModelProto, NodeProto } from "../onnx/onnx_pb.ts";
import { floatData, sizeOf, type Tensor } from "../onnx/tensor.ts";
import type { Cached } from "../reconstruction/reconstruct.ts";
import { readRows } from "../reconstruction/runSegment.ts";
import { emitSegment, isBatched, runtimeDims, withImports } from "../reconstruction/segment.ts";
import { boundary, type Unit } from "../reconstruction/segments.ts";
import type { Runtime, Session } from "../runtime/runtime.ts";

/** What the loss is, for the file. */
export const measureName = "squared error of the network's outputs relative to their power, all other layers in FP32";

/** So many elements of the measured values tell how changes go together. */
const pickedElements = 2 ** 17;

export interface ProbeOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  readonly unit: Unit;
  /** The nodes behind the unit. */
  readonly rest: readonly NodeProto[];
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
    return (await this.#run(weights, () => undefined)).loss;
  }

  /**
   * The loss, and how the measured values change, scaled so that the sum of squares is the loss. Of many elements, evenly picked ones stand
   * for all. The same for every block: what it does not reach is 0.
   */
  async change(weights: ReadonlyMap<string, Tensor>): Promise<{ loss: number; change: Float32Array }> {
    const { samples, network, targets } = this.#options;
    const names = [...targets.keys()];
    const sizes = names.map((value) => sizeOf(network.shapes.shapeOf(value, 1)));
    const stride = Math.ceil((samples * sizes.reduce((sum, size) => sum + size, 0)) / pickedElements);
    const lengths = sizes.map((size) => Math.ceil((samples * size) / stride));
    const starts = lengths.map((_, i) => lengths.slice(0, i).reduce((sum, length) => sum + length, 0));
    const change = new Float32Array(lengths.reduce((sum, length) => sum + length, 0));
    const { loss, scales } = await this.#run(weights, (output, sample, elements) => {
      const index = names.indexOf(this.#measured[output]!);
      const begin = sample * sizes[index]!;
      for (let at = (stride - (begin % stride)) % stride; at < elements.length; at += stride) {
        change[starts[index]! + (begin + at) / stride] = elements[at]!;
      }
    });
    this.#measured.forEach((value, output) => {
      const index = names.indexOf(value);
      const factor = Math.sqrt(stride / (names.length * (scales[output]! || 1)));
      for (let i = 0; i < lengths[index]!; i++) change[starts[index]! + i]! *= factor;
    });
    return { loss, change };
  }

  async #run(
    weights: ReadonlyMap<string, Tensor>,
    onDifference: (output: number, sample: number, elements: Float32Array) => void,
  ): Promise<{ loss: number; scales: number[] }> {
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
        onDifference(i, start, floatData(results[`difference_${i}`]!));
      });
      await new Promise(setImmediate);
    }
    const ratios = sums.map(({ error, scale }) => (scale > 0 ? error / scale : error));
    return { loss: ratios.reduce((sum, ratio) => sum + ratio, 0) / Math.max(1, targets.size), scales: sums.map(({ scale }) => scale) };
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
  { network, unit }: ProbeOptions,
  nodes: readonly NodeProto[],
  inputs: readonly string[],
  measured: readonly string[],
): ModelProto {
  const b = new GraphBuilder("probe/");
  for (const input of inputs) b.input(input, network.shapes.typeOf(input), runtimeDims(network, input));
  const replaced = new Map(unit.layers.map(({ weight, shape }) => [weight, b.input(weightInput(weight), "float", shape)]));
  measured.forEach((value, i) => {
    b.input(`target_${i}`, "float", runtimeDims(network, value));
  });
  emitSegment(b, network, nodes, replaced);
  measured.forEach((value, i) => {
    const difference = b.op("Sub", [value, `target_${i}`]);
    const square = (x: string) => b.op("ReduceSumSquare", [x], { keepdims: 0 });
    const [error, scale] = [square(difference), square(`target_${i}`)];
    b.output(difference, `difference_${i}`, "float", runtimeDims(network, value));
    b.output(error, `error_${i}`, "float", []);
    b.output(scale, `scale_${i}`, "float", []);
  });
  return withImports(b.model({ opset: network.graph.opset, irVersion: network.graph.irVersion }), network);
}

/** The values at which a network's error is measured: its float outputs with a sample axis, or else what its last unit with layers makes. */
export function measuredValues(network: Network, units: readonly Unit[]): string[] {
  const fits = (value: string) => network.shapes.has(value) && network.shapes.typeOf(value) === "float" && isBatched(network, value);
  const outputs = network.graph.outputs.map(({ name }) => name).filter((name) => fits(name) && !network.graph.isInput(name));
  if (outputs.length > 0) return outputs;
  return units.findLast(({ layers }) => layers.length > 0)?.outputs.filter(fits) ?? [];
}
