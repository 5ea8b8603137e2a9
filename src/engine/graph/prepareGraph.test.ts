import { describe, expect, test } from "vitest";
import { modelOutputs, relativeDifference } from "../../../test/support/modelOutputs.ts";
import { UserError } from "../errors.ts";
import { floatTensor, int64Tensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { GraphBuilder, valueInfo } from "./builder.ts";
import { prepareGraph } from "./prepareGraph.ts";

const runtime = await createRuntime({ threads: 2 });

describe("prepareGraph", () => {
  test("merges a Pad that a BatchNormalization and a Dropout follow into one Conv", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float", ["n", 2, 5, 5]);
    const padded = b.op("Pad", [x, b.ints([0, 0, 1, 2, 0, 0, 2, 1])]);
    const conv = b.op("Conv", [
      b.op("Identity", [padded]),
      b.constant(
        floatTensor(
          Float32Array.from({ length: 54 }, (_, i) => Math.sin(i)),
          [3, 2, 3, 3],
        ),
      ),
    ]);
    const parameters = [1, 2, 3, 4].map((value) => b.constant(floatTensor([value, value + 1, value + 2])));
    b.output(b.op("Dropout", [b.op("BatchNormalization", [b.op("Dropout", [conv]), ...parameters])]), "y");
    const model = b.model({ opset: 17 });
    const { graph } = await prepareGraph(model, runtime);
    expect(graph.nodes.map(({ opType }) => opType)).toEqual(["Conv"]);
    expect(graph.nodes[0]!.output).toEqual(["y"]);
    expect(relativeDifference(await modelOutputs(graph.toModel(), runtime), await modelOutputs(model, runtime))).toBeLessThan(1e-6);
  });

  test("declares the outputs' shapes as seen, with the model's own name for the batch", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float", ["samples", 2, 3]);
    b.output(b.op("Reshape", [x, b.ints([0, -1])]), "y", "float", ["who", "knows"]);
    const { graph } = await prepareGraph(b.model({ opset: 17 }), runtime);
    const type = graph.outputs[0]!.type!.value;
    const dims = type.case === "tensorType" ? type.value.shape!.dim.map(({ value }) => value.value) : [];
    expect(dims).toEqual(["samples", 6n]);
  });

  test("warns of a batch that cannot be freed", async () => {
    const b = new GraphBuilder();
    b.output(b.op("Squeeze", [b.input("x", "float", [1, 3]), b.ints([0])]), "y");
    const { shapes, warnings } = await prepareGraph(b.model({ opset: 17 }), runtime);
    expect(shapes.fixedBatch).toBe(1);
    expect(warnings).toEqual([expect.stringContaining("batches of 1 only")]);
  });

  test("declares the batch as fixed where a free one is declared, but does not run", async () => {
    const b = new GraphBuilder();
    b.output(b.op("Reshape", [b.op("Squeeze", [b.input("x", "float", ["n", 3]), b.ints([0])]), b.ints([3])]), "y");
    const { graph, shapes } = await prepareGraph(b.model({ opset: 17 }), runtime);
    expect(shapes.fixedBatch).toBe(1);
    expect(shapes.displayDims("x")).toEqual([1, 3]);
    const type = graph.inputs[0]!.type!.value;
    expect(type.case === "tensorType" && type.value.shape!.dim[0]!.value).toEqual({ case: "dimValue", value: 1n });
  });

  test("frees a batch that the exporter fixed in a Reshape although the input's is free", async () => {
    const b = new GraphBuilder();
    b.output(b.op("Reshape", [b.input("x", "float", ["n", 2, 3]), b.ints([1, 6])]), "y");
    const { shapes, warnings } = await prepareGraph(b.model({ opset: 17 }), runtime);
    expect(shapes.displayDims("y")).toEqual(["batch", 6]);
    expect(warnings).toEqual([]);
  });

  test("takes an open input axis from the exporter's notes on values", async () => {
    const b = new GraphBuilder();
    b.output(b.op("Relu", [b.input("x", "float", ["n", 3, "height", "width"])]), "y");
    const model = b.model({ opset: 17 });
    await expect(prepareGraph(model, runtime)).rejects.toThrow('Axis 2 ("height") of the input "x" has no fixed length.');
    model.graph!.valueInfo = [valueInfo("x", "float", [1, 3, 8, 6])];
    const { shapes } = await prepareGraph(model, runtime);
    expect(shapes.displayDims("y")).toEqual(["batch", 3, 8, 6]);
  });

  test("does not take a shape that a second input tells for a constant", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float", [2, 3]);
    const padded = b.op("Pad", [x, b.input("pads", "int64", [4])]);
    b.output(b.op("Reshape", [padded, b.op("Concat", [b.op("Shape", [padded]), b.ints([1])], { axis: 0 })]), "y");
    const model = b.model({ opset: 17 });
    const { graph } = await prepareGraph(model, runtime);
    const feeds = { x: floatTensor([1, 2, 3, 4, 5, 6], [2, 3]), pads: int64Tensor([1, 0, 0, 2]) };
    const outputs = await modelOutputs(graph.toModel(), runtime, { feeds });
    expect(outputs.y!.dims).toEqual([3, 5, 1]);
    expect(outputs).toEqual(await modelOutputs(model, runtime, { feeds }));
  });

  test.each([5, 26])("refuses operator set %i", async (opset) => {
    const b = new GraphBuilder();
    b.output(b.op("Relu", [b.input("x", "float", ["n", 3])]), "y");
    await expect(prepareGraph(b.model({ opset }), runtime)).rejects.toThrow(UserError);
  });

  test("prepares 10,000 nodes in seconds besides ONNX Runtime's time", async () => {
    const b = new GraphBuilder();
    let y = b.input("x", "float", ["n", 2, 4, 4]);
    for (let i = 0; i < 2500; i++) {
      const conv = b.op("Conv", [b.op("Identity", [y]), b.constant(floatTensor([1, 0, 0, 1], [2, 2, 1, 1]))]);
      y = b.op("Relu", [b.op("Add", [conv, b.constant(floatTensor([0.1, 0.2], [2, 1, 1]))])]);
    }
    b.output(y, "y");
    let ortTime = 0;
    const timed = async <T>(call: () => Promise<T>): Promise<T> => {
      const start = performance.now();
      const result = await call();
      ortTime += performance.now() - start;
      return result;
    };
    const start = performance.now();
    const { graph } = await prepareGraph(b.model({ opset: 17 }), {
      ...runtime,
      async createSession(model, options) {
        const session = await timed(() => runtime.createSession(model, options));
        const { inputNames, outputNames, outputTypes } = session;
        const run = (feeds: Parameters<typeof session.run>[0]) => timed(() => session.run(feeds));
        return { inputNames, outputNames, outputTypes, run, release: () => session.release() };
      },
    });
    const own = performance.now() - start - ortTime;
    expect(graph.nodes).toHaveLength(5000);
    // Measured on two busy cores: 0.6 to 0.9 s, and once 2.3 s.
    expect(own).toBeLessThan(6000);
  });
});
