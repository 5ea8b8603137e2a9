import { describe, expect, test } from "vitest";
import { UserError } from "../errors.ts";
import { floatTensor, int64Tensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { type Dim, GraphBuilder } from "./builder.ts";
import { Graph } from "./graph.ts";
import { observeShapes, type Shapes } from "./shapes.ts";

const runtime = await createRuntime({ threads: 2 });

/** The shapes of a network that `build` makes of the input "x". */
async function shapesOf(dims: readonly Dim[], build: (b: GraphBuilder, x: string) => void): Promise<Shapes> {
  const b = new GraphBuilder();
  build(b, b.input("x", "float", dims));
  return observeShapes(new Graph(b.model({ opset: 17 })), runtime);
}

describe("observeShapes", () => {
  test("gives dims for any batch, for inputs, inner values, outputs and constants", async () => {
    let conv = "";
    const shapes = await shapesOf(["n", 3, 8, 6], (b, x) => {
      conv = b.op("Conv", [x, b.constant(floatTensor(new Float32Array(60), [5, 3, 2, 2]), "w")], { strides: [2, 2] });
      b.output(b.op("Flatten", [conv]), "y");
    });
    expect(shapes.fixedBatch).toBeUndefined();
    expect(shapes.shapeOf("x", 7)).toEqual([7, 3, 8, 6]);
    expect(shapes.shapeOf(conv, 7)).toEqual([7, 5, 4, 3]);
    expect(shapes.shapeOf("y", 1)).toEqual([1, 60]);
    expect(shapes.shapeOf("w", 7)).toEqual([5, 3, 2, 2]);
    expect(shapes.displayDims("y")).toEqual(["batch", 60]);
  });

  test("follows dims that are multiples of the batch, or more", async () => {
    const shapes = await shapesOf(["n", 4, 3], (b, x) => {
      b.output(b.op("Reshape", [x, b.ints([-1, 3])]), "rows");
      b.output(
        b.op("Concat", [b.op("Transpose", [x], { perm: [1, 2, 0] }), b.constant(floatTensor(new Float32Array(24), [4, 3, 2]))], { axis: 2 }),
        "joined",
      );
    });
    expect(shapes.displayDims("rows")).toEqual(["4*batch", 3]);
    expect(shapes.shapeOf("rows", 5)).toEqual([20, 3]);
    expect(shapes.displayDims("joined")).toEqual([4, 3, "batch+2"]);
    expect(shapes.shapeOf("joined", 5)).toEqual([4, 3, 7]);
  });

  test("gives element types", async () => {
    let bfloat16 = "";
    const shapes = await shapesOf(["n", 4], (b, x) => {
      b.output(b.op("Cast", [x], { to: 10 }), "half", "float16");
      b.output(b.op("Greater", [x, b.scalar(0.5)]), "mask", "bool");
      b.output(b.op("ArgMax", [x], { axis: 1 }), "index", "int64");
      const [values] = b.ops("TopK", [x, b.ints([2])], 2);
      b.output(values!, "top");
      b.output(
        b.op("DequantizeLinear", [
          b.op("QuantizeLinear", [x, b.scalar(0.1), b.constant({ type: "int8", dims: [], data: Int8Array.of(1) }, "zero")]),
          b.scalar(0.1),
          "zero",
        ]),
        "dq",
      );
      // bfloat16 cannot pass through the JavaScript API.
      bfloat16 = b.op("Reshape", [b.op("Cast", [x], { to: 16 }), b.ints([-1, 2])]);
      b.output(b.op("Cast", [bfloat16], { to: 1 }), "through");
    });
    expect(shapes.typeOf(bfloat16)).toBe("bfloat16");
    expect(["half", "mask", "index", "top", "dq", "x"].map((value) => shapes.typeOf(value))).toEqual([
      "float16",
      "bool",
      "int64",
      "float",
      "float",
      "float",
    ]);
  });

  test("knows nothing of values whose shape depends on the data", async () => {
    let found = "";
    const shapes = await shapesOf(["n", 64], (b, x) => {
      found = b.op("NonZero", [b.op("Greater", [x, b.scalar(0.5)])]);
      b.output(found, "y", "int64");
    });
    expect(shapes.has(found)).toBe(false);
    expect(() => shapes.shapeOf(found, 1)).toThrow(/internal/);
    expect(() => shapes.typeOf("nowhere")).toThrow(/internal/);
  });

  test("knows nothing of values whose shape is told by an input's numbers, nor of what is computed from them", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float", ["n", 4]);
    const pads = b.input("pads", "int64", [4]);
    const padded = b.op("Pad", [x, pads]);
    const size = b.op("Shape", [padded]);
    b.output(b.op("Relu", [padded]), "relu");
    b.output(b.op("Expand", [b.scalar(1), size]), "expanded");
    b.output(b.op("Slice", [x, b.ints([0]), b.op("ReduceMax", [pads])]), "cut");
    b.output(b.op("Mul", [x, x]), "plain");
    // The shape of an input is known, whatever its numbers.
    b.output(b.op("Expand", [b.scalar(1), b.op("Shape", [x])]), "ones");
    const shapes = await observeShapes(new Graph(b.model({ opset: 17 })), runtime);
    expect([padded, size, "relu", "expanded", "cut"].filter((value) => shapes.has(value))).toEqual([]);
    expect(shapes.displayDims("plain")).toEqual(["batch", 4]);
    expect(shapes.displayDims("ones")).toEqual(["batch", 4]);
  });

  test("takes the declared batch as fixed", async () => {
    const shapes = await shapesOf([4, 3], (b, x) => b.output(b.op("Relu", [x]), "y"));
    expect(shapes.fixedBatch).toBe(4);
    expect(shapes.shapeOf("y", 4)).toEqual([4, 3]);
    expect(shapes.displayDims("y")).toEqual([4, 3]);
  });

  test("takes the batch as fixed to 1 where only one sample runs, whatever is declared", async () => {
    const shapes = await shapesOf(["n", 4], (b, x) => b.output(b.op("Reshape", [x, b.ints([2, 2])]), "y"));
    expect(shapes.fixedBatch).toBe(1);
    expect(shapes.shapeOf("y", 1)).toEqual([2, 2]);
  });

  test("feeds zeros to inputs that are no images", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float", ["n", 1, 2, 2]);
    const index = b.input("index", "int64", [1]);
    const scale = b.input("scale", "float", ["n", 1]);
    b.output(b.op("Gather", [x, index], { axis: 2 }), "y");
    b.output(b.op("Reshape", [scale, b.constant(int64Tensor([-1]))]), "z");
    const shapes = await observeShapes(new Graph(b.model({ opset: 17 })), runtime);
    expect(shapes.displayDims("y")).toEqual(["batch", 1, 1, 2]);
    expect(shapes.displayDims("z")).toEqual(["batch"]);
    expect(shapes.typeOf("index")).toBe("int64");
  });

  test("feeds zeros where no input is float", async () => {
    const b = new GraphBuilder();
    b.output(b.op("Not", [b.input("mask", "bool", ["n", 2])]), "y", "bool");
    const shapes = await observeShapes(new Graph(b.model({ opset: 17 })), runtime);
    expect(shapes.displayDims("y")).toEqual(["batch", 2]);
  });

  test.each<[string, Dim[], RegExp]>([
    ["another open axis", ["n", 3, "height", 32], /Axis 2 \("height"\) of the input "x" has no fixed length/],
    ["an input of 10^9 by 10^9", ["n", 1e9, 1e9], /The input "x" is declared with the shape .*too large/],
    ["a huge fixed batch", [1e9, 3], /The input "x" is declared with the shape .*too large/],
  ])("refuses %s", async (_, dims, message) => {
    const shapes = shapesOf(dims, (b, x) => b.output(b.op("Relu", [x]), "y"));
    await expect(shapes).rejects.toThrow(UserError);
    await expect(shapes).rejects.toThrow(message);
  });

  test("covers a graph of 10,000 nodes within seconds", async () => {
    let last = "";
    const start = process.cpuUsage();
    const shapes = await shapesOf(["n", 2], (b, x) => {
      last = x;
      for (let i = 0; i < 10_000; i++) last = b.op("Relu", [last]);
      b.output(last, "y");
    });
    expect(shapes.shapeOf(last, 3)).toEqual([3, 2]);
    // Processor time, which other load on the machine does not stretch.
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1e6).toBeLessThan(10);
  });
});
