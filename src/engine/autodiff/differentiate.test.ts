import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { TestRandom } from "../../../test/support/random.ts";
import { TestSession } from "../../../test/support/session.ts";
import { UserError } from "../errors.ts";
import { type AttributeValue, makeAttributes } from "../graph/attributes.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { type NodeProto, NodeProtoSchema } from "../onnx/onnx_pb.ts";
import type { DataType, Tensor } from "../onnx/tensor.ts";
import { differentiate } from "./differentiate.ts";
import type { ValueFacts } from "./rule.ts";

const dims = [3, 4];

function node(opType: string, input: string[], output: string, attributes: Record<string, AttributeValue> = {}): NodeProto {
  return create(NodeProtoSchema, { opType, input, output: [output], name: `node_${output}`, attribute: makeAttributes(attributes) });
}

/** Facts of graphs whose values all have one shape, but for those named. */
function facts(shapes: Readonly<Record<string, readonly number[]>> = {}, types: Readonly<Record<string, DataType>> = {}): ValueFacts {
  return { shapeOf: (value) => shapes[value] ?? dims, typeOf: (value) => types[value] ?? "double", constantOf: () => undefined };
}

/** The operator types that differentiation emits. */
function emitted(nodes: NodeProto[], wrt: string[], seeds: string[], known = facts()): { opTypes: string[]; gradients: Map<string, string> } {
  const builder = new GraphBuilder("test_");
  const gradients = differentiate({ builder, nodes, facts: known, opset: 17, seeds: new Map(seeds.map((seed) => [seed, `d${seed}`])), wrt });
  return { opTypes: builder.nodes.map(({ opType }) => opType), gradients };
}

describe("what is differentiated", () => {
  it("is only what lies between the wanted values and the seeds", () => {
    const nodes = [
      node("Einsum", ["x"], "before"),
      node("Mul", ["before", "w"], "product"),
      node("Exp", ["product"], "y"),
      node("Einsum", ["y"], "after"),
      node("Tanh", ["product"], "aside"),
    ];
    const { opTypes, gradients } = emitted(nodes, ["w"], ["y"]);
    expect(opTypes).toEqual(["Mul", "Mul"]);
    expect([...gradients.keys()]).toEqual(["w"]);
  });

  it("does not give a gradient at what the seeds do not depend on", () => {
    const { opTypes, gradients } = emitted([node("Exp", ["a"], "y"), node("Exp", ["b"], "z")], ["a", "b"], ["y"]);
    expect(opTypes).toEqual(["Mul"]);
    expect([...gradients.keys()]).toEqual(["a"]);
  });

  it("ends at operators without a gradient, whatever lies before them", () => {
    const nodes = [node("Einsum", ["x"], "a"), node("Sign", ["a"], "b"), node("Mul", ["b", "x"], "y")];
    const { opTypes } = emitted([nodes[1]!, nodes[2]!], ["a", "x"], ["y"]);
    expect(opTypes).toEqual(["Mul"]);
  });

  it("ends at integers", () => {
    const nodes = [node("Unique", ["x"], "counts"), node("Cast", ["counts"], "floats"), node("Add", ["floats", "x"], "y")];
    const { opTypes, gradients } = emitted(nodes, ["x"], ["y"], facts({}, { counts: "int64" }));
    expect(opTypes).toEqual([]);
    expect(gradients.get("x")).toBe("dy");
  });

  it("gives a seed itself where it is wanted, and adds what comes through readers", () => {
    expect(emitted([], ["x"], ["x"]).gradients.get("x")).toBe("dx");
    const { opTypes } = emitted([node("Exp", ["x"], "y")], ["x"], ["x", "y"]);
    expect(opTypes).toEqual(["Mul", "Add"]);
  });

  it("adds once for a value that is wanted and passed on", () => {
    const nodes = [node("Exp", ["x"], "h"), node("Neg", ["h"], "a"), node("Tanh", ["h"], "b"), node("Add", ["a", "b"], "y")];
    const { opTypes } = emitted(nodes, ["x", "h"], ["y"]);
    expect(opTypes.filter((opType) => opType === "Add")).toHaveLength(1);
  });

  it("names a node that has no rule on a needed path", () => {
    const nodes = [node("Exp", ["x"], "h"), node("Einsum", ["h"], "y")];
    const error = catchError(() => emitted(nodes, ["x"], ["y"]));
    expect(error.toLine()).toMatch(/^The operator Einsum has no gradient, and a gradient is needed through it\. \(node node_y\) Leave this node/);
  });

  it("names the domain of a foreign operator", () => {
    const foreign = node("Relu", ["x"], "y");
    foreign.domain = "com.example";
    expect(catchError(() => emitted([foreign], ["x"], ["y"])).message).toContain("Relu of the domain com.example");
  });

  it("refuses half precision", () => {
    const error = catchError(() => emitted([node("Exp", ["x"], "y")], ["x"], ["y"], facts({}, { x: "float16", y: "float16" })));
    expect(error.toLine()).toContain('The value "x" is float16; gradients need float.');
  });
});

