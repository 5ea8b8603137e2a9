/** @file Checks an operator's gradient rule against central finite differences. */
import { create } from "@bufbuild/protobuf";
import { expect } from "vitest";
import { differentiate } from "../../src/engine/autodiff/differentiate.ts";
import type { ValueFacts } from "../../src/engine/autodiff/rule.ts";
import { type AttributeValue, intAttribute, makeAttributes } from "../../src/engine/graph/attributes.ts";
import { GraphBuilder } from "../../src/engine/graph/builder.ts";
import { type ModelProto, type NodeProto, NodeProtoSchema } from "../../src/engine/onnx/onnx_pb.ts";
import { type DataType, sizeOf, type Tensor } from "../../src/engine/onnx/tensor.ts";
import { dataTypeOfCode } from "../../src/engine/onnx/tensorCodec.ts";
import { TestRandom } from "./random.ts";
import { TestSession } from "./session.ts";

/** A tensor of doubles. */
export type DoubleTensor = Tensor & { readonly data: Float64Array };

/** A plain forward pass in double precision; integer inputs arrive as they are, missing ones as undefined. */
export type ReferenceForward = (inputs: readonly (Tensor | undefined)[]) => DoubleTensor | readonly DoubleTensor[];

export interface GradientCheck {
  opType: string;
  attributes?: Readonly<Record<string, AttributeValue | undefined>>;
  /** `double` tensors (turned to `float` where there is a reference), integers as they are; undefined: input not given. */
  inputs: readonly (Tensor | undefined)[];
  /** Positions of the inputs to differentiate; the others are constants of the graph. */
  differentiable: readonly number[];
  /** Number of outputs. Default 1. */
  outputs?: number;
  /** Default 17. */
  opset?: number;
  /** Needed where ONNX Runtime's kernel has no double: gives the finite differences, and is checked against ONNX Runtime itself. */
  reference?: ReferenceForward;
  /** Largest error relative to the largest gradient; default 1e-6 in double, 1e-4 with a reference (float). */
  tolerance?: number;
  /** Step of the finite differences. Default 1e-5. */
  step?: number;
}

/**
 * Builds a graph of one node and its gradient for a random cotangent at every floating-point output, runs it in
 * ONNX Runtime, and compares with central finite differences in double precision.
 */
export async function checkGradient(check: GradientCheck): Promise<void> {
  const { opType, differentiable, reference } = check;
  const type = reference ? "float" : "double";
  const graph = checkedGraph(check, type);
  const session = await TestSession.create(forwardModel(graph));
  const ortForward: AsyncForward = async (values) => outputsOf(graph, await session.run(feedsOf(graph, values)));
  const forward = reference ? referenceForward(reference) : ortForward;
  const point = reference ? graph.inputs.map(toDouble) : graph.inputs;
  try {
    const ys = await ortForward(graph.inputs);
    if (reference) expectForward(check, await forward(point), ys);
    const random = new TestRandom(sizeOf(ys[0]!.dims) + 7);
    const cotangents = ys.map((y) => (isFloating(y) ? toType(random.tensor(y.dims, -1, 1), type) : undefined));
    const actual = await backward(graph, ys, cotangents);
    const expected = await finiteDifferences(forward, point, differentiable, cotangents, check.step ?? 1e-5);
    const tolerance = check.tolerance ?? (reference ? 1e-4 : 1e-6);
    differentiable.forEach((position, i) => {
      const what = `${opType}: gradient at input ${position}`;
      if (!actual[i]) expect.fail(`${what}: none`);
      expectClose(what, actual[i], expected[i]!, tolerance, graph.inputs[position]!.dims);
    });
  } finally {
    await session.release();
  }
}

/** The gradients at the differentiable inputs for given cotangents at the outputs; undefined where there is none. */
export async function operatorGradients(
  check: Omit<GradientCheck, "reference" | "tolerance" | "step">,
  cotangents: readonly (Tensor | undefined)[],
): Promise<(Tensor | undefined)[]> {
  const graph = checkedGraph(check, "double");
  const session = await TestSession.create(forwardModel(graph));
  try {
    return await backward(graph, outputsOf(graph, await session.run(feedsOf(graph, graph.inputs))), cotangents);
  } finally {
    await session.release();
  }
}

