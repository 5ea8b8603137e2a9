import { describe, expect, test } from "vitest";
import { modelOutputs, relativeDifference } from "../../../test/support/modelOutputs.ts";
import { sharedModelPath, sharedModels } from "../../../test/support/sharedModels.ts";
import { UserError } from "../errors.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { floatTensor, type Tensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { type AttributeValue, float, makeAttribute } from "./attributes.ts";
import { GraphBuilder, graphAttribute } from "./builder.ts";
import { Graph } from "./graph.ts";
import { normalizeOpset } from "./opset.ts";
import { observeShapes } from "./shapes.ts";

const runtime = await createRuntime({ threads: 2 });

interface Case {
  opset: number;
  op: string;
  dims: number[];
  attributes?: Record<string, AttributeValue>;
  /** Further inputs. */
  constants?: Tensor[];
  outputs?: number;
}

/** A model of one old node that reads `x`. */
function oldModel({ opset, op, dims, attributes = {}, constants = [], outputs = 1 }: Case) {
  const b = new GraphBuilder();
  const x = b.input("x", "float", [op === "GridSample" ? 1 : "batch", ...dims]);
  const made = b.ops(op, [x, ...constants.map((tensor) => b.constant(tensor))], outputs, attributes);
  // A second reader keeps the names apart, and shows that the node's output keeps its own.
  made.forEach((value, i) => {
    b.output(b.op("Identity", [value]), `y${i}`, op === "TopK" && i === 1 ? "int64" : "float");
  });
  return b.model({ opset, irVersion: 4 });
}

const scales = { type: "float", dims: [4], data: Float32Array.of(1, 1, 2, 1.5) } as const;
const cases: Case[] = [
  { opset: 8, op: "BatchNormalization", dims: [2, 3], constants: [1, 2, 3, 4].map((n) => floatTensor([n, n + 0.5])), attributes: { spatial: 1 } },
  { opset: 7, op: "Slice", dims: [5, 6], attributes: { starts: [1, -3], ends: [4, 100], axes: [1, 2] } },
  { opset: 9, op: "Slice", dims: [5, 6], attributes: { starts: [0, 2], ends: [1, 4] } },
  { opset: 7, op: "Clip", dims: [9], attributes: { min: float(0.2), max: float(0.7) } },
  { opset: 10, op: "Clip", dims: [9], attributes: { max: float(0.4) } },
  { opset: 10, op: "Clip", dims: [9] },
  { opset: 7, op: "Pad", dims: [1, 3, 3], attributes: { pads: [0, 0, 1, 2, 0, 0, 0, 1], value: float(0.5) } },
  { opset: 10, op: "Pad", dims: [1, 3, 3], attributes: { pads: [0, 0, 1, 1, 0, 0, 1, 1], mode: "reflect" } },
  { opset: 10, op: "TopK", dims: [7], constants: [{ type: "int64", dims: [1], data: BigInt64Array.of(3n) }], outputs: 2 },
  { opset: 9, op: "TopK", dims: [7], attributes: { k: 3, axis: 1 }, outputs: 2 },
  { opset: 8, op: "Upsample", dims: [1, 4, 4], attributes: { mode: "linear" }, constants: [] },
  { opset: 9, op: "Upsample", dims: [1, 4, 4], attributes: { mode: "linear" }, constants: [scales] },
  { opset: 9, op: "Upsample", dims: [1, 4, 4], attributes: { mode: "nearest" }, constants: [scales] },
  { opset: 10, op: "Resize", dims: [1, 5, 5], constants: [floatTensor([1, 1, 0.6, 0.6])] },
  { opset: 10, op: "Resize", dims: [1, 5, 4], attributes: { mode: "linear" }, constants: [scales] },
  { opset: 7, op: "Dropout", dims: [5], attributes: { ratio: float(0.7) } },
  { opset: 10, op: "Dropout", dims: [5], attributes: { ratio: float(0.7) } },
  { opset: 11, op: "Softmax", dims: [3, 2, 2] },
  { opset: 11, op: "Softmax", dims: [3, 2, 2], attributes: { axis: 2 } },
  { opset: 11, op: "Softmax", dims: [3, 2, 2], attributes: { axis: -1 } },
  { opset: 11, op: "Softmax", dims: [3, 2, 2], attributes: { axis: -2 } },
  { opset: 11, op: "Softmax", dims: [5] },
  { opset: 8, op: "LogSoftmax", dims: [5, 1, 1] },
  { opset: 12, op: "Hardmax", dims: [3, 4] },
  { opset: 12, op: "Squeeze", dims: [1, 3, 1], attributes: { axes: [1, 3] } },
  { opset: 11, op: "Unsqueeze", dims: [3], attributes: { axes: [1, 3] } },
  { opset: 12, op: "Split", dims: [6], attributes: { axis: 1, split: [2, 4] }, outputs: 2 },
  { opset: 12, op: "Split", dims: [6], attributes: { axis: 1 }, outputs: 3 },
  { opset: 13, op: "Split", dims: [6], attributes: { axis: 1 }, outputs: 2 },
  { opset: 12, op: "ReduceSum", dims: [3, 4], attributes: { axes: [1, -1], keepdims: 0 } },
  ...["Max", "Mean", "Min", "L1", "L2", "LogSum", "LogSumExp", "Prod", "SumSquare"].map((kind) => ({
    opset: 11,
    op: `Reduce${kind}`,
    dims: [3, 4],
    attributes: { axes: [2], keepdims: kind.length % 2 },
  })),
  { opset: 13, op: "ReduceMean", dims: [3, 4] },
  {
    opset: 10,
    op: "RoiAlign",
    dims: [1, 6, 6],
    attributes: { output_height: 2, output_width: 2 },
    constants: [floatTensor([1, 1, 4, 4], [1, 4]), { type: "int64", dims: [1], data: BigInt64Array.of(0n) }],
  },
  { opset: 16, op: "GridSample", dims: [1, 4, 4], attributes: { mode: "bilinear" }, constants: [floatTensor([-0.5, 0.1, 0.3, 0.7], [1, 1, 2, 2])] },
  { opset: 17, op: "DFT", dims: [4, 1], attributes: { axis: 1 } },
  { opset: 20, op: "GroupNormalization", dims: [4, 3], attributes: { num_groups: 2 }, constants: [floatTensor([1, 2]), floatTensor([0.5, -1])] },
  {
    opset: 10,
    op: "Scatter",
    dims: [3],
    attributes: { axis: 1 },
    constants: [{ type: "int64", dims: [1, 2], data: BigInt64Array.of(0n, 2n) }, floatTensor([7, 8], [1, 2])],
  },
];

