/**
 * @file Resize, nearest and linear: along each axis a constant matrix, so the gradient is a product with its transpose.
 * Upsample, its older form, is turned into Resize when a model is prepared.
 */
import { intAttribute, stringAttribute } from "../../graph/attributes.ts";
import { toNumbers } from "../../onnx/tensor.ts";
import { constantOfType, outputGradient, unsupported } from "../emit.ts";
import type { GradientRule, RuleContext } from "../rule.ts";

export const resizeRule: GradientRule = (context) => {
  const { builder: b, node, shapeOf, typeOf } = context;
  const input = shapeOf(node.input[0]!);
  const output = shapeOf(node.output[0]!);
  if (intAttribute(node, "antialias", 0) !== 0) throw unsupported(node, "with antialias is not known");
  const scales = axisScales(context, input, output);
  let gradient = outputGradient(context);
  let dims = [...output];
  for (const [axis, length] of input.entries()) {
    if (length === output[axis] && scales[axis] === 1) continue;
    const matrix = interpolationMatrix(context, length, output[axis]!, scales[axis]!);
    const constant = constantOfType(b, matrix, [output[axis]!, length], typeOf(node.input[0]!));
    gradient = alongAxis(context, gradient, constant, dims, axis);
    dims = dims.map((dim, i) => (i === axis ? length : dim));
  }
  return [gradient];
};

/** Multiplies along one axis: [..., output, ...] to [..., input, ...]. */
function alongAxis({ builder: b }: RuleContext, gradient: string, matrix: string, dims: readonly number[], axis: number): string {
  if (axis === dims.length - 1) return b.op("MatMul", [gradient, matrix]);
  const last = dims.length - 1;
  const perm = dims.map((_, i) => (i === axis ? last : i === last ? axis : i));
  const swapped = b.op("MatMul", [b.op("Transpose", [gradient], { perm }), matrix]);
  return b.op("Transpose", [swapped], { perm });
}

/** The scale of each axis: as given, or from the lengths where the node gives sizes. */
function axisScales({ node, constantOf }: RuleContext, input: readonly number[], output: readonly number[]): number[] {
  const fromLengths = input.map((length, axis) => output[axis]! / length);
  const given = node.input[2];
  if (!given) return fromLengths;
  const constant = constantOf(given);
  if (!constant) throw unsupported(node, "with scales that are not constant is not known");
  const scales = toNumbers(constant);
  return scales.length === input.length ? scales : fromLengths;
}

/** The matrix [output, input] of one axis (ONNX operator specification, Resize). */
function interpolationMatrix(context: RuleContext, input: number, output: number, scale: number): number[] {
  const { node } = context;
  const mode = stringAttribute(node, "mode", "nearest");
  const transform = coordinate(context, input, output, scale);
  const matrix = new Array<number>(output * input).fill(0);
  const clamp = (place: number) => Math.min(Math.max(place, 0), input - 1);
  for (let place = 0; place < output; place++) {
    const x = transform(place);
    if (mode === "nearest") {
      matrix[place * input + clamp(nearest(context, x))]! += 1;
    } else if (mode === "linear" || mode === "bilinear") {
      const inside = clamp(x);
      const low = Math.floor(inside);
      matrix[place * input + low]! += 1 - (inside - low);
      matrix[place * input + clamp(low + 1)]! += inside - low;
    } else {
      throw unsupported(node, `with mode ${mode} is not known`);
    }
  }
  return matrix;
}

/** Where an output position lies in the input. */
function coordinate({ node }: RuleContext, input: number, output: number, scale: number): (place: number) => number {
  const name = stringAttribute(node, "coordinate_transformation_mode", "half_pixel");
  // In single precision as ONNX Runtime does it: a position on the verge of two pixels must fall to the same one.
  const halfPixel = (place: number) => Math.fround(Math.fround(place + 0.5) / Math.fround(scale)) - 0.5;
  switch (name) {
    case "asymmetric":
      return (place) => Math.fround(place / Math.fround(scale));
    case "half_pixel":
      return halfPixel;
    case "pytorch_half_pixel":
      return (place) => (output > 1 ? halfPixel(place) : 0);
    case "align_corners":
      return (place) => (output > 1 ? (place * (input - 1)) / (output - 1) : 0);
    case "half_pixel_symmetric": {
      const adjustment = output / (scale * input);
      const offset = (input / 2) * (1 - adjustment);
      return (place) => offset + halfPixel(place);
    }
    default:
      throw unsupported(node, `with coordinates ${name} is not known`);
  }
}

function nearest({ node }: RuleContext, x: number): number {
  const mode = stringAttribute(node, "nearest_mode", "round_prefer_floor");
  switch (mode) {
    case "floor":
      return Math.floor(x);
    case "ceil":
      return Math.ceil(x);
    case "round_prefer_ceil":
      return Math.floor(x + 0.5);
    default:
      return Math.ceil(x - 0.5);
  }
}
