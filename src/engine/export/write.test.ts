import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { exportCase, nearestWeights } from "../../../test/support/exportCases.ts";
import { loadModel, serializeModel } from "../onnx/modelFile.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { exportModel } from "./exportModel.ts";
import { simulatedModel } from "./simulate.ts";
import { fileBytes, weightBytes } from "./size.ts";
import { verifyExport } from "./verify.ts";
import { writeExport } from "./write.ts";

const runtime = await createRuntime({ threads: 1 });
const { graph, layers, feeds } = exportCase("grouped conv transpose");
const weights = layers.map((layer, i) => nearestWeights(graph, layer, [8, 3, 2][i]!));
const formats = ["portable", "native"] as const;
const folder = await mkdtemp(join(tmpdir(), "brecq-export-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("writeExport", () => {
  test("makes the folder, replaces the old file, leaves no other, and gives the bytes", async () => {
    const path = join(folder, "new", "deep", "model.onnx");
    const model = exportModel({ graph, weights, activations: [], format: "native" });
    await writeExport(graph.toModel(), path);
    const bytes = await writeExport(model, path);
    expect(await readdir(join(folder, "new", "deep"))).toEqual(["model.onnx"]);
    expect((await stat(path)).size).toBe(bytes);
    expect(Buffer.compare(await readFile(path), serializeModel(model))).toBe(0);
  });

  test("data files count, and the file runs", async () => {
    const path = join(folder, "external.onnx");
    const simulated = simulatedModel(graph, weights, []);
    // Only tensors of 1 KiB or more go to a data file; the FP32 network has one.
    const bytes = await writeExport(simulated, path, { externalDataThreshold: 0 });
    expect((await readdir(folder)).sort()).toContain("external.onnx.data");
    expect(bytes).toBe((await stat(path)).size + (await stat(`${path}.data`)).size);
    const verification = await verifyExport({ runtime, path, simulated, feeds });
    expect(verification.map(({ loads }) => loads)).toEqual([true, true, true, true]);
  });

  test("says what is in the way", async () => {
    const model = graph.toModel();
    await writeFile(join(folder, "file"), "");
    await expect(writeExport(model, join(folder, "file", "model.onnx"))).rejects.toMatchObject({
      name: "UserError",
      place: { file: join(folder, "file") },
    });
    await mkdir(join(folder, "taken.onnx"));
    await expect(writeExport(model, join(folder, "taken.onnx"))).rejects.toMatchObject({ name: "UserError" });
  });
});

describe("sizes", () => {
  test("a missing or broken file is an error with its place", async () => {
    const path = join(folder, "absent.onnx");
    await expect(fileBytes(path)).rejects.toMatchObject({ name: "UserError", place: { file: path } });
    const broken = join(folder, "broken.onnx");
    await writeFile(broken, "no model");
    await expect(fileBytes(broken)).rejects.toMatchObject({ name: "UserError", place: { file: broken } });
  });

  test("data files outside the model's folder are not looked at", async () => {
    const path = join(folder, "outside.onnx");
    await writeExport(simulatedModel(graph, weights, []), path, { externalDataThreshold: 0 });
    const text = await readFile(path, "latin1");
    // Names of the same length, so that the message stays whole.
    await writeFile(path, text.replaceAll("outside.onnx.data", "../../etc/hosts.a"), "latin1");
    expect(await fileBytes(path)).toBe((await stat(path)).size);
  });

  test.each(formats)("%s: bytes of a layer's weights are those of its three tensors", async (format) => {
    const path = join(folder, `${format}.onnx`);
    await writeExport(exportModel({ graph, weights, activations: [], format }), path);
    const tensors = new Map((await loadModel(path)).graph!.initializer.map((tensor) => [tensor.name, tensor.rawData.length]));
    for (const weight of weights) {
      const parts = ["quantized", "scale", "zero_point"].map((part) => tensors.get(`${weight.weight}_${part}`)!);
      expect(weightBytes(weight, format)).toBe(parts.reduce((sum, bytes) => sum + bytes));
    }
  });

  test("worked numbers", () => {
    // 15 weights of 2 bits in 4 bytes, 3 scales in 12, 3 zero points in 1.
    expect(weightBytes({ dims: [3, 5], axis: 0, bits: 2 }, "native")).toBe(4 + 12 + 1);
    expect(weightBytes({ dims: [3, 5], axis: 1, bits: 3 }, "native")).toBe(8 + 20 + 3);
    expect(weightBytes({ dims: [3, 5], axis: 1, bits: 3 }, "portable")).toBe(15 + 20 + 5);
  });
});
