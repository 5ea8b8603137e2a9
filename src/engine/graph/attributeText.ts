/** @file Node attributes as a person reads them. */
import { type AttributeProto, AttributeProto_AttributeType, type NodeProto } from "../onnx/onnx_pb.ts";
import { dataTypeOfCode, tensorProtoDims } from "../onnx/tensorCodec.ts";

const T = AttributeProto_AttributeType;
const longestText = 120;
const mostItems = 16;

/** The node's attributes as text, cut to a readable length. */
export function attributeTexts(node: NodeProto): Record<string, string> {
  return Object.fromEntries(node.attribute.map((attribute) => [attribute.name, cut(attributeText(attribute))]));
}

function attributeText(attribute: AttributeProto): string {
  switch (attribute.type) {
    case T.INT:
      return String(attribute.i);
    case T.FLOAT:
      return number(attribute.f);
    case T.STRING:
      return text(attribute.s);
    case T.INTS:
      return list(attribute.ints, String);
    case T.FLOATS:
      return list(attribute.floats, number);
    case T.STRINGS:
      return list(attribute.strings, text);
    case T.TENSOR:
      return attribute.t ? `${dataTypeOfCode(attribute.t.dataType) ?? "tensor"} [${tensorProtoDims(attribute.t).join(", ")}]` : "tensor";
    case T.GRAPH:
      return `graph of ${attribute.g?.node.length ?? 0} operators`;
    default:
      return "…";
  }
}

function list<I>(items: readonly I[], write: (item: I) => string): string {
  return `[${items.slice(0, mostItems).map(write).join(", ")}${items.length > mostItems ? ", …" : ""}]`;
}

/** ONNX floats are single precision: no more digits than that. */
function number(value: number): string {
  return String(Number(value.toPrecision(7)));
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, longestText * 4));
}

function cut(value: string): string {
  return value.length > longestText ? `${value.slice(0, longestText - 1)}…` : value;
}
