/**
 * @file Gradients of the linear operators of real networks, at their real shapes, where finite differences would take too long: a gradient
 * is the transpose of a linear map, so that ⟨dy, f(δ)⟩ = ⟨gradient, δ⟩ for every δ.
 */
import { describe, expect, it } from "vitest";
import { TestRandom } from "../../../../test/support/random.ts";
import { TestSession } from "../../../../test/support/session.ts";
import { sharedModelPath, sharedModels } from "../../../../test/support/sharedModels.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { type PreparedGraph, prepareGraph } from "../../graph/prepareGraph.ts";
import { loadModel } from "../../onnx/modelFile.ts";
import type { NodeProto } from "../../onnx/onnx_pb.ts";
import { floatTensor, sizeOf, type Tensor } from "../../onnx/tensor.ts";
import { createRuntime } from "../../runtime/createRuntime.ts";
import { differentiate } from "../differentiate.ts";

/** Operators that are linear in each of these inputs. */
const linearInputs: Readonly<Record<string, readonly number[]>> = {
  AveragePool: [0],
  Conv: [0, 1],
  ConvTranspose: [0, 1],
  DepthToSpace: [0],
  Gemm: [0, 1],
  GlobalAveragePool: [0],
  MatMul: [0, 1],
  Resize: [0],
};
const batch = 2;
/** Nodes with more work than this, in elements read and written, are left out. */
const largest = 2e6;

const models = [
  "deeplab_v3_1_default_1.onnx",
  "mnist-8.onnx",
  "mobilenet_v1_025_224.onnx",
  "efficientnet_lite0.onnx",
  "resnet18_random.onnx",
  "version-RFB-320.onnx",
  "yolox_nano.onnx",
];

describe.skipIf(sharedModels.length === 0)("gradients at the shapes of real networks", () => {
  it.each(models.filter((model) => sharedModels.includes(model)))("%s", async (model) => {
    const prepared = await prepareGraph(await loadModel(sharedModelPath(model)), await createRuntime({ threads: 1 }));
    const nodes = distinctNodes(prepared);
    expect(nodes.length).toBeGreaterThan(1);
    for (const [i, node] of nodes.entries()) await checkAdjoint(prepared, node, new TestRandom(i));
  });
});

function dimsOf({ graph, shapes }: PreparedGraph, value: string): readonly number[] {
  return graph.constant(value)?.dims ?? shapes.shapeOf(value, batch);
}

/** One node of every kind: operator, attributes and shapes. */
function distinctNodes(prepared: PreparedGraph): NodeProto[] {
  const byKind = new Map<string, NodeProto>();
  for (const node of prepared.graph.nodes) {
    if (!linearInputs[node.opType]) continue;
    const dims = [...node.input.filter((input) => input !== ""), node.output[0]!].map((value) => dimsOf(prepared, value));
    const attributes = node.attribute.map(({ name, i, ints }) => `${name} ${i} ${ints}`).toSorted();
    if (dims.reduce((total, shape) => total + sizeOf(shape), 0) <= largest) byKind.set(JSON.stringify([node.opType, attributes, dims]), node);
  }
  return [...byKind.values()];
}

async function checkAdjoint(prepared: PreparedGraph, node: NodeProto, random: TestRandom): Promise<void> {
  const floats = (dims: readonly number[]) =>
    floatTensor(
      Float32Array.from({ length: sizeOf(dims) }, () => random.uniform(-1, 1)),
      dims,
    );
  const positions = linearInputs[node.opType]!;
  const y = node.output[0]!;
  const builder = declared(prepared, node, positions);
  const dy = builder.input("dy", "float", dimsOf(prepared, y));
  const wrt = positions.map((position) => node.input[position]!);
  const facts = {
    shapeOf: (value: string) => dimsOf(prepared, value),
    typeOf: () => "float" as const,
    constantOf: (value: string) => (wrt.includes(value) ? undefined : prepared.graph.constant(value)),
  };
  const { opset } = prepared.graph;
  const gradients = differentiate({ builder, nodes: [node], facts, opset, seeds: new Map([[y, dy]]), wrt });
  for (const [i, value] of wrt.entries()) builder.output(gradients.get(value)!, `gradient_${i}`);
  const feeds: Record<string, Tensor> = { dy: floats(dimsOf(prepared, y)) };
  for (const value of wrt) feeds[value] = floats(dimsOf(prepared, value));
  const results = await run(builder, opset, feeds);

  for (const [i, value] of wrt.entries()) {
    const gradient = results[`gradient_${i}`]!;
    const delta = floats(dimsOf(prepared, value));
    const map = declared(prepared, node, positions);
    map.output(y, "y");
    const { y: moved } = await run(map, opset, { ...feeds, dy: undefined, [value]: delta });
    // Without the bias, which is not linear in the others.
    const { y: offset } = await run(map, opset, { ...feeds, dy: undefined, [value]: floatTensor(new Float32Array(delta.data.length), delta.dims) });
    const expected = dot(feeds.dy!, moved!) - dot(feeds.dy!, offset!);
    const scale = Math.sqrt(dot(gradient, gradient));
    const what = `${node.opType} ${node.name}: gradient at input ${positions[i]}`;
    expect([...gradient.dims], what).toEqual([...dimsOf(prepared, value)]);
    expect(scale, what).toBeGreaterThan(0);
    expect(Math.abs(dot(gradient, delta) - expected), what).toBeLessThan(1e-3 * scale);
  }
}

/** A graph with the node, its linear inputs fed and the others as constants. */
function declared(prepared: PreparedGraph, node: NodeProto, positions: readonly number[]): GraphBuilder {
  const builder = new GraphBuilder("test_");
  node.input.forEach((input, position) => {
    if (positions.includes(position)) builder.input(input, "float", dimsOf(prepared, input));
    else if (input !== "") builder.constant(prepared.graph.constant(input)!, input);
  });
  builder.add(node);
  return builder;
}

async function run(builder: GraphBuilder, opset: number, feeds: Record<string, Tensor | undefined>): Promise<Record<string, Tensor>> {
  const session = await TestSession.create(builder.model({ opset }));
  const given = Object.entries(feeds).filter((entry): entry is [string, Tensor] => entry[1] !== undefined);
  const results = await session.run(Object.fromEntries(given));
  await session.release();
  return results;
}

function dot(a: Tensor, b: Tensor): number {
  const x = a.data as Float32Array;
  const y = b.data as Float32Array;
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}
