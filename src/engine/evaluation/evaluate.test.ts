import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { evaluationSchema, inputSchema } from "../../config/schema.ts";
import { type Dataset, openEvaluation } from "../data/dataset.ts";
import { CancelledError } from "../errors.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { floatTensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import type { Session } from "../runtime/runtime.ts";
import { type EvaluationOptions, evaluate } from "./evaluate.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const shared = fileURLToPath(new URL("../../../../shared/", import.meta.url));
const runtime = createRuntime({ threads: 2 });

/** A network that multiplies its inputs [batch, n] by `factors` and gives the results as they are, or the outputs asked for. */
async function scaling(
  factors: readonly number[],
  batch: number | string = "batch",
  outputs: "classes" | "maps" | "two" = "classes",
): Promise<Session> {
  const b = new GraphBuilder();
  const n = factors.length;
  const y = b.op("Mul", [b.input("x", "float", [batch, n]), b.constant(floatTensor(factors, [1, n]))]);
  if (outputs === "maps") b.output(b.op("Reshape", [y, b.ints([0, 1, -1])]), "y", "float", [batch, 1, n]);
  else b.output(y, "y", "float", [batch, n]);
  if (outputs === "two") b.output(b.op("Neg", [y]), "z", "float", [batch, n]);
  return (await runtime).createSession(b.model({ opset: 17, irVersion: 8 }));
}

function rows(samples: readonly (readonly number[])[], labels?: readonly number[], rankedFolders?: number): Dataset {
  return {
    count: samples.length,
    dims: [1, samples[0]!.length],
    read: async (start, count) => Float32Array.from(samples.slice(start, start + count).flat()),
    labels: labels && Int32Array.from(labels),
    rankedFolders,
    names: samples.map((_, i) => `${i}.png`),
    warnings: [],
  };
}

function measure(options: Pick<EvaluationOptions, "quantized" | "reference" | "dataset"> & Partial<EvaluationOptions>) {
  return evaluate({ input: "x", batch: 2, source: "evaluation", ...options });
}

const samples = [
  [3, 2, 1],
  [1, 2, 3],
  [2, 3, 1],
];

describe("evaluate", () => {
  it("measures both networks, over a last batch that is not full", async () => {
    const reference = await scaling([1, 1, 1]);
    const quantized = await scaling([1, 1.6, 1]);
    const progress: number[] = [];
    const dataset = rows(samples, [0, 2, 0]);
    const metrics = await measure({ reference, quantized, dataset, onProgress: (done) => progress.push(done) });
    // Of the quantized network the outputs are 3 3.2 1, 1 3.2 3 and 2 4.8 1.
    expect(metrics).toMatchObject({ fp32: { top1: (100 * 2) / 3 }, quantized: { top1: 0 }, images: 3, source: "evaluation" });
    expect(metrics.agreement).toBeCloseTo(100 / 3, 10);
    expect(metrics.sqnr).toBeCloseTo(10 * Math.log10((14 * 3) / (1.2 ** 2 * 2 + 1.8 ** 2)), 5);
    expect(progress).toEqual([2, 3]);
  });

  it("gives the same with a fixed batch of one, and of four", async () => {
    const dataset = rows(samples, [0, 2, 0]);
    const expected = await measure({ reference: await scaling([1, 1, 1]), quantized: await scaling([1, 1.6, 1]), dataset });
    for (const batch of [1, 4]) {
      const options = { reference: await scaling([1, 1, 1], batch), quantized: await scaling([1, 1.6, 1], batch), dataset, batch };
      expect(await measure(options)).toEqual(expected);
    }
  });

  it("leaves out leading outputs", async () => {
    const dataset = rows(samples, [0, 1, 0]);
    const metrics = await measure({ reference: undefined, quantized: await scaling([1, 1, 1]), dataset, outputs: { outputOffset: 1 } });
    expect(metrics.quantized).toEqual({ top1: 100 });
  });

  it("measures accuracy alone without a reference, agreement alone without labels", async () => {
    const quantized = await scaling([1, 1, 1]);
    const alone = await measure({ reference: undefined, quantized, dataset: rows(samples, [0, 2, 1]) });
    expect(alone).toEqual({ fp32: {}, quantized: { top1: 100 }, agreement: undefined, sqnr: undefined, images: 3, source: "evaluation" });
    const unlabelled = await measure({ reference: quantized, quantized: await scaling([2, 1, 1]), dataset: rows(samples), source: "calibration" });
    expect(unlabelled).toMatchObject({ fp32: {}, quantized: {}, source: "calibration" });
    expect(unlabelled.agreement).toBeCloseTo((100 * 2) / 3, 10);
  });

  it.each(["maps", "two"] as const)("measures noise alone of networks that are no classifiers (%s)", async (outputs) => {
    const reference = await scaling([1, 1, 1], "batch", outputs);
    const quantized = await scaling([1, 1, 1.1], "batch", outputs);
    const metrics = await measure({ reference, quantized, dataset: rows(samples, [0, 0, 0]) });
    expect(metrics.agreement).toBeUndefined();
    expect(metrics.quantized).toEqual({});
    expect(metrics.sqnr).toBeCloseTo(10 * Math.log10((14 * 3) / (0.1 ** 2 * 11)), 3);
  });

  it("refuses labels and references that do not fit the model", async () => {
    const quantized = await scaling([1, 1, 1]);
    const reference = undefined;
    await expect(measure({ reference, quantized, dataset: rows(samples, [0, 3, 0]) })).rejects.toThrow(
      'The class of "1.png" is 3, and the model tells 3 classes apart, from 0.',
    );
    await expect(measure({ reference, quantized, dataset: rows(samples, [0, 0, 2]), outputs: { outputOffset: 1 } })).rejects.toThrow(
      "2 classes apart",
    );
    await expect(measure({ reference, quantized, dataset: rows(samples), outputs: { outputOffset: 3 } })).rejects.toThrow('"outputOffset" is 3');
    const maps = await scaling([1, 1, 1], "batch", "maps");
    await expect(measure({ reference: maps, quantized, dataset: rows(samples) })).rejects.toThrow("The model has 3 outputs, and the reference");
  });

  it("warns once where the class folders are not as many as the model's classes", async () => {
    const warnings: string[] = [];
    const quantized = await scaling([1, 1, 1]);
    const options = { reference: undefined, quantized, onWarning: (message: string) => warnings.push(message) };
    await measure({ ...options, dataset: rows(samples, [0, 1, 1], 2) });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/2 folders, and the model tells 3 classes apart/);
    await measure({ ...options, dataset: rows(samples, [0, 1, 2], 3) });
    expect(warnings).toHaveLength(1);
  });

  it("stops when cancelled", async () => {
    const controller = new AbortController();
    const quantized = await scaling([1, 1, 1]);
    const onProgress = () => controller.abort();
    const cancelled = measure({ reference: undefined, quantized, dataset: rows(samples), signal: controller.signal, onProgress });
    await expect(cancelled).rejects.toBeInstanceOf(CancelledError);
  });
});

