/** @file Nodes that hand their input on unchanged are taken out, and padding goes into the convolution behind it. */
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { toNumbers } from "../onnx/tensor.ts";
import { intsAttribute, setAttribute, stringAttribute } from "./attributes.ts";
import type { Graph } from "./graph.ts";
import { bypass } from "./rewire.ts";
import { isOperator } from "./subgraphs.ts";

/** Removes Identity, Dropout as it is in inference, a Pad by nothing, and pairs of Transposes that undo each other. */
export function removeNoOps(graph: Graph): void {
  const replacements = new Map<NodeProto, string>();
  for (const node of graph.nodes) {
    const source = isNoOp(graph, node) ? node.input[0] : undoneTranspose(graph, node, replacements);
    if (source) replacements.set(node, source);
  }
  bypass(graph, replacements);
  graph.removeUnused();
}

function isNoOp(graph: Graph, node: NodeProto): boolean {
  if (isOperator(node, "Identity")) return true;
  if (isOperator(node, "Dropout")) return isInference(graph, node) && !node.output.slice(1).some((mask) => isUsed(graph, mask));
  if (isOperator(node, "Pad")) return padsOf(graph, node)?.every((pad) => pad === 0) ?? false;
  if (isOperator(node, "Transpose")) return intsAttribute(node, "perm")?.every((axis, position) => axis === position) ?? false;
  return false;
}

/** A Dropout whose training mode is computed may be in training. */
function isInference(graph: Graph, node: NodeProto): boolean {
  const mode = node.input[2];
  if (!mode) return true;
  const constant = graph.constant(mode);
  return constant !== undefined && toNumbers(constant)[0] === 0;
}

function isUsed(graph: Graph, value: string): boolean {
  return value !== "" && (graph.isOutput(value) || graph.consumers(value).length > 0);
}

/** What the Transpose before reads, where this one puts the axes back and the one before stays. */
function undoneTranspose(graph: Graph, node: NodeProto, removed: ReadonlyMap<NodeProto, string>): string | undefined {
  if (!isOperator(node, "Transpose")) return undefined;
  const before = graph.producer(node.input[0]!);
  if (!before || !isOperator(before, "Transpose") || removed.has(before)) return undefined;
  const [first, second] = [intsAttribute(before, "perm"), intsAttribute(node, "perm")];
  return first && second?.every((axis, position) => first[axis] === position) ? before.input[0] : undefined;
}

/** Moves a padding by zeros into the Conv that alone reads it. */
export function mergePads(graph: Graph): void {
  const replacements = new Map<NodeProto, string>();
  for (const pad of graph.nodes) {
    const pads = isOperator(pad, "Pad") ? spatialZeroPads(graph, pad) : undefined;
    const readers = graph.consumers(pad.output[0] ?? "");
    const [conv] = readers;
    if (!pads || !conv || readers.length > 1 || graph.isOutput(pad.output[0]!) || !takesPads(conv, pad)) continue;
    const own = intsAttribute(conv, "pads") ?? pads.map(() => 0);
    if (own.length !== pads.length) continue;
    setAttribute(
      conv,
      "pads",
      own.map((amount, side) => amount + pads[side]!),
    );
    if (stringAttribute(conv, "auto_pad", "NOTSET") === "VALID") setAttribute(conv, "auto_pad", "NOTSET");
    replacements.set(pad, pad.input[0]!);
  }
  bypass(graph, replacements);
  graph.removeUnused();
}

/** Only a Conv's image may be padded, not its weights; SAME sizes depend on the padded image. */
function takesPads(conv: NodeProto, pad: NodeProto): boolean {
  const padsItself = !["NOTSET", "VALID"].includes(stringAttribute(conv, "auto_pad", "NOTSET"));
  return isOperator(conv, "Conv") && !padsItself && conv.input.indexOf(pad.output[0]!) === 0 && conv.input.lastIndexOf(pad.output[0]!) === 0;
}

/** Begins and ends of the spatial axes, where nothing but zeros is added, and only there. */
function spatialZeroPads(graph: Graph, pad: NodeProto): number[] | undefined {
  const pads = padsOf(graph, pad);
  if (!pads || pad.input[3] || stringAttribute(pad, "mode", "constant") !== "constant") return undefined;
  const value = pad.input[2] ? graph.constant(pad.input[2]) : undefined;
  if (pad.input[2] && (!value || toNumbers(value)[0] !== 0)) return undefined;
  const rank = pads.length / 2;
  const [begins, ends] = [pads.slice(0, rank), pads.slice(rank)];
  const outer = [...begins.slice(0, 2), ...ends.slice(0, 2)];
  if (outer.some((amount) => amount !== 0) || pads.some((amount) => amount < 0)) return undefined;
  return [...begins.slice(2), ...ends.slice(2)];
}

function padsOf(graph: Graph, pad: NodeProto): number[] | undefined {
  const pads = graph.constant(pad.input[1] ?? "");
  return pads && toNumbers(pads);
}