interface CheckedGraph {
  node: NodeProto;
  inputs: readonly (Tensor | undefined)[];
  differentiable: readonly number[];
  opset: number;
}

/** The node with its inputs, doubles turned to `type`. */
function checkedGraph(check: GradientCheck, type: DataType): CheckedGraph {
  const { opType, attributes = {}, differentiable, opset = 17 } = check;
  const inputs = check.inputs.map((input) => (input?.type === "double" ? toType(input, type) : input));
  // Missing inputs are empty names, but for trailing ones.
  const names = inputs.slice(0, inputs.findLastIndex((input) => input !== undefined) + 1).map((input, i) => (input ? `x${i}` : ""));
  const outputs = Array.from({ length: check.outputs ?? 1 }, (_, i) => `y${i}`);
  const node = create(NodeProtoSchema, { opType, name: opType, input: names, output: outputs, attribute: makeAttributes(attributes) });
  return { node, inputs, differentiable, opset };
}

type AsyncForward = (inputs: readonly (Tensor | undefined)[]) => Promise<readonly Tensor[]>;

function referenceForward(reference: ReferenceForward): AsyncForward {
  return async (inputs) => {
    const result = reference(inputs);
    return "data" in result ? [result] : result;
  };
}

/** Declares the differentiable inputs, and the other ones as constants. */
function declareInputs({ node, inputs, differentiable }: CheckedGraph): GraphBuilder {
  const builder = new GraphBuilder("test_");
  inputs.forEach((tensor, position) => {
    const name = node.input[position]!;
    if (!tensor) return;
    if (differentiable.includes(position)) builder.input(name, tensor.type, tensor.dims);
    else builder.constant(tensor, name);
  });
  builder.add(node);
  return builder;
}

function forwardModel(graph: CheckedGraph): ModelProto {
  const builder = declareInputs(graph);
  for (const name of graph.node.output) builder.output(name, name, outputType(graph, name));
  return builder.model({ opset: graph.opset });
}

function outputsOf({ node }: CheckedGraph, results: Readonly<Record<string, Tensor>>): Tensor[] {
  return node.output.map((name) => results[name]!);
}

/** The checked operators' outputs have the type of the first differentiable input, with these exceptions. */
function outputType({ node, inputs, differentiable }: CheckedGraph, name: string): DataType {
  if (node.opType === "Cast") return dataTypeOfCode(intAttribute(node, "to", 0))!;
  if (integerResults.has(node.opType)) return "int64";
  if (truthResults.has(node.opType)) return "bool";
  if (node.opType === "MaxPool" && name === node.output[1]) return "int64";
  if (node.opType === "Dropout" && name === node.output[1]) return "bool";
  return inputs[differentiable[0]!]!.type;
}

const integerResults = new Set(["ArgMax", "ArgMin", "NonZero", "Shape", "Size"]);
const truthResults = new Set(["Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual"]);

function feedsOf({ node, differentiable }: CheckedGraph, values: readonly (Tensor | undefined)[]): Record<string, Tensor> {
  return Object.fromEntries(differentiable.map((position) => [node.input[position]!, values[position]!]));
}

