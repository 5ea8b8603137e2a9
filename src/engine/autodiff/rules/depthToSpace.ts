/** @file Gradient of DepthToSpace. */
import { intAttribute, stringAttribute } from "../../graph/attributes.ts";
import { outputGradient } from "../emit.ts";
import type { GradientRule } from "../rule.ts";

/** DepthToSpace: elements only change places, so the gradient takes them back. */
export const depthToSpaceRule: GradientRule = (context) => {
  const { builder: b, node, shapeOf } = context;
  const size = intAttribute(node, "blocksize", 1);
  const [batch, channels, height, width] = shapeOf(node.input[0]!) as [number, number, number, number];
  const inner = channels / (size * size);
  const split = b.op("Reshape", [outputGradient(context), b.ints([batch, inner, height, size, width, size])]);
  // DCR reads the depth as (row, column, channel), CRD as (channel, row, column).
  const perm = stringAttribute(node, "mode", "DCR") === "CRD" ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
  return [b.op("Reshape", [b.op("Transpose", [split], { perm }), b.ints([batch, channels, height, width])])];
};
