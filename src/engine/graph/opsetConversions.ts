/** @file How nodes written for older operator sets are written in newer ones: one row a change of an operator's form. */
import { UserError } from "../errors.ts";
import { AttributeProto_AttributeType, type NodeProto } from "../onnx/onnx_pb.ts";
import { floatTensor, int64Tensor, type Tensor } from "../onnx/tensor.ts";
import {
  attributeOf,
  floatAttribute,
  floatsAttribute,
  intAttribute,
  intsAttribute,
  removeAttribute,
  setAttribute,
  stringAttribute,
} from "./attributes.ts";
import { flattenedSoftmax, groupsToChannels } from "./opsetRewrites.ts";

/** What a conversion may use besides the node. */
export interface ConversionContext {
  /** Adds an initializer named after the node, and gives its name. */
  constant(node: NodeProto, suffix: string, tensor: Tensor): string;
  /** A value name that is not in use. */
  fresh(base: string): string;
  /** The elements of a constant. */
  constantOf(value: string): readonly number[] | undefined;
  /** Dims of a value for one sample, where they are known. */
  dimsOf(value: string): readonly number[] | undefined;
}

/** Nodes to insert before and after the converted one. */
export interface Inserted {
  readonly before?: readonly NodeProto[];
  readonly after?: readonly NodeProto[];
}

export interface Conversion {
  /** The first operator set with the new form. */
  readonly since: number;
  readonly operators: readonly string[];
  /** Whether knowing the dims gives a simpler form. */
  readonly usesDims?: boolean;
  /** Changes the node in place; may ask for nodes around it. */
  convert(node: NodeProto, context: ConversionContext): Inserted | undefined;
}

const reductions = [
  "ReduceL1",
  "ReduceL2",
  "ReduceLogSum",
  "ReduceLogSumExp",
  "ReduceMax",
  "ReduceMean",
  "ReduceMin",
  "ReduceProd",
  "ReduceSumSquare",
];

/** Changes from operator set 7 to 25, by the ONNX changelog; changes that only add types, attributes or inputs need no row. */
export const conversions: readonly Conversion[] = [
  { since: 9, operators: ["BatchNormalization"], convert: dropSpatial },
  { since: 9, operators: ["Upsample"], convert: scalesToInput },
  { since: 9, operators: ["Scan"], convert: refuseScan },
  { since: 10, operators: ["Slice"], convert: sliceToInputs },
  { since: 10, operators: ["TopK"], convert: (node, context) => intsToInput(node, context, 1, "k") },
  { since: 10, operators: ["Upsample"], convert: (node) => rename(node, "Resize") },
  { since: 11, operators: ["Resize"], convert: resizeToCoordinates },
  { since: 11, operators: ["Clip"], convert: clipToInputs },
  { since: 11, operators: ["Pad"], convert: padToInputs },
  { since: 11, operators: ["Scatter"], convert: (node) => rename(node, "ScatterElements") },
  { since: 12, operators: ["Dropout"], convert: dropRatio },
  { since: 13, operators: ["Softmax", "LogSoftmax", "Hardmax"], usesDims: true, convert: flattenedSoftmax },
  { since: 13, operators: ["Squeeze", "Unsqueeze", "ReduceSum"], convert: (node, context) => intsToInput(node, context, 1, "axes") },
  { since: 13, operators: ["Split"], convert: (node, context) => intsToInput(node, context, 1, "split") },
  { since: 14, operators: ["BatchNormalization"], convert: dropTrainingOutputs },
  { since: 16, operators: ["RoiAlign"], convert: keepRoiCoordinates },
  { since: 18, operators: reductions, convert: (node, context) => intsToInput(node, context, 1, "axes") },
  { since: 18, operators: ["Split"], convert: countSplits },
  { since: 20, operators: ["DFT"], convert: dftAxisToInput },
  { since: 20, operators: ["GridSample"], convert: renameSampleMode },
  { since: 21, operators: ["GroupNormalization"], convert: groupsToChannels },
];

/** Puts a value at an input position, with omitted inputs before it. */
function setInput(node: NodeProto, position: number, value: string): void {
  while (node.input.length < position) node.input.push("");
  node.input[position] = value;
}

