/**
 * @file Gradient of MaxPool. Where several elements of a window are its maximum, windows apart from each other share the gradient among
 * them, as ReduceMax does, and overlapping windows give it to the first, as their indices say; either is a subgradient.
 */
import { attributeOf, intAttribute, intsAttribute } from "../../graph/attributes.ts";
import { int64Tensor, sizeOf } from "../../onnx/tensor.ts";
import { dataTypeCode } from "../../onnx/tensorCodec.ts";
import { outputGradient, zeros } from "../emit.ts";
import { repeatElements } from "../repeatElements.ts";
import type { GradientRule, RuleContext } from "../rule.ts";
import { extentsOf, type SlidingWindow, slidingWindow, taps, tilesInput } from "../slidingWindow.ts";

/** The operator set from which ScatterElements adds up. */
const scatterAdds = 16;

export const maxPoolRule: GradientRule = (context) => {
  const { node, shapeOf, typeOf } = context;
  const x = node.input[0]!;
  const window = slidingWindow(node, shapeOf(x).slice(2), shapeOf(node.output[0]!).slice(2), intsAttribute(node, "kernel_shape")!);
  return [tilesInput(window) && typeOf(x) === "float" ? byMask(context, window) : byIndices(context, window)];
};

/** Repeats the output to the input's shape and compares. A third of the time that indices take (20 against 64 ms for 32x64x56x56 by 2x2). */
function byMask(context: RuleContext, { kernel }: SlidingWindow): string {
  const { builder: b, node } = context;
  const [x, y] = [node.input[0]!, node.output[0]!];
  const isMaximum = b.op("Cast", [b.op("Equal", [x, repeatElements(b, y, kernel)])], { to: dataTypeCode("float") });
  const part = b.op("AveragePool", [isMaximum], { kernel_shape: kernel, strides: kernel });
  const count = b.op("Mul", [part, b.scalar(sizeOf(kernel))]);
  return b.op("Mul", [isMaximum, repeatElements(b, b.op("Div", [outputGradient(context), count]), kernel)]);
}

/** Puts every gradient where its maximum was found. */
function byIndices(context: RuleContext, window: SlidingWindow): string {
  const { builder: b, node, opset, shapeOf, typeOf } = context;
  const x = node.input[0]!;
  const dims = shapeOf(x);
  const size = sizeOf(dims);
  const flat = (value: string) => b.op("Reshape", [value, b.ints([-1])]);
  const indices = maximumIndices(context);
  const gradient = flat(outputGradient(context));
  const layers = opset >= scatterAdds ? [1] : overlaps(window);
  const count = sizeOf(layers);
  const target = zeros(b, [count * size], typeOf(x));
  if (count === 1) {
    const reduction = opset >= scatterAdds ? "add" : undefined;
    return b.op("Reshape", [b.op("ScatterElements", [target, flat(indices), gradient], { axis: 0, reduction }), b.ints(dims)]);
  }
  // Older ones only overwrite: windows that may share a maximum go to layers of their own, which are added up.
  const offsets = taps(window.output).map((place) => size * place.reduce((layer, p, axis) => layer * layers[axis]! + (p % layers[axis]!), 0));
  // ONNX's shape inference may count a window too many with ceil_mode, so that the true shape is told.
  const shaped = b.op("Reshape", [indices, b.ints(shapeOf(node.output[0]!))]);
  const moved = b.op("Add", [shaped, b.constant(int64Tensor(offsets, window.output))]);
  const scattered = b.op("ScatterElements", [target, flat(moved), gradient], { axis: 0 });
  return b.op("ReduceSum", [b.op("Reshape", [scattered, b.ints([count, ...dims])]), b.ints([0])], { keepdims: 0 });
}

/** How many windows in a row cover one element, by axis. */
function overlaps(window: SlidingWindow): number[] {
  return extentsOf(window).map((extent, axis) => Math.min(Math.ceil(extent / window.strides[axis]!), window.output[axis]!));
}

/** Where in the whole input each window's maximum is: the node's second output, or that of a copy of the node. */
function maximumIndices({ builder: b, node }: RuleContext): string {
  const rowMajor = intAttribute(node, "storage_order", 0) === 0;
  if (node.output[1] && rowMajor) return node.output[1];
  const [, indices] = b.ops("MaxPool", [node.input[0]!], 2);
  const kept = ["kernel_shape", "strides", "pads", "dilations", "auto_pad", "ceil_mode"].map((name) => attributeOf(node, name));
  b.nodes.at(-1)!.attribute.push(...kept.filter((attribute) => attribute !== undefined));
  return indices!;
}