describe("normalizeOpset", () => {
  describe.each(cases)("$op of operator set $opset on $dims $attributes", (testCase) => {
    const withScales = testCase.op === "Upsample" && testCase.opset < 9;
    const original = oldModel(testCase);
    if (withScales) {
      const node = original.graph!.node[0]!;
      node.attribute.push(makeAttribute("scales", [1]));
      Object.assign(node.attribute.at(-1)!, { ints: [], floats: [1, 1, 2, 1.5], type: 6 });
    }
    // ONNX Runtime 1.30 has no kernel for the RoiAlign of operator set 22.
    test.each(testCase.op === "RoiAlign" ? [17, 21] : [17, 21, 25])("computes the same in operator set %i", async (target) => {
      for (const shaped of [false, true]) {
        const graph = new Graph(original).clone();
        normalizeOpset(graph, target, shaped ? await observeShapes(graph, runtime) : undefined);
        const converted = graph.toModel();
        expect(Number(converted.opsetImport.find(({ domain }) => domain === "")!.version)).toBe(Math.max(target, testCase.opset));
        const difference = relativeDifference(await modelOutputs(converted, runtime), await modelOutputs(original, runtime));
        expect(difference).toBeLessThan(1e-6);
      }
    });
  });

  test("keeps a Softmax over the last axis one node where shapes are known", async () => {
    const graph = new Graph(oldModel({ opset: 9, op: "Softmax", dims: [10] })).clone();
    normalizeOpset(graph, 17, await observeShapes(graph, runtime));
    expect(graph.nodes.map(({ opType }) => opType)).toEqual(["Softmax", "Identity", "Identity"]);
  });

  test("converts nodes in subgraphs", async () => {
    const body = (op: "Squeeze" | "Identity") => {
      const inner = new GraphBuilder(`${op}.`);
      inner.output(inner.op(op, ["x"], op === "Squeeze" ? { axes: [1] } : {}), `${op}.out`);
      return inner.graph(op);
    };
    const b = new GraphBuilder();
    b.input("x", "float", ["batch", 1, 3]);
    const condition = b.constant({ type: "bool", dims: [], data: Uint8Array.of(1) });
    const choice = b.op("If", [condition], {});
    const node = b.nodes.at(-1)!;
    node.attribute.push(graphAttribute("then_branch", body("Squeeze")), graphAttribute("else_branch", body("Identity")));
    b.output(b.op("Identity", [choice]), "y");
    const original = b.model({ opset: 12, irVersion: 7 });
    const graph = new Graph(original).clone();
    normalizeOpset(graph, 21);
    expect(relativeDifference(await modelOutputs(graph.toModel(), runtime), await modelOutputs(original, runtime))).toBe(0);
  });

  test.each([
    [8, 17, 8],
    [17, 21, 10],
    [17, 25, 13],
    [20, 17, 9],
  ])("from operator set %i for %i asks for IR version %i", (opset, target, irVersion) => {
    const graph = new Graph(oldModel({ opset, op: "Relu", dims: [3] })).clone();
    normalizeOpset(graph, target);
    expect(graph.irVersion).toBe(irVersion);
    expect(graph.opset).toBe(Math.max(opset, target));
  });

  test.each([6, 26])("refuses operator set %i", (opset) => {
    const graph = new Graph(oldModel({ opset, op: "Relu", dims: [3] })).clone();
    expect(() => normalizeOpset(graph, 17)).toThrow(UserError);
  });

  test("refuses a BatchNormalization with statistics for every position", () => {
    const graph = new Graph(oldModel({ opset: 8, op: "BatchNormalization", dims: [3], attributes: { spatial: 0 } })).clone();
    expect(() => normalizeOpset(graph, 17)).toThrow(/spatial = 0/);
  });

  describe.runIf(sharedModels.length > 0).each(sharedModels)("%s", (name) => {
    test("computes the same in operator sets 17, 21 and 25", async () => {
      const original = await loadModel(sharedModelPath(name));
      const expected = await modelOutputs(original, runtime);
      for (const target of [17, 21, 25]) {
        const graph = new Graph(original).clone();
        normalizeOpset(graph, target);
        expect(relativeDifference(await modelOutputs(graph.toModel(), runtime), expected)).toBeLessThan(1e-4);
      }
    });
  });
});
