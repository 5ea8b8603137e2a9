/** @file Axes and other integer parameters, which operators take as attributes in some opsets and as inputs in others. */
import { intsAttribute } from "../graph/attributes.ts";
import { toNumbers } from "../onnx/tensor.ts";
import { unsupported } from "./emit.ts";
import type { RuleContext } from "./rule.ts";

/** The integers of a constant input; undefined where it is not given. */
export function constantInts({ node, constantOf }: RuleContext, position: number, what: string): number[] | undefined {
  const name = node.input[position];
  if (!name) return undefined;
  const tensor = constantOf(name);
  if (!tensor) throw unsupported(node, `needs ${what} that are known beforehand, not computed`);
  return toNumbers(tensor);
}

/** A node's axes, from the attribute or from the input at `position`, as they stand; undefined where neither is given. */
export function givenAxes(context: RuleContext, position: number): number[] | undefined {
  return intsAttribute(context.node, "axes") ?? constantInts(context, position, "axes");
}

/** An axis counted from the front. */
export function normalizeAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}
