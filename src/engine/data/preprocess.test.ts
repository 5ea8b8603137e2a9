import { describe, expect, it } from "vitest";
import { npzFixture } from "../../../test/support/fixtures.ts";
import { inputSchema } from "../../config/schema.ts";
import { UserError } from "../errors.ts";
import { guessInput } from "./guessInput.ts";
import type { Image } from "./image.ts";
import { letterboxSize, placeImage, planPreprocessing, preprocess, toCanvas } from "./preprocess.ts";

const config = (input: object) => inputSchema.parse(input);

/** Pixel (x, y) of channel c is 100 c + 10 y + x. */
function grid(width: number, height: number): Image {
  const data = Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => 100 * (i % 3) + 10 * Math.floor(i / 3 / width) + (Math.floor(i / 3) % width),
  );
  return { width, height, channels: 3, data };
}

describe("preprocess", () => {
  it("scales to 0..1 where nothing is said, in the model's size and layout", () => {
    const nchw = preprocess(planPreprocessing(undefined, [1, 3, 1, 2]), grid(2, 1));
    expect(Array.from(nchw)).toEqual([0, 1, 100, 101, 200, 201].map((value) => Math.fround(value / 255)));
    const nhwc = preprocess(planPreprocessing(undefined, [1, 1, 2, 3]), grid(2, 1));
    // Shape [1, 1, 2, 3] could be either: the second axis is taken for the channels only where the last is not one.
    expect(nhwc.length).toBe(6);
    const last = preprocess(planPreprocessing(undefined, [1, 2, 2, 3]), grid(2, 2));
    expect(Array.from(last.subarray(0, 6))).toEqual([0, 100, 200, 1, 101, 201].map((value) => Math.fround(value / 255)));
    expect(preprocess(planPreprocessing(undefined, [1, 3, 4, 4]), grid(9, 5))).toHaveLength(48);
  });

  it("subtracts and divides channel by channel, in the model's order", () => {
    const input = config({ scale: 127.5, mean: [1, 2, 3], std: [1, 0.5, 2], channels: "BGR" });
    const values = preprocess(planPreprocessing(input, [1, 3, 1, 1]), { width: 1, height: 1, channels: 3, data: Uint8Array.of(0, 127, 255) });
    expect(Array.from(values)).toEqual([255 / 127.5 - 1, Math.fround((127 / 127.5 - 2) / 0.5), -1.5]);
  });

  it("gives one channel for gray and Y", () => {
    const white: Image = { width: 2, height: 2, channels: 3, data: new Uint8Array(12).fill(255) };
    for (const channels of ["gray", "Y"]) {
      expect(preprocess(planPreprocessing(config({ channels }), [1, 1, 2, 2]), white)).toEqual(new Float32Array(4).fill(1));
    }
    expect(planPreprocessing(undefined, [1, 1, 2, 2]).channels).toBe("gray");
  });

  it("resizes and crops as torchvision does", () => {
    const fixtures = npzFixture("resized.npz");
    const { dims, data } = fixtures.get("source")!;
    const source: Image = { height: dims[0]!, width: dims[1]!, channels: 3, data: Uint8Array.from(data) };
    const plan = planPreprocessing(config({ resize: 32, crop: 25 }), [1, 3, 25, 25]);
    expect(toCanvas(plan, source)).toEqual(Uint8Array.from(fixtures.get("crop")!.data));
  });
});

