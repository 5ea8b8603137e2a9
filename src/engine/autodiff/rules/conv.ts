import { type ConvolutionShapes, inputGradient } from "../convolution.ts";
import { weightGradient } from "../convWeightGradient.ts";
import { outputGradient } from "../emit.ts";
import type { GradientRule, RuleContext } from "../rule.ts";
import { groupsOf, slidingWindow } from "../slidingWindow.ts";

/** Conv: any strides, pads, dilations, groups and number of spatial axes. */
export const convRule: GradientRule = (context) => {
  const { builder: b, node, wants } = context;
  const [input, weights] = node.input as [string, string];
  const gradient = outputGradient(context);
  const shapes = convolutionShapes(context, input, weights, node.output[0]!);
  return [
    wants(0) ? inputGradient(b, gradient, weights, shapes) : undefined,
    wants(1) ? weightGradient(b, input, gradient, shapes) : undefined,
    wants(2) ? channelSum(context, gradient) : undefined,
  ];
};

/** ConvTranspose: the gradient of a convolution, so that its own gradients are a convolution and a weight gradient with input and output exchanged. */
export const convTransposeRule: GradientRule = (context) => {
  const { builder: b, node, wants } = context;
  const [input, weights] = node.input as [string, string];
  const gradient = outputGradient(context);
  const shapes = convolutionShapes(context, node.output[0]!, weights, input);
  const { window, groups } = shapes;
  return [
    wants(0)
      ? b.op("Conv", [gradient, weights], {
          kernel_shape: window.kernel,
          strides: window.strides,
          dilations: window.dilations,
          pads: [...window.before, ...window.after],
          group: groups,
        })
      : undefined,
    wants(1) ? weightGradient(b, gradient, input, shapes) : undefined,
    wants(2) ? channelSum(context, gradient) : undefined,
  ];
};

/** Shapes of the convolution that reads `read` and makes `made` with the given weights. */
function convolutionShapes({ node, shapeOf }: RuleContext, read: string, weights: string, made: string): ConvolutionShapes {
  const [batch, inputChannels, ...input] = shapeOf(read) as [number, number, ...number[]];
  const [, outputChannels, ...output] = shapeOf(made) as [number, number, ...number[]];
  const kernel = shapeOf(weights).slice(2);
  return { batch, groups: groupsOf(node), inputChannels, outputChannels, window: slidingWindow(node, input, output, kernel) };
}

/** The sum over all axes but the channels: the gradient at a bias. */
function channelSum({ builder: b, node, shapeOf }: RuleContext, gradient: string): string {
  const axes = shapeOf(node.output[0]!).flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  return b.op("ReduceSum", [gradient, b.ints(axes)], { keepdims: 0 });
}
