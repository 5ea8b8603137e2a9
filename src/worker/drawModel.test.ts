import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { networkGraphSchema } from "../config/networkGraph.ts";
import { UserError } from "../engine/errors.ts";
import { GraphBuilder } from "../engine/graph/builder.ts";
import { saveModel } from "../engine/onnx/modelFile.ts";
import { floatTensor } from "../engine/onnx/tensor.ts";
import { createRuntime } from "../engine/runtime/createRuntime.ts";
import { drawModel } from "./drawModel.ts";

describe("drawModel", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "brecq-draw-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const draw = async (name: string) => drawModel(await createRuntime({ provider: "cpu", threads: 1 }), join(folder, name));

  it("draws the operators of the file where the network cannot be prepared, and says why", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float", ["n", 1, "height", 8]);
    const conv = b.op("Conv", [x, b.constant(floatTensor(new Float32Array(9), [1, 1, 3, 3]))]);
    b.output(b.op("Add", [b.op("Relu", [conv]), conv]), "y");
    await saveModel(b.model({ opset: 17 }), join(folder, "free.onnx"));
    const graph = networkGraphSchema.parse(await draw("free.onnx"));
    expect(graph.unprepared).toMatch(/^Axis 2 \("height"\) of the input "x" has no fixed length\. /);
    expect(graph.operators.map(({ op }) => op)).toEqual(["Conv", "Relu", "Add", "Identity"]);
    expect(graph.inputs).toEqual([{ id: "in:x", name: "x", shape: ["n", 1, "height", 8] }]);
    expect(graph.edges.map(({ from, to }) => `${from} ${to}`)).toEqual([
      "in:x op:0",
      "op:0 op:1",
      "op:1 op:2",
      "op:0 op:2",
      "op:2 op:3",
      "op:3 out:y",
    ]);
    expect([graph.groups, graph.layers]).toEqual([[], []]);
    expect(graph.fp32Bytes).toBeGreaterThan(36);
  });

  it("refuses what is no model", async () => {
    await writeFile(join(folder, "broken.onnx"), "this is a text and no network");
    await expect(draw("broken.onnx")).rejects.toThrow(UserError);
  });
});
