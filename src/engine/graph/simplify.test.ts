import { describe, expect, test } from "vitest";
import { modelOutputs, relativeDifference } from "../../../test/support/modelOutputs.ts";
import { floatTensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { type AttributeValue, intsAttribute } from "./attributes.ts";
import { GraphBuilder, graphAttribute } from "./builder.ts";
import { Graph } from "./graph.ts";
import { mergePads, removeNoOps } from "./simplify.ts";

const runtime = await createRuntime({ threads: 2 });

/** Applies a pass to the network that `build` makes of "x" (["n", 2, 5, 4]), and checks that its outputs stay the same. */
async function simplified(pass: (graph: Graph) => void, build: (b: GraphBuilder, x: string) => void): Promise<Graph> {
  const b = new GraphBuilder();
  build(b, b.input("x", "float", ["n", 2, 5, 4]));
  const model = b.model({ opset: 17 });
  const graph = new Graph(model).clone();
  pass(graph);
  expect(
    relativeDifference(await modelOutputs(graph.toModel(), runtime, { batch: 2 }), await modelOutputs(model, runtime, { batch: 2 })),
  ).toBeLessThan(1e-6);
  return graph;
}

const operators = (graph: Graph) => graph.nodes.map(({ opType }) => opType);
const flag = (value: number) => ({ type: "bool", dims: [], data: Uint8Array.of(value) }) as const;

describe("removeNoOps", () => {
  test("removes Identity, Dropout, an empty Pad and a Transpose that changes nothing, and keeps the outputs' names", async () => {
    const graph = await simplified(removeNoOps, (b, x) => {
      const chain = b.op("Identity", [b.op("Relu", [b.op("Identity", [x])])]);
      const dropped = b.op("Dropout", [chain, b.scalar(0.5), b.constant(flag(0))]);
      const padded = b.op("Pad", [dropped, b.ints([0, 0, 0, 0, 0, 0, 0, 0])]);
      b.output(b.op("Transpose", [padded], { perm: [0, 1, 2, 3] }), "y");
      b.output(b.op("Neg", [chain]), "z");
    });
    expect(operators(graph)).toEqual(["Relu", "Neg"]);
    expect(graph.nodes.map(({ output }) => output[0])).toEqual(["y", "z"]);
  });

  test("keeps an Identity from an input, a constant or another output to an output", async () => {
    const graph = await simplified(removeNoOps, (b, x) => {
      b.output(x, "y");
      b.output(b.constant(floatTensor([1, 2])), "c");
      const relu = b.op("Relu", [x]);
      b.output(relu, "first");
      b.output(relu, "second");
    });
    expect(operators(graph).sort()).toEqual(["Identity", "Identity", "Identity", "Relu"]);
  });

  test("keeps a Dropout whose mask is read", async () => {
    const graph = await simplified(removeNoOps, (b, x) => {
      const [y, mask] = b.ops("Dropout", [x], 2);
      b.output(b.op("Where", [mask!, y!, x]), "y");
    });
    expect(operators(graph)).toContain("Dropout");
  });

  test("keeps a Dropout that trains, or may", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float", ["n", 3]);
    const training = b.input("training", "bool", []);
    b.output(b.op("Dropout", [x, "", b.constant(flag(1))]), "y");
    b.output(b.op("Dropout", [x, "", training]), "z");
    const graph = new Graph(b.model({ opset: 17 }));
    removeNoOps(graph);
    expect(operators(graph).filter((op) => op === "Dropout")).toHaveLength(2);
  });

  test("cancels Transposes that undo each other, also in a row of four, and only those", async () => {
    const graph = await simplified(removeNoOps, (b, x) => {
      const toLast = (value: string) => b.op("Transpose", [value], { perm: [0, 2, 3, 1] });
      const toFirst = (value: string) => b.op("Transpose", [value], { perm: [0, 3, 1, 2] });
      b.output(b.op("Relu", [toFirst(toLast(toFirst(toLast(x))))]), "y");
      b.output(b.op("Relu", [toLast(toLast(x))]), "z");
    });
    expect(operators(graph).filter((op) => op === "Transpose")).toHaveLength(2);
  });

  test("keeps a Transpose before a pair that undoes itself where others read it", async () => {
    const graph = await simplified(removeNoOps, (b, x) => {
      const last = b.op("Transpose", [x], { perm: [0, 2, 3, 1] });
      b.output(b.op("Relu", [b.op("Transpose", [last], { perm: [0, 3, 1, 2] })]), "y");
      b.output(b.op("Softmax", [last]), "z");
    });
    expect(operators(graph).filter((op) => op === "Transpose")).toHaveLength(1);
  });

  test("renames what subgraphs read", async () => {
    const graph = await simplified(removeNoOps, (b, x) => {
      const value = b.op("Identity", [b.op("Relu", [x])]);
      const chosen = b.op("If", [b.constant(flag(1))]);
      for (const branch of ["then_branch", "else_branch"]) {
        const inner = new GraphBuilder(`${branch}.`);
        inner.output(inner.op("Neg", [value]), `${branch}.out`);
        b.nodes.at(-1)!.attribute.push(graphAttribute(branch, inner.graph(branch)));
      }
      b.output(b.op("Abs", [chosen]), "y");
    });
    expect(operators(graph)).toEqual(["Relu", "If", "Abs"]);
  });
});

