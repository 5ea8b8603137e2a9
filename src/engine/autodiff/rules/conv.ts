/** @file Gradients of Conv and ConvTranspose. */
import { inputGradient } from "../convolution.ts";
import { weightGradient } from "../convWeightGradient.ts";
import { outputGradient } from "../emit.ts";
import { sumRows } from "../products.ts";
import type { GradientRule, RuleContext } from "../rule.ts";
import { groupsOf, slidingWindow, transposedSlidingWindow } from "../slidingWindow.ts";

/** Conv: any strides, pads, dilations, groups and number of spatial axes. */
export const convRule: GradientRule = (context) => {
  const { builder: b, node, wants, shapeOf } = context;
  const [input, weights] = node.input as [string, string];
  const gradient = outputGradient(context);
  const [batch, inputChannels, ...read] = shapeOf(input) as [number, number, ...number[]];
  const [, outputChannels, ...written] = shapeOf(node.output[0]!) as [number, number, ...number[]];
  const window = slidingWindow(node, read, written, shapeOf(weights).slice(2));
  const shapes = { batch, groups: groupsOf(node), inputChannels, outputChannels, window };
  return [
    wants(0) ? inputGradient(b, gradient, weights, shapes) : undefined,
    wants(1) ? weightGradient(b, input, gradient, shapes) : undefined,
    wants(2) ? channelSum(context, gradient) : undefined,
  ];
};

/**
 * ConvTranspose is a convolution's gradient at its input, so that its own gradients are that convolution and its gradient at the weights,
 * input and output exchanged.
 */
export const convTransposeRule: GradientRule = (context) => {
  const { builder: b, node, wants, shapeOf } = context;
  const [input, weights] = node.input as [string, string];
  const gradient = outputGradient(context);
  const [batch, outputChannels, ...read] = shapeOf(input) as [number, number, ...number[]];
  const [, inputChannels, ...written] = shapeOf(node.output[0]!) as [number, number, ...number[]];
  const window = transposedSlidingWindow(node, written, read, shapeOf(weights).slice(2));
  const shapes = { batch, groups: groupsOf(node), inputChannels, outputChannels, window };
  const { kernel, strides, dilations, before, after } = window;
  const atInput = () =>
    b.op("Conv", [gradient, weights], { kernel_shape: kernel, strides, dilations, pads: [...before, ...after], group: shapes.groups });
  return [
    wants(0) ? atInput() : undefined,
    wants(1) ? weightGradient(b, gradient, input, shapes) : undefined,
    wants(2) ? channelSum(context, gradient) : undefined,
  ];
};

/** The sum over all axes but the channels: the gradient at a bias. */
function channelSum({ builder: b, node, shapeOf }: RuleContext, gradient: string): string {
  const [batch, channels, ...spatial] = shapeOf(node.output[0]!) as [number, number, ...number[]];
  const planes = b.op("ReduceSum", [gradient, b.ints(spatial.map((_, axis) => axis + 2))], { keepdims: 0 });
  return sumRows(b, planes, batch, channels);
}
