/** @file Which gradient rule belongs to which operator. */
import type { NodeProto } from "../onnx/onnx_pb.ts";
import type { GradientRule } from "./rule.ts";
import {
  eluRule,
  hardSigmoidRule,
  hardSwishRule,
  leakyReluRule,
  preluRule,
  reluRule,
  sigmoidRule,
  softplusRule,
  tanhRule,
} from "./rules/activations.ts";
import { divRule, extremumRule, meanRule, mulRule, powRule, subRule, sumRule } from "./rules/arithmetic.ts";
import { averagePoolRule, globalAveragePoolRule } from "./rules/averagePool.ts";
import { batchNormalizationRule } from "./rules/batchNormalization.ts";
import { clipRule } from "./rules/clip.ts";
import { convRule, convTransposeRule } from "./rules/conv.ts";
import { depthToSpaceRule } from "./rules/depthToSpace.ts";
import { dropoutRule } from "./rules/dropout.ts";
import { fakeQuantizeOperator, fakeQuantizeRule } from "./rules/fakeQuantize.ts";
import { geluRule, mishRule, swishRule } from "./rules/gatedActivations.ts";
import { gatherRule } from "./rules/gather.ts";
import { concatRule, splitRule } from "./rules/joining.ts";
import { expandRule, reshapeRule, spaceToDepthRule, tileRule, transposeRule } from "./rules/layout.ts";
import { gemmRule, matMulRule } from "./rules/matrixProduct.ts";
import { maxPoolRule } from "./rules/maxPool.ts";
import { instanceNormalizationRule, layerNormalizationRule } from "./rules/normalization.ts";
import { padRule } from "./rules/pad.ts";
import { globalMaxPoolRule, reduceExtremumRule, reduceMeanRule, reduceSumRule } from "./rules/reductions.ts";
import { resizeRule } from "./rules/resize.ts";
import { sliceRule } from "./rules/slice.ts";
import { logSoftmaxRule, softmaxRule } from "./rules/softmax.ts";
import { absRule, castRule, erfRule, expRule, identityRule, logRule, negRule, reciprocalRule, sqrtRule, straightThroughRule } from "./rules/unary.ts";
import { whereRule } from "./rules/where.ts";
import { withoutGradient } from "./withoutGradient.ts";

/** The rules of the default operator set, by operator type. */
export const gradientRules: ReadonlyMap<string, GradientRule> = new Map<string, GradientRule>([
  ["Abs", absRule],
  ["Add", sumRule],
  ["AveragePool", averagePoolRule],
  ["BatchNormalization", batchNormalizationRule],
  ["Cast", castRule],
  ["Ceil", straightThroughRule],
  ["Clip", clipRule],
  ["Concat", concatRule],
  ["Conv", convRule],
  ["ConvTranspose", convTransposeRule],
  ["DepthToSpace", depthToSpaceRule],
  ["Div", divRule],
  ["Dropout", dropoutRule],
  ["Elu", eluRule],
  ["Erf", erfRule],
  ["Exp", expRule],
  ["Expand", expandRule],
  ["Flatten", reshapeRule],
  ["Floor", straightThroughRule],
  ["Gather", gatherRule],
  ["Gelu", geluRule],
  ["Gemm", gemmRule],
  ["GlobalAveragePool", globalAveragePoolRule],
  ["GlobalMaxPool", globalMaxPoolRule],
  ["HardSigmoid", hardSigmoidRule],
  ["HardSwish", hardSwishRule],
  ["Identity", identityRule],
  ["InstanceNormalization", instanceNormalizationRule],
  ["LayerNormalization", layerNormalizationRule],
  ["LeakyRelu", leakyReluRule],
  ["Log", logRule],
  ["LogSoftmax", logSoftmaxRule],
  ["MatMul", matMulRule],
  ["Max", extremumRule],
  ["MaxPool", maxPoolRule],
  ["Mean", meanRule],
  ["Min", extremumRule],
  ["Mish", mishRule],
  ["Mul", mulRule],
  ["Neg", negRule],
  ["PRelu", preluRule],
  ["Pad", padRule],
  ["Pow", powRule],
  ["Reciprocal", reciprocalRule],
  ["ReduceMax", reduceExtremumRule],
  ["ReduceMean", reduceMeanRule],
  ["ReduceMin", reduceExtremumRule],
  ["ReduceSum", reduceSumRule],
  ["Relu", reluRule],
  ["Reshape", reshapeRule],
  ["Resize", resizeRule],
  ["Round", straightThroughRule],
  ["Sigmoid", sigmoidRule],
  ["Slice", sliceRule],
  ["Softmax", softmaxRule],
  ["Softplus", softplusRule],
  ["SpaceToDepth", spaceToDepthRule],
  ["Split", splitRule],
  ["Sqrt", sqrtRule],
  ["Squeeze", reshapeRule],
  ["Sub", subRule],
  ["Sum", sumRule],
  ["Swish", swishRule],
  ["Tanh", tanhRule],
  ["Tile", tileRule],
  ["Transpose", transposeRule],
  ["Unsqueeze", reshapeRule],
  ["Where", whereRule],
  // Constant almost everywhere, or of integers, truth values and shapes.
  ...[
    "And",
    "ArgMax",
    "ArgMin",
    "Constant",
    "ConstantOfShape",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "IsInf",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "NonMaxSuppression",
    "NonZero",
    "Not",
    "Or",
    "Shape",
    "Sign",
    "Size",
    "Xor",
  ].map((opType): [string, GradientRule] => [opType, withoutGradient]),
]);

/** The gradient rule of a node; undefined where there is none. */
export function ruleFor(node: NodeProto): GradientRule | undefined {
  if (node.domain === fakeQuantizeOperator.domain && node.opType === fakeQuantizeOperator.opType) return fakeQuantizeRule;
  return isDefaultDomain(node.domain) ? gradientRules.get(node.opType) : undefined;
}

/** Whether an operator can be differentiated. */
export function hasRule(opType: string, domain = ""): boolean {
  return isDefaultDomain(domain) && gradientRules.has(opType);
}

function isDefaultDomain(domain: string): boolean {
  return domain === "" || domain === "ai.onnx";
}
