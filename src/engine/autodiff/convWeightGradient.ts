/**
 * @file Gradient of a convolution at its weights, dw[k, c, t] = Σ over images and positions p of dy[k, p] x[c, p stride + t dilation].
 *
 * Three formulas; figures are milliseconds of kernels with 2 threads, onnxruntime 1.32 on an AMD EPYC (Zen 5), batch 32, 3x3, from bench/convGradient.ts:
 *   each    a product a kernel offset     16x32x32: 3.9   64x8x8: 2.8   64x56x56: 129   256x14x14: 53   512x7x7: 87
 *   split   one product, offsets split    16x32x32: 3.2   64x8x8: 3.6   64x56x56: 112   256x14x14: 149
 *   im2col  one product, all offsets      16x32x32: 5.5   64x8x8: 3.5   64x56x56: 143   256x14x14: 54   512x7x7: 72
 * im2col copies the input twice an offset (Slice, Concat) and needs the most memory; it is nowhere clearly best and not used.
 */
import type { GraphBuilder } from "../graph/builder.ts";
import { sizeOf } from "../onnx/tensor.ts";
import { type Convolution, weightDims } from "./convolution.ts";
import { reshapeTo, zeros } from "./emit.ts";
import { matrixProduct, sumRows } from "./products.ts";
import { extentsOf, padInput, tapsOf } from "./slidingWindow.ts";

/** Rows that "split" may add, as a part of the output's, before its product costs more than it saves copies. */
const splitOverhead = 0.1;
/** The same where a group has one channel: there the product costs next to nothing. */
const splitOverheadDepthwise = 0.3;
/** Shorter sums than `shortSum` make products slow; images are joined until they are at least `longSum` long. */
const shortSum = 256;
const longSum = 512;

/** Emits the gradient at the weights, in their shape. `x` is the convolution's input and `dy` the gradient at its output. */
export function emitWeightGradient(builder: GraphBuilder, x: string, dy: string, convolution: Convolution): string {
  const { channels, group, window } = convolution;
  const depthwise = group === channels;
  const strided = window.strides.some((stride) => stride > 1);
  if (depthwise && strided) return asConvolution(builder, x, dy, convolution);
  if (canSplit(convolution, depthwise ? splitOverheadDepthwise : splitOverhead)) return splitOffsets(builder, x, dy, convolution);
  return eachOffset(builder, x, dy, convolution);
}

function canSplit({ window }: Convolution, overhead: number): boolean {
  const { kernel, strides, output } = window;
  const extra = extentsOf(window)[0]! - 1;
  return kernel[0]! > 1 && strides[0] === 1 && extra <= overhead * output[0]!;
}

/** A product of dy [filters, positions] with the transpose of the input seen through each kernel offset [channels, positions]. */
function eachOffset(builder: GraphBuilder, x: string, dy: string, convolution: Convolution): string {
  const { batch, channels, filters, group, window } = convolution;
  const positions = sizeOf(window.output);
  const joined = imagesToJoin(batch, positions);
  const images = batch / joined;
  const grouped = (count: number) => [images, group, count / group, joined * positions];
  const padded = padInput(builder, joinImages(builder, x, batch, joined, [channels, ...window.input]), window);
  const rows = reshapeTo(builder, joinImages(builder, dy, batch, joined, [filters, ...window.output]), [], grouped(filters));
  const size = (filters * channels) / group;
  const parts = tapsOf(window.kernel).map((tap) => {
    const columns = builder.op("Reshape", [sliceTap(builder, padded, window, tap), builder.ints(grouped(channels))]);
    const product = matrixProduct(builder, rows, columns, { b: true }, 4, "float");
    return builder.op("Reshape", [sumRows(builder, product, [], images, size, "float"), builder.ints([size, 1])]);
  });
  const all = parts.length === 1 ? parts[0]! : builder.op("Concat", parts, { axis: 1 });
  return builder.op("Reshape", [all, builder.ints(weightDims(convolution))]);
}