describe("placeImage", () => {
  const place = (input: object, dims: number[], width: number, height: number) => placeImage(planPreprocessing(config(input), dims), width, height);

  it("rounds as torchvision does: the longer side down, offsets half to even", () => {
    const at = (width: number, height: number) => place({ resize: 256, crop: 224 }, [1, 3, 224, 224], width, height);
    expect(at(500, 375)).toMatchObject({ width: 341, height: 256, left: -58, top: -16 }); // (341 - 224) / 2 = 58.5
    expect(at(375, 500)).toMatchObject({ width: 256, height: 341, left: -16, top: -58 });
    expect(at(256, 343)).toMatchObject({ height: 343, top: -60 }); // 59.5
    expect(at(300, 300)).toMatchObject({ width: 256, height: 256 });
  });

  it("pads with black what is smaller than the crop", () => {
    const plan = planPreprocessing(config({ crop: [3, 4] }), [1, 3, 3, 4]);
    expect(placeImage(plan, 1, 5)).toMatchObject({ left: 1, top: -1, pad: 0 });
    const canvas = toCanvas(plan, { width: 1, height: 5, channels: 3, data: Uint8Array.from({ length: 15 }, (_, i) => i + 1) });
    expect(Array.from(canvas.subarray(0, 12))).toEqual([0, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0, 0]);
    expect(Array.from(canvas.subarray(24))).toEqual([0, 0, 0, 10, 11, 12, 0, 0, 0, 0, 0, 0]);
  });

  it("fits into a letterbox at the top left", () => {
    const plan = planPreprocessing(config({ resize: { letterbox: 4 } }), [1, 3, 4, 4]);
    expect(placeImage(plan, 8, 6)).toEqual({ width: 4, height: 3, left: 0, top: 0, pad: 114 });
    const canvas = toCanvas(plan, { width: 2, height: 1, channels: 3, data: new Uint8Array(6).fill(9) });
    expect(Array.from(canvas)).toEqual([...new Array<number>(24).fill(9), ...new Array<number>(24).fill(114)]);
  });

  it("makes the longer side of a letterbox exactly its side", () => {
    expect(letterboxSize(416, 640, 427)).toEqual({ width: 416, height: 277 });
    for (let side = 1; side < 3000; side += 7) expect(letterboxSize(416, side, 1).width).toBe(416);
    expect(letterboxSize(416, 100_000, 1)).toEqual({ width: 416, height: 1 });
  });

  it("takes no memory for a crop of a very long image", () => {
    const plan = planPreprocessing(config({ resize: 256, crop: 224 }), [1, 3, 224, 224]);
    const line: Image = { width: 1, height: 60_000, channels: 3, data: new Uint8Array(180_000) };
    expect(placeImage(plan, 1, 60_000).height).toBe(15_360_000);
    expect(toCanvas(plan, line)).toHaveLength(224 * 224 * 3);
  });

  it("says what size is wanted where the result is another", () => {
    expect(() => place({}, [1, 3, 32, 32], 40, 30)).toThrow("An image is 40x30, and the model wants 32x32 (width x height).");
    expect(() => place({ resize: 32 }, [1, 3, 32, 32], 40, 30)).toThrow("An image becomes 42x32");
    expect(place({ resize: 32 }, [1, 3, 32, 32], 50, 50)).toMatchObject({ width: 32, height: 32 });
  });
});

describe("planPreprocessing", () => {
  it.each([
    ["two means for three channels", { mean: [1, 2] }, [1, 3, 8, 8], /"mean" in "input" has 2 numbers, and the model has 3/],
    ["a deviation of 0", { std: [1, 0, 1] }, [1, 3, 8, 8], /"std" in "input" is 0/],
    ["four channels", {}, [1, 4, 8, 8], /wants 4 channels/],
    ["four channels without a config", undefined, [1, 4, 8, 8], /wants 4 channels/],
    ["one channel for RGB", {}, [1, 1, 8, 8], /wants 1 channels/],
    ["the wrong layout", { layout: "NHWC" }, [1, 3, 8, 8], /wants 8 channels/],
    ["a crop of another size", { resize: 256, crop: 200 }, [1, 3, 224, 224], /makes images of 200x200 .* wants 224x224/],
    ["an exact size that is another", { resize: [10, 20] }, [1, 3, 20, 10], /makes images of 20x10/],
    ["a letterbox of another size", { resize: { letterbox: 640 } }, [1, 3, 416, 416], /makes images of 640x640/],
    ["a letterbox and a crop", { resize: { letterbox: 8 }, crop: 8 }, [1, 3, 8, 8], /both/],
    ["no image at all", {}, [1, 16], /does not take images/],
  ])("refuses %s", (_, input, dims, message) => {
    let error: unknown;
    try {
      planPreprocessing(input && config(input), dims);
    } catch (reason) {
      error = reason;
    }
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toMatch(message);
    expect((error as UserError).hint).toBeTruthy();
  });
});

describe("guessInput", () => {
  const imageNet = { scale: 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

  it.each([
    ["an ImageNet network of PyTorch", [1, 3, 224, 224], "pytorch", { resize: 256, crop: 224, ...imageNet }],
    ["a larger one", [1, 3, 299, 299], "pytorch", { resize: 342, crop: 299, ...imageNet }],
    ["a CIFAR network", [1, 3, 32, 32], "pytorch", { resize: [32, 32], ...imageNet }],
    ["a wide input", [1, 3, 240, 320], "", { resize: [240, 320], ...imageNet }],
    ["channels last", [1, 257, 257, 3], "", { resize: [257, 257], scale: 127.5, mean: 1, std: 1, layout: "NHWC" }],
    ["Keras, channels first", [1, 3, 224, 224], "keras2onnx", { resize: [224, 224], scale: 127.5, mean: 1, std: 1, layout: "NCHW" }],
    ["one channel", [1, 1, 28, 28], "", { resize: [28, 28], channels: "gray" }],
  ])("guesses for %s, and the guess fits the model", (_, dims, producer, expected) => {
    const guess = guessInput(dims, producer);
    expect(guess).toMatchObject(expected);
    expect(() => planPreprocessing(config(guess), dims)).not.toThrow();
  });

  it("does not guess where there is no image", () => {
    expect(guessInput([1, 16])).toEqual({});
    expect(guessInput([1, 4, 8, 8])).toEqual({});
  });
});