function catchError(run: () => unknown): UserError {
  try {
    run();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("gradients of random graphs", () => {
  it.each(Array.from({ length: 15 }, (_, seed) => seed))("equal finite differences (graph %d)", async (seed) => {
    const random = new TestRandom(1000 + seed);
    const graph = randomGraph(random);
    expect(new Set(graph.nodes.map(({ opType }) => opType)).size).toBeGreaterThanOrEqual(8);
    const inputs = Object.fromEntries(["a", "b", "c", "shift"].map((name) => [name, random.tensor(dims, -1.5, 1.5)]));
    const seeds = graph.ends.map((value) => [value, random.tensor(dims, -1, 1)] as const);

    const builder = declare(graph.nodes);
    for (const [value, cotangent] of seeds) builder.constant(cotangent, `d${value}`);
    const wrt = [...Object.keys(inputs), graph.middle];
    const gradientNames = new Map(seeds.map(([value]) => [value, `d${value}`]));
    const gradients = differentiate({ builder, nodes: graph.nodes, facts: facts(graph.shapes), opset: 17, seeds: gradientNames, wrt });
    for (const [value, gradient] of gradients) builder.output(gradient, `grad_${value}`, "double", dims);
    for (const [value] of seeds) builder.output(value, `out_${value}`, "double", dims);
    const session = await TestSession.create(builder.model({ opset: 17 }));
    try {
      const actual = await session.run(inputs);
      const loss = async (values: Record<string, Tensor>) => {
        const results = await session.run(values);
        return seeds.reduce((sum, [value, cotangent]) => sum + dot(results[`out_${value}`]!, cotangent), 0);
      };
      for (const name of Object.keys(inputs)) {
        const expected = await differences(loss, inputs, name);
        expectClose(actual[`grad_${name}`], expected);
        // The value in the middle is a sum with "shift", so that their gradients are equal.
        if (name === "shift") expectClose(actual[`grad_${graph.middle}`], expected);
      }
    } finally {
      await session.release();
    }
  });
});

function declare(nodes: readonly NodeProto[]): GraphBuilder {
  const builder = new GraphBuilder("test_");
  for (const name of ["a", "b", "c", "shift"]) builder.input(name, "double", dims);
  for (const member of nodes) builder.add(member);
  return builder;
}

interface RandomGraph {
  nodes: NodeProto[];
  shapes: Record<string, number[]>;
  /** A value made half-way by adding the input "shift". */
  middle: string;
  /** Where the loss is taken: the last value and one before. */
  ends: string[];
}

/** Sixteen steps, each of one of the operators below on values made before; old values are read again and again. */
function randomGraph(random: TestRandom): RandomGraph {
  const nodes: NodeProto[] = [];
  const shapes: Record<string, number[]> = {};
  const values = ["a", "b", "c"];
  const recent = () => (random.uniform() < 0.6 ? values.at(-1)! : random.pick(values));
  const add = (opType: string, input: string[], attributes: Record<string, AttributeValue> = {}, shape = dims) => {
    const output = `v${nodes.length}`;
    nodes.push(node(opType, input, output, attributes));
    shapes[output] = shape;
    return output;
  };
  const splitAgain = (wide: string) => {
    const halves = [`first${nodes.length}`, `second${nodes.length}`];
    const name = `split${nodes.length}`;
    nodes.push(create(NodeProtoSchema, { opType: "Split", input: [wide], output: halves, name, attribute: makeAttributes({ axis: 1 }) }));
    return add("Sub", [halves[1]!, add("Tanh", [halves[0]!])]);
  };
  const steps: (() => string)[] = [
    () => add("Add", [recent(), random.pick(values)]),
    () => add("Sub", [random.pick(values), recent()]),
    () => add("Mul", [add("Tanh", [recent()]), random.pick(values)]),
    () => add("Sigmoid", [recent()]),
    () => add("Relu", [recent()]),
    () => add("Abs", [recent()]),
    () => add("Softmax", [recent()], { axis: random.integer(0, 1) }),
    () => add("Mul", [recent(), add("ReduceMean", [recent()], { axes: [1], keepdims: 1 }, [3, 1])]),
    () => add("Transpose", [add("Exp", [add("Tanh", [add("Transpose", [recent()], {}, [4, 3])], {}, [4, 3])], {}, [4, 3])]),
    () => splitAgain(add("Concat", [recent(), random.pick(values)], { axis: 1 }, [3, 8])),
    () => add("Max", [recent(), random.pick(values)]),
    () => add("Div", [recent(), add("Exp", [add("Sigmoid", [random.pick(values)])])]),
  ];
  let middle = "";
  for (let i = 0; i < 16; i++) {
    values.push(random.pick(steps)());
    if (i === 7) {
      middle = add("Add", [values.at(-1)!, "shift"]);
      values.push(middle);
    }
  }
  return { nodes, shapes, middle, ends: [values.at(-1)!, values.at(-5)!, middle] };
}

async function differences(
  loss: (values: Record<string, Tensor>) => Promise<number>,
  inputs: Record<string, Tensor>,
  name: string,
): Promise<number[]> {
  const step = 1e-5;
  const point = inputs[name]!.data as Float64Array;
  const gradient: number[] = [];
  for (let i = 0; i < point.length; i++) {
    const moved = (by: number) => loss({ ...inputs, [name]: { type: "double", dims, data: point.with(i, point[i]! + by) } });
    gradient.push(((await moved(step)) - (await moved(-step))) / (2 * step));
  }
  return gradient;
}

function dot(a: Tensor, b: Tensor): number {
  return (a.data as Float64Array).reduce((sum, value, i) => sum + value * (b.data as Float64Array)[i]!, 0);
}

/** No gradient means that all differences are zero. */
function expectClose(actual: Tensor | undefined, expected: readonly number[]): void {
  const values = actual ? (actual.data as Float64Array) : new Float64Array(expected.length);
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  expected.forEach((value, i) => {
    expect(Math.abs(values[i]! - value), `element ${i}: ${values[i]} against ${value}`).toBeLessThanOrEqual(1e-6 * (largest || 1));
  });
}
