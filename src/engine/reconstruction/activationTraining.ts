/** @file Learned step sizes inside a training step (Esser et al. 2020, "Learned Step Size Quantization"). */
import type { GraphBuilder } from "../graph/builder.ts";
import type { Network } from "../graph/prepare.ts";
import { floatTensor, int64Tensor, sizeOf } from "../onnx/tensor.ts";
import type { ActivationQuantization } from "../quantizers/activationQuantization.ts";
import { emitFakeQuantize } from "../quantizers/fakeQuantize.ts";
import type { RandomMasks } from "../quantizers/randomMask.ts";
import { emitAdam } from "./adam.ts";
import type { ReadQuantizer } from "./segment.ts";

/** The quantized activations of a segment in training. */
export interface ActivationTraining {
  /** With the grids that their steps start from. */
  readonly trained: readonly ActivationQuantization[];
  readonly settled: readonly ActivationQuantization[];
  /** Whether Adam's rate is a share of each step size at the start, or the same number for all. */
  readonly relativeRate: boolean;
}

/** A step size never falls below this share of its start: Adam could carry it past zero. */
const leastShare = 0.02;

/** The quantizers of a training step's graph. */
export interface EmittedQuantizers {
  readonly quantizers: readonly ReadQuantizer[];
  /** A scalar value for each trained activation. */
  readonly scales: readonly string[];
  /** Every step size in the graph. */
  readonly scalars: Set<string>;
  /** Values made by quantizers, and the network's value whose shape each has; filled while the segment is emitted. */
  readonly standIns: Map<string, string>;
}

/**
 * Emits the step sizes, and gives the quantizers that use them.
 * @param value the trained step sizes [trained]; undefined where there are none
 * @param masks where given, half of the elements stay FP32 (QDrop)
 */
export function emitQuantizers(
  b: GraphBuilder,
  network: Network,
  batch: number,
  { trained, settled }: ActivationTraining,
  value: string | undefined,
  masks: RandomMasks | undefined,
): EmittedQuantizers {
  const standIns = new Map<string, string>();
  const scales = value === undefined ? [] : trained.map((_, i) => b.op("Gather", [value, b.constant(int64Tensor([i], []))], { axis: 0 }));
  const scalars = new Set(scales);
  const quantizerOf = ({ value: name, readers, bits, zeroPoint }: ActivationQuantization, scale: string): ReadQuantizer => {
    scalars.add(scale);
    const emit = (builder: GraphBuilder, x: string) => {
      const kept = masks?.emit(network.shapes.shapeOf(name, batch));
      const result = emitFakeQuantize(builder, x, { bits, zeroPoint, scale, kept });
      for (const made of [x, ...result.made, ...(kept ? [kept] : [])]) standIns.set(made, name);
      return result;
    };
    return { value: name, readers, emit };
  };
  const quantizers = [
    ...trained.map((activation, i) => quantizerOf(activation, scales[i] ?? b.scalar(activation.scale))),
    ...settled.map((activation) => quantizerOf(activation, b.scalar(activation.scale))),
  ];
  return { quantizers, scales, scalars, standIns };
}

/**
 * Emits one update of the step sizes. Their gradients are scaled by 1/sqrt(N Qp) for N elements a sample and Qp levels (Esser et al. 2020,
 * section 2.2).
 * @param gradients the loss's gradient at each scale, scalars
 */
export function emitScaleUpdate(
  b: GraphBuilder,
  network: Network,
  { trained, relativeRate }: ActivationTraining,
  gradients: readonly string[],
  { value, mean, square, step, correction }: { value: string; mean: string; square: string; step: string; correction: string },
): { value: string; mean: string; square: string } {
  const shares = trained.map(({ value: name, bits }) => 1 / Math.sqrt(sizeOf(network.shapes.shapeOf(name, 1)) * (2 ** bits - 1)));
  const flat = gradients.map((gradient) => b.op("Reshape", [gradient, b.ints([1])]));
  const gradient = b.op("Mul", [flat.length === 1 ? flat[0]! : b.op("Concat", flat, { axis: 0 }), b.constant(floatTensor(shares))]);
  const units = b.constant(floatTensor(trained.map(({ scale }) => (relativeRate ? scale : 1))));
  const updated = emitAdam(b, { value, mean, square, gradient, step: b.op("Mul", [units, step]), correction });
  const least = b.constant(floatTensor(trained.map(({ scale }) => scale * leastShare)));
  return { ...updated, value: b.op("Max", [updated.value, least]) };
}