/** Runs forward and backward graph as one. */
async function backward(graph: CheckedGraph, ys: readonly Tensor[], cotangents: readonly (Tensor | undefined)[]): Promise<(Tensor | undefined)[]> {
  const { node, inputs, differentiable, opset } = graph;
  const builder = declareInputs(graph);
  const known = new Map<string, Tensor>();
  inputs.forEach((tensor, i) => {
    if (tensor) known.set(node.input[i]!, tensor);
  });
  ys.forEach((tensor, i) => {
    known.set(node.output[i]!, tensor);
  });
  const constants = new Set(node.input.filter((_, position) => !differentiable.includes(position)));
  const facts: ValueFacts = {
    shapeOf: (value) => known.get(value)!.dims,
    typeOf: (value) => known.get(value)!.type,
    constantOf: (value) => (constants.has(value) ? known.get(value) : undefined),
  };
  const feeds = feedsOf(graph, inputs);
  const seeds = new Map<string, string>();
  cotangents.forEach((cotangent, i) => {
    if (!cotangent) return;
    const name = builder.input(`dy${i}`, cotangent.type, cotangent.dims);
    seeds.set(node.output[i]!, name);
    feeds[name] = cotangent;
  });
  const wrt = differentiable.map((position) => node.input[position]!);
  const gradients = differentiate({ builder, nodes: [node], facts, opset, seeds, wrt });
  wrt.forEach((value, i) => {
    const gradient = gradients.get(value);
    if (gradient) builder.output(gradient, `dx${i}`, known.get(value)!.type, known.get(value)!.dims);
  });
  if (gradients.size === 0) return wrt.map(() => undefined);
  const session = await TestSession.create(builder.model({ opset }));
  try {
    const results = await session.run(feeds);
    return wrt.map((_, i) => results[`dx${i}`]);
  } finally {
    await session.release();
  }
}

/** d(Σ cotangent · y)/dx element by element, with steps that double precision can carry. */
async function finiteDifferences(
  forward: AsyncForward,
  inputs: readonly (Tensor | undefined)[],
  differentiable: readonly number[],
  cotangents: readonly (Tensor | undefined)[],
  step: number,
): Promise<Float64Array[]> {
  const loss = async (values: readonly (Tensor | undefined)[]) => {
    const ys = await forward(values);
    return ys.reduce((sum, y, i) => sum + (cotangents[i] ? dot(y, cotangents[i]) : 0), 0);
  };
  const gradients: Float64Array[] = [];
  for (const position of differentiable) {
    const point = inputs[position]!.data as Float64Array;
    const gradient = new Float64Array(point.length);
    for (let i = 0; i < point.length; i++) {
      const moved = async (by: number) => {
        const data = point.slice();
        data[i]! += by;
        return loss(inputs.map((input, at) => (at === position ? { ...input!, data } : input)));
      };
      gradient[i] = ((await moved(step)) - (await moved(-step))) / (2 * step);
    }
    gradients.push(gradient);
  }
  return gradients;
}

function dot(a: Tensor, b: Tensor): number {
  const x = a.data as Float64Array;
  const y = b.data as Float64Array;
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}

/** The reference must be the operator, or its finite differences prove nothing. */
function expectForward({ opType }: GradientCheck, reference: readonly Tensor[], ys: readonly Tensor[]): void {
  ys.forEach((y, i) => {
    if (!isFloating(y)) return;
    expect(reference[i]?.dims, `${opType}: the reference's shape of output ${i}`).toEqual([...y.dims]);
    expectClose(`${opType}: the reference's output ${i}`, y, reference[i]!.data as Float64Array, 1e-5, y.dims);
  });
}

function expectClose(what: string, actual: Tensor, expected: Float64Array, tolerance: number, dims: readonly number[]): void {
  expect([...actual.dims], `${what}: shape`).toEqual([...dims]);
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  // Where every true gradient is zero, errors are judged against one.
  const allowed = tolerance * (largest || 1);
  const values = actual.data as Float64Array;
  for (let i = 0; i < expected.length; i++) {
    if (!(Math.abs(values[i]! - expected[i]!) <= allowed)) {
      expect.fail(`${what}: element ${i} is ${values[i]}, expected ${expected[i]} (allowed error ${allowed})`);
    }
  }
}

function isFloating(tensor: Tensor): boolean {
  return tensor.type === "float" || tensor.type === "double";
}

function toType(tensor: Tensor, type: DataType): Tensor {
  const data = tensor.data as Float64Array;
  return { type, dims: tensor.dims, data: type === "float" ? Float32Array.from(data) : data };
}

function toDouble(tensor: Tensor | undefined): Tensor | undefined {
  return tensor?.type === "float" ? { type: "double", dims: tensor.dims, data: Float64Array.from(tensor.data as Float32Array) } : tensor;
}
