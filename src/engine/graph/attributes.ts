/** @file Reading and making node attributes, with the types that ONNX gives them. */
import { create } from "@bufbuild/protobuf";
import { type AttributeProto, AttributeProto_AttributeType, AttributeProtoSchema, type NodeProto } from "../onnx/onnx_pb.ts";
import type { Tensor } from "../onnx/tensor.ts";
import { decodeTensor, encodeTensor } from "../onnx/tensorCodec.ts";

const A = AttributeProto_AttributeType;

/** A float attribute; a plain number means an integer one. */
export interface FloatAttribute {
  readonly float: number;
}

/** What an attribute can be made from: number → int, `float(x)` → float, number[] → ints. */
export type AttributeValue = number | readonly number[] | string | FloatAttribute | Tensor;

/** Marks a number as an ONNX float attribute. */
export function float(value: number): FloatAttribute {
  return { float: value };
}

/** The attribute of that name, if the node has it. */
export function attributeOf(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((attribute) => attribute.name === name);
}

export function intAttribute(node: NodeProto, name: string, fallback: number): number {
  const attribute = attributeOf(node, name);
  return attribute ? Number(attribute.i) : fallback;
}

export function floatAttribute(node: NodeProto, name: string, fallback: number): number {
  return attributeOf(node, name)?.f ?? fallback;
}

export function stringAttribute(node: NodeProto, name: string, fallback: string): string {
  const attribute = attributeOf(node, name);
  return attribute ? new TextDecoder().decode(attribute.s) : fallback;
}

/** The integers of a list attribute; undefined where the node lacks it. */
export function intsAttribute(node: NodeProto, name: string): number[] | undefined {
  return attributeOf(node, name)?.ints.map(Number);
}

export function floatsAttribute(node: NodeProto, name: string): number[] | undefined {
  return attributeOf(node, name)?.floats;
}

export function tensorAttribute(node: NodeProto, name: string): Tensor | undefined {
  const tensor = attributeOf(node, name)?.t;
  return tensor && decodeTensor(tensor);
}

/** Makes an attribute. */
export function makeAttribute(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === "number") return create(AttributeProtoSchema, { name, type: A.INT, i: BigInt(value) });
  if (typeof value === "string") return create(AttributeProtoSchema, { name, type: A.STRING, s: new TextEncoder().encode(value) });
  if ("float" in value) return create(AttributeProtoSchema, { name, type: A.FLOAT, f: value.float });
  if ("data" in value) return create(AttributeProtoSchema, { name, type: A.TENSOR, t: encodeTensor("", value) });
  return create(AttributeProtoSchema, { name, type: A.INTS, ints: value.map(BigInt) });
}

/** Makes a node's attribute list. */
export function makeAttributes(values: Readonly<Record<string, AttributeValue | undefined>>): AttributeProto[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [makeAttribute(name, value)]));
}

/** Sets or replaces an attribute. */
export function setAttribute(node: NodeProto, name: string, value: AttributeValue): void {
  removeAttribute(node, name);
  node.attribute.push(makeAttribute(name, value));
}

export function removeAttribute(node: NodeProto, name: string): void {
  node.attribute = node.attribute.filter((attribute) => attribute.name !== name);
}
