/** @file Which gradient rule belongs to which operator. */
import type { NodeProto } from "../onnx/onnx_pb.ts";
import type { GradientRule } from "./rule.ts";
import { addRule, mulRule, subRule } from "./rules/arithmetic.ts";

/** The rules of the default operator set, by operator type. */
export const gradientRules: ReadonlyMap<string, GradientRule> = new Map<string, GradientRule>([
  ["Add", addRule],
  ["Mul", mulRule],
  ["Sub", subRule],
]);

/** The gradient rule of a node; undefined where there is none. */
export function ruleFor(node: NodeProto): GradientRule | undefined {
  return isDefaultDomain(node.domain) ? gradientRules.get(node.opType) : undefined;
}

/** Whether an operator can be differentiated. */
export function hasRule(opType: string, domain = ""): boolean {
  return isDefaultDomain(domain) && gradientRules.has(opType);
}

function isDefaultDomain(domain: string): boolean {
  return domain === "" || domain === "ai.onnx";
}