/** Moves an int or ints attribute to an input; an absent or empty list stays absent. */
function intsToInput(node: NodeProto, context: ConversionContext, position: number, name: string): undefined {
  const attribute = attributeOf(node, name);
  const values = attribute?.type === AttributeProto_AttributeType.INT ? [attribute.i] : (attribute?.ints ?? []);
  if (values.length > 0) setInput(node, position, context.constant(node, name, bigints(values)));
  removeAttribute(node, name);
}

/** Without a detour through numbers, which lack the 2^63 - 1 that means "to the end". */
function bigints(values: readonly bigint[]): Tensor {
  return { type: "int64", dims: [values.length], data: BigInt64Array.from(values) };
}

function rename(node: NodeProto, opType: string): undefined {
  node.opType = opType;
}

/** `spatial` = 0 means statistics for every position, which no later version has. */
function dropSpatial(node: NodeProto): undefined {
  if (intAttribute(node, "spatial", 1) === 0) throw unconvertible(node, "with spatial = 0");
  removeAttribute(node, "spatial");
}

/** Later versions have the running statistics of training as outputs; here the network is only run. */
function dropTrainingOutputs(node: NodeProto): undefined {
  node.output = node.output.slice(0, 1);
}

function scalesToInput(node: NodeProto, context: ConversionContext): undefined {
  const scales = floatsAttribute(node, "scales") ?? [];
  setInput(node, 1, context.constant(node, "scales", floatTensor(scales)));
  removeAttribute(node, "scales");
}

/** The form of version 9 has no axis for the batch of sequences. */
function refuseScan(node: NodeProto): undefined {
  throw unconvertible(node, "of operator set 8");
}

function sliceToInputs(node: NodeProto, context: ConversionContext): undefined {
  for (const [i, name] of ["starts", "ends", "axes"].entries()) intsToInput(node, context, i + 1, name);
}

/** Version 10 samples at output index / scale, rounded down; ONNX Runtime rounds up where it shrinks. */
function resizeToCoordinates(node: NodeProto, context: ConversionContext): undefined {
  const [image = "", scales = ""] = node.input;
  const shrinks = context.constantOf(scales)?.some((scale) => scale < 1) ?? false;
  node.input = [image, "", scales];
  setAttribute(node, "coordinate_transformation_mode", "asymmetric");
  if (stringAttribute(node, "mode", "nearest") === "nearest") setAttribute(node, "nearest_mode", shrinks ? "ceil" : "floor");
}

/** The old form takes floats only. */
function clipToInputs(node: NodeProto, context: ConversionContext): undefined {
  for (const [i, name] of ["min", "max"].entries()) {
    if (!attributeOf(node, name)) continue;
    setInput(node, i + 1, context.constant(node, name, floatTensor([floatAttribute(node, name, 0)], [])));
    removeAttribute(node, name);
  }
}

function padToInputs(node: NodeProto, context: ConversionContext): undefined {
  setInput(node, 1, context.constant(node, "pads", int64Tensor(intsAttribute(node, "pads") ?? [])));
  const value = floatAttribute(node, "value", 0);
  if (value !== 0) setInput(node, 2, context.constant(node, "value", floatTensor([value], [])));
  for (const name of ["pads", "value"]) removeAttribute(node, name);
}

/** The ratio matters in training only. */
function dropRatio(node: NodeProto): undefined {
  removeAttribute(node, "ratio");
}

/** The default became "half_pixel". */
function keepRoiCoordinates(node: NodeProto): undefined {
  setAttribute(node, "coordinate_transformation_mode", "output_half_pixel");
}

/** Equal parts must be counted where no lengths are given. */
function countSplits(node: NodeProto): undefined {
  if (!node.input[1]) setAttribute(node, "num_outputs", node.output.length);
}

function dftAxisToInput(node: NodeProto, context: ConversionContext): undefined {
  setInput(node, 2, context.constant(node, "axis", int64Tensor([intAttribute(node, "axis", 1)], [])));
  removeAttribute(node, "axis");
}

function renameSampleMode(node: NodeProto): undefined {
  const names: Record<string, string> = { bilinear: "linear", bicubic: "cubic" };
  const mode = stringAttribute(node, "mode", "bilinear");
  setAttribute(node, "mode", names[mode] ?? mode);
}

function unconvertible(node: NodeProto, what: string): UserError {
  return new UserError(`The operator ${node.opType} ${what} has no form in newer operator sets.`, {
    hint: "Export the model with operator set 17 or later.",
    place: { node: node.name || node.output[0] },
  });
}
