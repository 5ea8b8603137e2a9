/** @file Gradient of Slice. */
import { constantInts, normalizeAxis } from "../axes.ts";
import { outputGradient } from "../emit.ts";
import type { GradientRule, RuleContext } from "../rule.ts";
import { type ShapedValue, transposedGather } from "../transposedGather.ts";

/** Contiguous axes are padded with zeros to their length, all in one Pad; axes with another step are spread out one by one. */
export const sliceRule: GradientRule = (context) => {
  const { builder, node, shapeOf, typeOf } = context;
  const x = node.input[0]!;
  const dims = shapeOf(x);
  let dy: ShapedValue = { value: outputGradient(context), dims: shapeOf(node.output[0]!) };
  const before = dims.map(() => 0);
  const after = dims.map(() => 0);
  for (const { axis, start, step } of slicedAxes(context)) {
    const count = dy.dims[axis]!;
    if (step === 1) {
      before[axis] = start;
      after[axis] = dims[axis]! - start - count;
    } else {
      const indices = Array.from({ length: count }, (_, i) => start + i * step);
      dy = transposedGather(builder, dy, axis, indices, dims[axis]!, typeOf(x));
    }
  }
  const pads = [...before, ...after];
  return [pads.some((pad) => pad > 0) ? builder.op("Pad", [dy.value, builder.ints(pads)]) : dy.value];
};

interface SlicedAxis {
  axis: number;
  /** The first index taken. */
  start: number;
  step: number;
}

function slicedAxes(context: RuleContext): SlicedAxis[] {
  const dims = context.shapeOf(context.node.input[0]!);
  const starts = constantInts(context, 1, "bounds") ?? [];
  const axes = constantInts(context, 3, "axes") ?? starts.map((_, axis) => axis);
  const steps = constantInts(context, 4, "steps") ?? starts.map(() => 1);
  return starts.map((given, i) => {
    const axis = normalizeAxis(axes[i]!, dims.length);
    const dim = dims[axis]!;
    const step = steps[i]!;
    const start = Math.max(0, Math.min(given < 0 ? given + dim : given, step > 0 ? dim : dim - 1));
    return { axis, start, step };
  });
}