describe("real networks", () => {
  it("classifies the sample's evaluation images as Pillow and ONNX Runtime's Python package do", async () => {
    const dataset = await openEvaluation({
      evaluation: evaluationSchema.parse({ images: "evaluation" }),
      input: inputSchema.parse({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }),
      inputDims: [1, 3, 32, 32],
      folder: `${root}samples/cifar10-resnet20`,
    });
    const quantized = await (await runtime).openSession(`${root}samples/cifar10-resnet20/resnet20.onnx`);
    const metrics = await measure({ reference: undefined, quantized, input: "input", dataset, batch: 50 });
    expect(metrics.images).toBe(2000);
    expect(metrics.quantized.top1).toBeCloseTo((100 * 1651) / 2000, 10);
  });

  it.skipIf(!existsSync(`${shared}data/imagenet`))("classifies ImageNet's as they do (needs ../shared)", async () => {
    const dataset = await openEvaluation({
      evaluation: evaluationSchema.parse({ images: "data/imagenet/evaluation", classes: "data/imagenet/synsets.txt" }),
      input: inputSchema.parse({ resize: 256, crop: 224, scale: 127.5, mean: 1 }),
      inputDims: [1, 3, 224, 224],
      folder: shared,
    });
    const quantized = await (await runtime).openSession(`${shared}models/mobilenet_v1_025_224.onnx`);
    const metrics = await measure({ reference: undefined, quantized, input: "input_1", dataset, batch: 10 });
    expect(metrics.images).toBe(650);
    expect(metrics.quantized.top1).toBeCloseTo((100 * 435) / 650, 10);
  });

  it.skipIf(!existsSync(`${shared}data/coco128`))("finds COCO's objects with YOLOX-Nano (needs ../shared)", async () => {
    const dataset = await openEvaluation({
      evaluation: evaluationSchema.parse({
        images: "data/coco128/evaluation/images",
        labels: "yolo",
        boxes: "data/coco128/evaluation/labels",
        count: 24,
      }),
      input: inputSchema.parse({ resize: { letterbox: 416 }, scale: 1, channels: "BGR" }),
      inputDims: [1, 3, 416, 416],
      folder: shared,
    });
    const quantized = await (await runtime).openSession(`${shared}models/yolox_nano.onnx`);
    const outputs = { decoder: "yolox" as const };
    const metrics = await measure({ reference: undefined, quantized, input: "images", dataset, batch: 1, outputs });
    // pycocotools on boxes of ONNX Runtime's Python package, with PyTorch's resizing, gives 62.58 and 42.52.
    expect(Math.abs(metrics.quantized.ap50! - 62.58)).toBeLessThan(0.5);
    expect(Math.abs(metrics.quantized.map! - 42.52)).toBeLessThan(0.5);
  });
});
