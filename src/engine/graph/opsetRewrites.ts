/** @file Changes of operator sets that take more than one node. */
import { create } from "@bufbuild/protobuf";
import { type NodeProto, NodeProtoSchema } from "../onnx/onnx_pb.ts";
import { int64Tensor, sizeOf } from "../onnx/tensor.ts";
import { type AttributeValue, intAttribute, makeAttributes, setAttribute } from "./attributes.ts";
import type { ConversionContext, Inserted } from "./opsetConversions.ts";

/**
 * Before version 13, Softmax and its kin normalize over all axes from `axis` on, as of a flattened matrix; later over that axis
 * only. Both are the same where the axes after it have length 1.
 */
export function flattenedSoftmax(node: NodeProto, context: ConversionContext): Inserted | undefined {
  const axis = intAttribute(node, "axis", 1);
  const dims = context.dimsOf(node.input[0]!);
  const from = axis < 0 && dims ? axis + dims.length : axis;
  if (axis === -1 || (dims && sizeOf(dims.slice(from + 1)) === 1)) {
    setAttribute(node, "axis", axis);
    return undefined;
  }
  const input = node.input[0]!;
  const output = node.output[0]!;
  const [flat, normalized, shape] = ["flat", "normalized", "shape"].map((suffix) => context.fresh(`${output}.${suffix}`)) as [string, string, string];
  node.input[0] = flat;
  node.output[0] = normalized;
  setAttribute(node, "axis", -1);
  return {
    before: [makeNode("Flatten", [input], flat, { axis }), makeNode("Shape", [input], shape)],
    after: [makeNode("Reshape", [normalized, shape], output, {}, context.fresh(`${output}.unflattened`))],
  };
}

/** Before version 21, GroupNormalization has a scale and a bias for each group; later for each channel. */
export function groupsToChannels(node: NodeProto, context: ConversionContext): Inserted {
  const groups = intAttribute(node, "num_groups", 1);
  const [input, scale, bias] = node.input as [string, string, string];
  const name = (suffix: string) => context.fresh(`${node.output[0]}.${suffix}`);
  const constant = (suffix: string, values: readonly number[]) => context.constant(node, suffix, int64Tensor(values));
  const [channels, perGroup, target] = [name("channels"), name("per_group"), name("target")];
  const count = constant("groups", [groups]);
  const column = constant("column", [groups, 1]);
  const row = constant("row", [-1]);
  const before = [
    makeNode("Shape", [input], channels, { start: 1, end: 2 }),
    makeNode("Div", [channels, count], perGroup),
    makeNode("Concat", [count, perGroup], target, { axis: 0 }),
  ];
  const spread = (value: string, suffix: string) => {
    const [columns, expanded, flat] = [name(`${suffix}_column`), name(`${suffix}_expanded`), name(suffix)];
    before.push(makeNode("Reshape", [value, column], columns));
    before.push(makeNode("Expand", [columns, target], expanded));
    before.push(makeNode("Reshape", [expanded, row], flat));
    return flat;
  };
  node.input = [input, spread(scale, "scale"), spread(bias, "bias")];
  return { before };
}

function makeNode(
  opType: string,
  input: string[],
  output: string,
  attributes: Readonly<Record<string, AttributeValue>> = {},
  name = output,
): NodeProto {
  return create(NodeProtoSchema, { opType, name, input, output: [output], attribute: makeAttributes(attributes) });
}
