/**
 * @file Gradient of Resize: along each axis a constant matrix, so that the gradient is a product with its transpose.
 * Upsample, its older form, is turned into Resize when a model is prepared.
 */
import { floatAttribute, intAttribute, intsAttribute, stringAttribute } from "../../graph/attributes.ts";
import { sizeOf, toNumbers } from "../../onnx/tensor.ts";
import { constantInts, normalizeAxis } from "../axes.ts";
import { type AxisMatrix, largestMatrix, multiplyByTransposes, repeatsOf } from "../axisMatrices.ts";
import { outputGradient, unsupported } from "../emit.ts";
import { coordinateModes, type Interpolation, interpolationMatrix, type ResizedAxis } from "../interpolation.ts";
import type { GradientRule, RuleContext } from "../rule.ts";

export const resizeRule: GradientRule = (context) => {
  const { builder: b, node, shapeOf, typeOf } = context;
  const dims = shapeOf(node.output[0]!);
  const interpolation = interpolationOf(context);
  const axes = resizedAxes(context);
  if (axes.some(({ input, output }) => input * output > largestMatrix)) throw unsupported(node, "is not known for axes as long as this");
  const matrices = axes.map((axis) => interpolationMatrix(interpolation, axis));
  const repeats = spatialRepeats(matrices, dims.length);
  if (repeats) return [sumOfRepeats(context, repeats)];
  return [multiplyByTransposes(b, outputGradient(context), dims, matrices, typeOf(node.input[0]!))];
};

function interpolationOf({ node }: RuleContext): Interpolation {
  const mode = stringAttribute(node, "mode", "nearest");
  const coordinates = stringAttribute(node, "coordinate_transformation_mode", "half_pixel");
  if (mode !== "nearest" && mode !== "linear" && mode !== "cubic") throw unsupported(node, `with the mode "${mode}" is not known`);
  if (!coordinateModes.some((known) => known === coordinates)) throw unsupported(node, `with the coordinates "${coordinates}" is not known`);
  if (intAttribute(node, "antialias", 0) !== 0) throw unsupported(node, "with antialiasing is not known");
  return {
    mode,
    coordinates,
    nearestMode: stringAttribute(node, "nearest_mode", "round_prefer_floor"),
    cubicCoefficient: floatAttribute(node, "cubic_coeff_a", -0.75),
    excludeOutside: intAttribute(node, "exclude_outside", 0) !== 0,
  };
}

/** The axes that are not left as they are. */
function resizedAxes(context: RuleContext): ResizedAxis[] {
  const { node, shapeOf } = context;
  const x = shapeOf(node.input[0]!);
  const y = shapeOf(node.output[0]!);
  const axes = (intsAttribute(node, "axes") ?? x.map((_, axis) => axis)).map((axis) => normalizeAxis(axis, x.length));
  const scales = scalesOf(context, axes);
  const crops = stringAttribute(node, "coordinate_transformation_mode", "") === "tf_crop_and_resize";
  const roi = crops ? constantFloats(context, 1, "a region that is") : undefined;
  const resized = axes.map((axis, i): ResizedAxis => {
    const region: [number, number] = roi ? [roi[i]!, roi[axes.length + i]!] : [0, 1];
    return { axis, input: x[axis]!, output: y[axis]!, scale: scales[i]!, roi: region };
  });
  // At scale 1, ONNX Runtime takes an axis as it is, even where a region is given.
  return resized.filter(({ input, output, scale }) => input !== output || scale !== 1);
}

/** Scales by position in `axes`: given, or by the sizes that the node gives and its policy on the aspect ratio. */
function scalesOf(context: RuleContext, axes: readonly number[]): number[] {
  const { node, shapeOf } = context;
  const given = constantFloats(context, 2, "scales that are");
  if (given && given.length > 0) return given;
  const x = shapeOf(node.input[0]!);
  const sizes = constantInts(context, 3, "sizes")!;
  const ratios = axes.map((axis, i) => sizes[i]! / x[axis]!);
  switch (stringAttribute(node, "keep_aspect_ratio_policy", "stretch")) {
    case "not_larger":
      return axes.map(() => Math.min(...ratios));
    case "not_smaller":
      return axes.map(() => Math.max(...ratios));
    default:
      return ratios;
  }
}

function constantFloats({ node, constantOf }: RuleContext, position: number, what: string): number[] | undefined {
  const name = node.input[position];
  if (!name) return undefined;
  const tensor = constantOf(name);
  if (!tensor) throw unsupported(node, `needs ${what} known beforehand, not computed`);
  return toNumbers(tensor);
}

/** Repeats by axis, where all that is done is to repeat elements along axes after the first two; else undefined. */
function spatialRepeats(matrices: readonly AxisMatrix[], rank: number): number[] | undefined {
  if (rank < 3 || rank > 5 || matrices.length === 0) return undefined;
  const repeats = new Array<number>(rank).fill(1);
  for (const matrix of matrices) {
    const repeat = repeatsOf(matrix);
    if (repeat === undefined || matrix.axis < 2) return undefined;
    repeats[matrix.axis] = repeat;
  }
  return repeats;
}

/** The sum over each element's repeats, as a mean times their number: AveragePool is the fastest way to it. */
function sumOfRepeats(context: RuleContext, repeats: readonly number[]): string {
  const { builder: b } = context;
  const window = repeats.slice(2);
  const means = b.op("AveragePool", [outputGradient(context)], { kernel_shape: window, strides: window });
  return b.op("Mul", [means, b.scalar(sizeOf(window))]);
}
