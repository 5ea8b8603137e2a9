/** @file How far two runs of a network are apart. */
import { type Tensor, toNumbers } from "../onnx/tensor.ts";

/**
 * The greatest difference of any element of any output, relative to that output's largest magnitude. Infinite where an output is
 * missing, has another shape or type, or differs in what is not a number; equal infinities and NaN for NaN count as no difference.
 */
export function outputDifference(promised: Readonly<Record<string, Tensor>>, found: Readonly<Record<string, Tensor>>): number {
  const differences = Object.entries(promised).map(([name, tensor]) => tensorDifference(tensor, found[name]));
  return Math.max(0, ...differences);
}

function tensorDifference(promised: Tensor, found: Tensor | undefined): number {
  if (!found || found.type !== promised.type || found.dims.join() !== promised.dims.join()) return Number.POSITIVE_INFINITY;
  if (promised.type === "string") return promised.data.join("\0") === found.data.join("\0") ? 0 : Number.POSITIVE_INFINITY;
  const a = numbersOf(promised);
  const b = numbersOf(found);
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    if (Number.isFinite(x)) largest = Math.max(largest, Math.abs(x));
    if (Object.is(x, y) || x === y) continue;
    const distance = Math.abs(x - y);
    if (!Number.isFinite(distance)) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, distance);
  }
  return difference === 0 ? 0 : difference / (largest || 1);
}

/** Float outputs, which may be large, are not copied. */
function numbersOf(tensor: Tensor): ArrayLike<number> {
  return tensor.data instanceof Float32Array ? tensor.data : toNumbers(tensor);
}
