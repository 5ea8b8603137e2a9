import { describe, expect, it } from "vitest";
import type { Dataset, ImageView } from "../data/dataset.ts";
import { floatTensor, type Tensor } from "../onnx/tensor.ts";
import type { Session } from "../runtime/runtime.ts";
import { evaluate } from "./evaluate.ts";

/** A network whose outputs are given, one sample a call. */
function scripted(outputs: readonly Tensor[]): Session {
  let call = 0;
  return {
    inputNames: ["x"],
    outputNames: ["y"],
    outputTypes: ["float"],
    run: async () => ({ y: outputs[call++]! }),
    release: async () => undefined,
  };
}

function images(view: Partial<ImageView>, count: number, truth: Partial<Dataset>): Dataset {
  const whole: ImageView = {
    width: 2,
    height: 2,
    channels: 1,
    layout: "NCHW",
    normalization: { scale: 255, mean: [0], std: [1] },
    toImage: (_, box) => box,
    ...view,
  };
  const names = Array.from({ length: count }, (_, i) => `${i}.png`);
  return { count, dims: [1, 1, 2, 2], read: async (_, n) => new Float32Array(4 * n), names, warnings: [], view: whole, ...truth };
}

function measure(dataset: Dataset, quantized: readonly Tensor[], reference?: readonly Tensor[]) {
  return evaluate({
    reference: reference && scripted(reference),
    quantized: scripted(quantized),
    input: "x",
    dataset,
    batch: 1,
    source: "evaluation",
  });
}

/** Maps of three classes, 2x2 pixels, with the class chosen for each pixel. */
function maps(chosen: readonly number[], layout: "NCHW" | "NHWC" = "NCHW", classes = 3): Tensor {
  const data = new Float32Array(4 * classes);
  for (const [pixel, one] of chosen.entries()) data[layout === "NCHW" ? one * 4 + pixel : pixel * classes + one] = 1;
  return floatTensor(data, layout === "NCHW" ? [1, classes, 2, 2] : [1, 2, 2, classes]);
}

describe("segmentation", () => {
  const masks = [
    [0, 0, 1, 255],
    [1, 1, 1, 2],
  ];
  const truth = { readMask: async (sample: number) => Uint8Array.from(masks[sample]!) };

  it.each(["NCHW", "NHWC"] as const)("measures mIoU over pooled pixels, without those of class 255 (%s)", async (layout) => {
    const quantized = [maps([0, 1, 1, 2], layout), maps([1, 1, 0, 1], layout)];
    const metrics = await measure(images({ layout }, 2, truth), quantized, [maps([0, 0, 1, 0], layout), maps([1, 1, 1, 2], layout)]);
    // Class 0: one right of 2 true + 2 chosen; class 1: 3 of 4 + 5; class 2: none of 1.
    expect(metrics.quantized.miou).toBeCloseTo((100 * (1 / 3 + 3 / 6 + 0)) / 3, 10);
    expect(metrics.fp32.miou).toBe(100);
    expect(metrics.agreement).toBe((100 * 4) / 8);
  });

  it("leaves out classes that are nowhere", async () => {
    const dataset = images({}, 1, { readMask: async () => Uint8Array.from([0, 0, 0, 0]) });
    expect((await measure(dataset, [maps([0, 0, 0, 0])])).quantized.miou).toBe(100);
  });

  it("refuses masks of classes that the model lacks, and models without class maps", async () => {
    const dataset = images({}, 1, { readMask: async () => Uint8Array.from([0, 3, 0, 0]) });
    await expect(measure(dataset, [maps([0, 0, 0, 0])])).rejects.toThrow('The mask of "0.png" has the class 3, and the model tells 3 classes apart');
    await expect(measure(dataset, [floatTensor([1, 2], [1, 2])])).rejects.toThrow("a score of each class for each pixel");
  });

  it("compares pixels without masks where the maps have the input's size, but not images", async () => {
    const five = (chosen: readonly number[]) => maps(chosen, "NCHW", 5);
    const metrics = await measure(images({}, 1, {}), [five([0, 1, 2, 3])], [five([0, 1, 2, 4])]);
    expect(metrics).toMatchObject({ agreement: 75, fp32: {}, quantized: {} });
    expect((await measure(images({}, 1, {}), [maps([0, 1, 2, 2])], [maps([0, 1, 2, 1])])).agreement).toBeUndefined();
    expect((await measure(images({ width: 4 }, 1, {}), [five([0, 1, 2, 3])], [five([0, 1, 2, 4])])).agreement).toBeUndefined();
  });
});

describe("image quality", () => {
  it("measures PSNR of pixels, undoing the preprocessing, as a mean over images", async () => {
    const normalization = { scale: 100, mean: [0.5], std: [2] };
    const value = (pixel: number) => (pixel / 100 - 0.5) / 2;
    const image = (pixels: readonly number[]) => floatTensor(pixels.map(value), [1, 1, 2, 2]);
    const dataset = images({ normalization }, 2, { readTarget: async () => Uint8Array.from([10, 20, 30, 255]) });
    const quantized = [image([12, 20, 30, 255]), image([10, 20, 36, 255])];
    const metrics = await measure(dataset, quantized, [image([10, 20, 30, 300]), image([11, 20, 30, 255])]);
    const psnr = (squares: number) => 10 * Math.log10((255 ** 2 * 4) / squares);
    expect(metrics.quantized.psnr).toBeCloseTo((psnr(4) + psnr(36)) / 2, 8);
    // Beyond white is white: no error at all is cut to 100 dB.
    expect(metrics.fp32.psnr).toBeCloseTo((100 + psnr(1)) / 2, 8);
    expect(metrics.psnrToFp32).toBeCloseTo((psnr(4) + psnr(1 + 36)) / 2, 8);
  });

  it("refuses outputs that are no images", async () => {
    const dataset = images({}, 1, { readTarget: async () => new Uint8Array(4) });
    await expect(measure(dataset, [floatTensor([1, 2], [1, 2])])).rejects.toThrow("an image of 1 channels");
  });
});

describe("detection", () => {
  it("undoes where the image lies, and asks for a decoder", async () => {
    const toImage: ImageView["toImage"] = (_, { left, top, right, bottom }) => ({
      left: 2 * left,
      top: 2 * top,
      right: 2 * right,
      bottom: 2 * bottom,
    });
    const boxes = [[{ left: 0, top: 0, right: 128, bottom: 64, class: 1 }]];
    const dataset = images({ width: 64, height: 32, toImage }, 1, { boxes });
    const rows = new Float32Array(42 * 7);
    rows.set([0, 0.5, Math.log(2), 0, 1, 0.1, 1], 41 * 7);
    const session = () => scripted([floatTensor(rows, [1, 42, 7])]);
    const options = { reference: undefined, input: "x", dataset, batch: 1, source: "evaluation" as const };
    const metrics = await evaluate({ ...options, quantized: session(), outputs: { decoder: "yolox" } });
    expect(metrics.quantized).toEqual({ ap50: expect.closeTo(100, 8), map: expect.closeTo(100, 8) });
    await expect(evaluate({ ...options, quantized: session() })).rejects.toThrow('no "decoder" says');
  });
});
