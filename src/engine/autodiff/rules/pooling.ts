import { intAttribute, intsAttribute } from "../../graph/attributes.ts";
import { floatTensor, sizeOf } from "../../onnx/tensor.ts";
import { outputGradient, scalarOf, unsupported, zeros } from "../emit.ts";
import type { GradientRule } from "../rule.ts";
import { type SlidingWindow, slidingWindow, taps } from "../slidingWindow.ts";

/** MaxPool: the gradient goes to the element that was the largest of its window. */
export const maxPoolRule: GradientRule = (context) => {
  const { builder: b, node, opset, shapeOf, typeOf } = context;
  const input = node.input[0]!;
  const dims = shapeOf(input);
  // ScatterElements adds up what falls on one element (overlapping windows) from operator set 16 on.
  if (opset < 16) throw unsupported(node, "needs operator set 16 or later");
  const attributes = Object.fromEntries(["kernel_shape", "pads", "strides", "dilations"].map((name) => [name, intsAttribute(node, name)]));
  const auto = node.attribute.find(({ name }) => name === "auto_pad");
  const [, indices] = b.ops("MaxPool", [input], 2, { ...attributes, ceil_mode: intAttribute(node, "ceil_mode", 0) });
  if (auto) b.nodes.at(-1)!.attribute.push(auto);
  const flat = b.ints([-1]);
  const scattered = b.op(
    "ScatterElements",
    [zeros(b, [sizeOf(dims)], typeOf(input)), b.op("Reshape", [indices!, flat]), b.op("Reshape", [outputGradient(context), flat])],
    { axis: 0, reduction: "add" },
  );
  return [b.op("Reshape", [scattered, b.ints(dims)])];
};

/** AveragePool: each window's gradient is shared out equally among the elements that it counts. */
export const averagePoolRule: GradientRule = (context) => {
  const { builder: b, node, shapeOf } = context;
  const [batch, channels, ...input] = shapeOf(node.input[0]!) as [number, number, ...number[]];
  const output = shapeOf(node.output[0]!).slice(2);
  const kernel = intsAttribute(node, "kernel_shape")!;
  const window = slidingWindow(node, input, output, kernel);
  const counts = countedElements(window, intAttribute(node, "count_include_pad", 0) === 1);
  const shares = b.op("Mul", [
    outputGradient(context),
    b.constant(
      floatTensor(
        counts.map((count) => 1 / count),
        [1, 1, ...output],
      ),
    ),
  ]);
  const planes = b.op("Reshape", [shares, b.ints([batch * channels, 1, ...output])]);
  const ones = b.constant(floatTensor(new Float32Array(sizeOf(kernel)).fill(1), [1, 1, ...kernel]));
  const extents = kernel.map((length, axis) => (length - 1) * window.dilations[axis]! + 1);
  const reached = output.map((length, axis) => (length - 1) * window.strides[axis]! + extents[axis]!);
  const excess = reached.map((length, axis) => length - window.before[axis]! - input[axis]!);
  const spread = b.op("ConvTranspose", [planes, ones], {
    kernel_shape: kernel,
    strides: window.strides,
    dilations: window.dilations,
    pads: [...window.before, ...excess.map((length) => Math.max(0, length))],
    output_padding: excess.map((length) => Math.max(0, -length)),
  });
  return [b.op("Reshape", [spread, b.ints([batch, channels, ...input])])];
};

/** How many elements each window's mean is over, in the order of the output positions. */
function countedElements({ kernel, strides, dilations, before, after, input, output }: SlidingWindow, includePad: boolean): number[] {
  const positions = taps(output);
  return positions.map((position) =>
    position.reduce((product, place, axis) => {
      const low = includePad ? -before[axis]! : 0;
      const high = includePad ? input[axis]! + after[axis]! : input[axis]!;
      const start = place * strides[axis]! - before[axis]!;
      let count = 0;
      for (let tap = 0; tap < kernel[axis]!; tap++) {
        const at = start + tap * dilations[axis]!;
        if (at >= low && at < high) count++;
      }
      return product * count;
    }, 1),
  );
}

/** GlobalAveragePool: every position gets an equal share. */
export const globalAveragePoolRule: GradientRule = (context) => {
  const { builder: b, node, shapeOf, typeOf } = context;
  const dims = shapeOf(node.input[0]!);
  const share = b.op("Mul", [outputGradient(context), scalarOf(b, 1 / sizeOf(dims.slice(2)), typeOf(node.input[0]!))]);
  return [b.op("Expand", [share, b.ints(dims)])];
};