describe("mergePads", () => {
  const weights = floatTensor(
    Float32Array.from({ length: 36 }, (_, i) => Math.sin(i)),
    [2, 2, 3, 3],
  );

  function paddedConv(
    b: GraphBuilder,
    x: string,
    pads: number[],
    attributes: Record<string, AttributeValue>,
    more: string[] = [],
    mode = "constant",
  ) {
    return b.op("Conv", [b.op("Pad", [x, b.ints(pads), ...more], { mode }), b.constant(weights)], attributes);
  }

  test.each<[string, Record<string, AttributeValue>, number[]]>([
    ["no pads", {}, [1, 2, 0, 3]],
    ["pads", { pads: [1, 1, 1, 1] }, [2, 3, 1, 4]],
    ["auto_pad VALID", { auto_pad: "VALID" }, [1, 2, 0, 3]],
  ])("adds the padding to that of a Conv with %s", async (_, attributes, expected) => {
    const graph = await simplified(mergePads, (b, x) => b.output(paddedConv(b, x, [0, 0, 1, 2, 0, 0, 0, 3], attributes), "y"));
    expect(operators(graph)).toEqual(["Conv", "Identity"]);
    expect(intsAttribute(graph.nodes[0]!, "pads")).toEqual(expected);
  });

  test("takes a padding by an explicit zero", async () => {
    const graph = await simplified(mergePads, (b, x) => b.output(paddedConv(b, x, [0, 0, 1, 1, 0, 0, 1, 1], {}, [b.scalar(0)]), "y"));
    expect(operators(graph)).toEqual(["Conv", "Identity"]);
  });

  test.each<[string, (b: GraphBuilder, x: string) => string]>([
    ["by another value", (b, x) => paddedConv(b, x, [0, 0, 1, 1, 0, 0, 1, 1], {}, [b.scalar(1)])],
    ["by reflection", (b, x) => paddedConv(b, x, [0, 0, 1, 1, 0, 0, 1, 1], {}, [], "reflect")],
    ["that cuts off", (b, x) => paddedConv(b, x, [0, 0, -1, 1, 0, 0, 0, 1], {})],
    ["before auto_pad SAME_UPPER with strides", (b, x) => paddedConv(b, x, [0, 0, 1, 0, 0, 0, 0, 0], { auto_pad: "SAME_UPPER", strides: [2, 2] })],
    [
      "of channels",
      (b, x) =>
        b.op("Conv", [
          b.op("Pad", [b.op("Slice", [x, b.ints([0]), b.ints([1]), b.ints([1])]), b.ints([0, 1, 0, 0, 0, 0, 0, 0])]),
          b.constant(weights),
        ]),
    ],
    [
      "that another node reads",
      (b, x) => {
        const padded = b.op("Pad", [x, b.ints([0, 0, 1, 1, 0, 0, 1, 1])]);
        return b.op("Add", [b.op("Conv", [padded, b.constant(weights)]), b.op("ReduceMax", [padded], { keepdims: 0 })]);
      },
    ],
    ["before a MaxPool", (b, x) => b.op("MaxPool", [b.op("Pad", [x, b.ints([0, 0, 1, 1, 0, 0, 1, 1])])], { kernel_shape: [2, 2] })],
  ])("keeps a padding %s", async (_, build) => {
    const graph = await simplified(mergePads, (b, x) => b.output(build(b, x), "y"));
    expect(operators(graph)).toContain("Pad");
  });
});
