/** @file Latency of layers by a table: looked up, interpolated, or by a roofline. */
import type { LatencyEntry, LatencyTable, Roofline } from "../../config/latencyTable.ts";
import type { Bits } from "../../config/schema.ts";
import { bitCount } from "../../config/weightSize.ts";
import { UserError } from "../errors.ts";
import { intAttribute } from "../graph/attributes.ts";
import type { Layer } from "../graph/layers.ts";
import type { Network } from "../graph/prepare.ts";
import { sizeOf } from "../onnx/tensor.ts";
import type { LatencyModel } from "./layerCosts.ts";

/** A point of a curve that is interpolated. */
type Point = readonly [x: number, y: number];

/** A layer as tables know it. */
interface Geometry {
  readonly op: string;
  readonly shape: readonly number[];
  readonly output: readonly number[];
  readonly group: number;
}

/**
 * The latency of a network's layers. A layer with entries of its own geometry takes theirs, between measured bits in proportion; one without is put
 * between entries of its kind (operator, depthwise or not) by its multiply-accumulates; after that the roofline counts.
 * @returns a model that throws UserError for a layer that the table says nothing about
 */
export function latencyModel(network: Network, table: LatencyTable): LatencyModel {
  const byGeometry = new Map<string, LatencyEntry[]>();
  for (const entry of table.entries) byGeometry.set(geometryKey(entry), [...(byGeometry.get(geometryKey(entry)) ?? []), entry]);
  const groups = [...byGeometry.values()];
  return (layer, weights, activations) => {
    const geometry = geometryOf(network, layer);
    const own = byGeometry.get(geometryKey(geometry));
    if (own) return atBits(own, weights, activations);
    const similar = groups.filter(([entry]) => kindOf(entry!) === kindOf(geometry));
    if (similar.length > 0 && layer.macs > 0) {
      return atMacs(
        similar.map((entries): Point => [macsOf(entries[0]!), atBits(entries, weights, activations)]),
        layer.macs,
      );
    }
    if (table.roofline) return rooflineMs(network, layer, table.roofline, weights, activations);
    throw new UserError(`The latency table "${table.name}" has no ${kindOf(geometry)} like the layer "${layer.name}", and no roofline.`, {
      hint: 'Add an entry for it, or a "roofline" to the table.',
      place: { node: layer.name },
    });
  };
}

function geometryOf({ shapes }: Network, { node, op, shape }: Layer): Geometry {
  const [value] = node.output;
  const output = shapes.has(value!) ? shapes.shapeOf(value!, 1).slice(1) : [];
  return { op, shape, output, group: op.startsWith("Conv") ? intAttribute(node, "group", 1) : 1 };
}

function geometryKey({ op, shape, output, group }: Geometry): string {
  return [op, shape.join("x"), output.join("x"), group].join(" ");
}

function kindOf({ op, shape, group }: Geometry): string {
  if (op === "Gemm" || op === "MatMul") return "matrix product";
  // A transposed convolution does the products of a convolution.
  return group > 1 && group === shape[0] ? "depthwise convolution" : "convolution";
}

/** Multiply-accumulates of a table's entry. */
function macsOf({ op, shape, output, group }: LatencyEntry): number {
  // A transposed convolution's input is smaller than its output by its strides, which an entry does not tell: its output stands for it.
  const channels = op === "ConvTranspose" ? shape[1]! * group : op === "Conv" ? shape[0]! : output.at(-1)!;
  return (sizeOf(output) * sizeOf(shape)) / channels;
}

/** By bits of weights among the entries whose activations come nearest; outside what was measured, the outermost entry counts. */
function atBits(entries: readonly LatencyEntry[], weights: Bits, activations: Bits): number {
  const distance = (entry: LatencyEntry) => Math.abs(bitCount(entry.activations) - bitCount(activations));
  const nearest = Math.min(...entries.map(distance));
  const points = entries.filter((entry) => distance(entry) === nearest).map((entry): Point => [bitCount(entry.weights), entry.ms]);
  return interpolate(points, bitCount(weights), (outermost) => outermost[1]);
}

/** By multiply-accumulates; outside what was measured, in proportion to them. */
function atMacs(points: readonly Point[], macs: number): number {
  return interpolate(points, macs, ([x, y]) => (y * macs) / x);
}

/** Linear between neighbours. */
function interpolate(points: readonly Point[], x: number, beyond: (outermost: Point) => number): number {
  const sorted = points.toSorted((a, b) => a[0] - b[0]);
  const above = sorted.findIndex(([at]) => at >= x);
  if (above < 0) return beyond(sorted.at(-1)!);
  const high = sorted[above]!;
  if (high[0] === x) return high[1];
  const low = sorted[above - 1];
  return low ? low[1] + ((high[1] - low[1]) * (x - low[0])) / (high[0] - low[0]) : beyond(high);
}

/** The longer of computing and of moving weights, input and output (Williams et al. 2009). */
function rooflineMs({ shapes }: Network, layer: Layer, roofline: Roofline, weights: Bits, activations: Bits): number {
  const elements = (value: string) => (shapes.has(value) ? sizeOf(shapes.shapeOf(value, 1)) / (shapes.fixedBatch ?? 1) : 0);
  const moved = elements(layer.node.input[0]!) + elements(layer.node.output[0]!);
  const bytes = (sizeOf(layer.shape) * bitCount(weights) + moved * bitCount(activations)) / 8;
  const compute = (layer.macs * bitCount(weights) * bitCount(activations)) / roofline.bitOpsPerSecond;
  return 1000 * Math.max(compute, bytes / roofline.bytesPerSecond) + roofline.overheadMs;
}
