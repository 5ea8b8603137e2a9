import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../test/support/fixtures.ts";
import { GraphBuilder } from "../engine/graph/builder.ts";
import { serializeModel } from "../engine/onnx/modelFile.ts";
import { floatTensor } from "../engine/onnx/tensor.ts";
import { createRuntime } from "../engine/runtime/createRuntime.ts";
import { initConfig } from "./initConfig.ts";
import { parseConfig } from "./readConfig.ts";

const runtime = await createRuntime({ threads: 1 });

/** A folder with one convolution of `channels` channels as `net.onnx`. */
function folderWith(channels: number, producer = ""): string {
  const b = new GraphBuilder();
  const weights = Float32Array.from({ length: 2 * channels * 9 }, (_, i) => Math.sin(i));
  b.output(b.op("Conv", [b.input("x", "float", ["n", channels, 16, 16]), b.constant(floatTensor(weights, [2, channels, 3, 3]))]), "y");
  const model = b.model({ opset: 17, irVersion: 8 });
  model.producerName = producer;
  return temporaryFolder({ "net.onnx": serializeModel(model) });
}

async function written(folder: string, calibration?: string): Promise<string> {
  return readFileSync(await initConfig({ runtime, model: join(folder, "net.onnx"), calibration }), "utf8");
}

describe("initConfig", () => {
  it("guesses by the exporter", async () => {
    expect(parseConfig(await written(folderWith(3)), "c").input).toMatchObject({ mean: [0.485, 0.456, 0.406] });
    expect(parseConfig(await written(folderWith(3, "tf2onnx")), "c").input).toMatchObject({ scale: 127.5, mean: 1 });
  });

  it("says nothing of the input where there is no guess", async () => {
    const text = await written(folderWith(5));
    expect(text).not.toContain("input");
    expect(parseConfig(text, "c").input).toBeUndefined();
  });

  it("takes the folders that it finds, or the one that is given", async () => {
    const folder = folderWith(3);
    mkdirSync(join(folder, "calib"));
    mkdirSync(join(folder, "val"));
    const text = await written(folder);
    expect(parseConfig(text, "c")).toMatchObject({ calibration: { images: "calib" }, evaluation: { images: "val" } });
    const other = folderWith(3);
    mkdirSync(join(other, "photos"));
    expect(parseConfig(await written(other, join(other, "photos")), "c").calibration).toMatchObject({ images: "photos" });
  });

  it("guesses how detectors and segmentation are measured from the folders and the outputs", async () => {
    const folder = folderWith(3);
    mkdirSync(join(folder, "evaluation/images"), { recursive: true });
    mkdirSync(join(folder, "evaluation/masks"));
    const masks = parseConfig(await written(folder), "c");
    expect(masks.evaluation).toMatchObject({ images: "evaluation/images", labels: "masks", masks: "evaluation/masks" });

    const b = new GraphBuilder();
    const weights = floatTensor(new Float32Array(8 * 3 * 64).fill(0.1), [8, 3, 8, 8]);
    const map = b.op("Conv", [b.input("x", "float", [1, 3, 64, 64]), b.constant(weights)], { kernel_shape: [8, 8], strides: [8, 8] });
    // 8x8 cells of stride 8; the other grids' 4x4 + 2x2 rows are made from them.
    const rows = b.op("Transpose", [b.op("Reshape", [map, b.ints([1, 8, 64])])], { perm: [0, 2, 1] });
    const rest = b.op("Slice", [rows, b.ints([0]), b.ints([20]), b.ints([1])]);
    b.output(b.op("Concat", [rows, rest], { axis: 1 }), "y", "float", [1, 84, 8]);
    const detector = temporaryFolder({ "net.onnx": serializeModel(b.model({ opset: 17, irVersion: 8 })) });
    for (const name of ["images", "labels"]) mkdirSync(join(detector, "val", name), { recursive: true });
    const config = parseConfig(await written(detector), "c");
    expect(config.evaluation).toMatchObject({ images: "val/images", labels: "yolo", boxes: "val/labels", decoder: "yolox" });
    expect(config.input).toMatchObject({ resize: { letterbox: 64, pad: 114 }, scale: 1, channels: "BGR" });
  });

  it("leaves nothing where the model is bad", async () => {
    const folder = temporaryFolder({ "net.onnx": "no model" });
    await expect(written(folder)).rejects.toThrow("not an ONNX model");
    expect(existsSync(join(folder, "net.brecq.json"))).toBe(false);
  });
});
