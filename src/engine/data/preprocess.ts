/** @file From an image to a model's input, as a config's `input` says. */
import type { InputConfig } from "../../config/schema.ts";
import { UserError } from "../errors.ts";
import { type Channels, channelCount, convertChannels, type Image } from "./image.ts";
import { resize } from "./resample.ts";

type Layout = "NCHW" | "NHWC";

/** Everything about preprocessing that does not depend on the image. */
export interface PreprocessPlan {
  readonly height: number;
  readonly width: number;
  readonly channels: Channels;
  readonly layout: Layout;
  /** Numbers of one sample: channels x height x width. */
  readonly sampleSize: number;
  readonly resize: InputConfig["resize"];
  readonly crop: boolean;
  /** For each of the model's channels, the input value of each of the pixel values 0..255. */
  readonly values: readonly Float32Array[];
  /** The settings that lead from pixels to values, for the way back; `mean` and `std` have a number for each channel. */
  readonly normalization: Normalization;
}

/** A pixel p becomes (p / scale - mean) / std. */
export interface Normalization {
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * Checks a config's `input` against the shape of a model's input.
 * Without `input`: resized to the model's own height and width, scaled to 0..1, RGB or gray as the model has channels.
 * @param input the config's `input`, if it has one
 * @param inputDims shape of the model's input with the batch in front
 * @throws UserError where they do not go together
 */
export function planPreprocessing(input: InputConfig | undefined, inputDims: readonly number[]): PreprocessPlan {
  if (inputDims.length !== 4) {
    throw new UserError(`The model's input has the shape [${inputDims.join(", ")}], which does not take images.`, {
      hint: 'Images need an input of four axes; give other data as arrays ("calibration": { "arrays": "x.npy" }).',
    });
  }
  const layout = input?.layout ?? layoutOf(inputDims);
  const [modelChannels, height, width] =
    layout === "NCHW" ? [inputDims[1]!, inputDims[2]!, inputDims[3]!] : [inputDims[3]!, inputDims[1]!, inputDims[2]!];
  const channels = input?.channels ?? (modelChannels === 1 ? "gray" : "RGB");
  requireChannels(channels, modelChannels, layout, inputDims);
  requireSize(input, height, width);
  const normalization = normalizationOf(input, modelChannels);
  return {
    height,
    width,
    channels,
    layout,
    sampleSize: modelChannels * height * width,
    resize: input ? input.resize : [height, width],
    crop: input?.crop !== undefined,
    values: valueTables(normalization),
    normalization,
  };
}

/** The channel axis is the one of length 1 or 3; the second where both or neither are. */
export function layoutOf(inputDims: readonly number[]): Layout {
  const isChannels = (dim: number) => dim === 1 || dim === 3;
  return !isChannels(inputDims[1]!) && isChannels(inputDims[3]!) ? "NHWC" : "NCHW";
}

function requireChannels(channels: Channels, modelChannels: number, layout: Layout, inputDims: readonly number[]): void {
  if (channelCount(channels) === modelChannels) return;
  const hints: Record<number, string> = { 1: 'Set "channels" to "gray" or "Y" in "input".', 3: 'Set "channels" to "RGB" or "BGR" in "input".' };
  throw new UserError(
    `The model wants ${modelChannels} channels (${layout}, shape [${inputDims.join(", ")}]), and "${channels}" images have ${channelCount(channels)}.`,
    { hint: hints[modelChannels] ?? 'Set "layout" in "input" if the channels are on another axis; otherwise give the data as arrays.' },
  );
}

/** Where the config alone decides the size, it must be the model's. */
function requireSize(input: InputConfig | undefined, height: number, width: number): void {
  if (input?.crop !== undefined && typeof input.resize === "object" && "letterbox" in input.resize) {
    throw new UserError('"input" has both a letterbox and a "crop".', { hint: "Take one of them out." });
  }
  const size = input && (fixedSize(input.crop) ?? (typeof input.resize === "number" ? undefined : fixedSize(input.resize)));
  if (!size || (size[0] === height && size[1] === width)) return;
  throw new UserError(`"input" makes images of ${size[1]}x${size[0]} (width x height), and the model wants ${width}x${height}.`, {
    hint: 'Correct "crop" or "resize" in "input".',
  });
}

function fixedSize(size: InputConfig["crop"] | InputConfig["resize"]): readonly [height: number, width: number] | undefined {
  if (size === undefined || Array.isArray(size)) return size;
  const side = typeof size === "number" ? size : size.letterbox;
  return [side, side];
}

function normalizationOf(input: InputConfig | undefined, channels: number): Normalization {
  const { scale, mean, std } = input ?? { scale: 255, mean: 0, std: 1 };
  const perChannel = (name: string, setting: number | readonly number[]): readonly number[] => {
    if (typeof setting === "number") return new Array<number>(channels).fill(setting);
    if (setting.length === channels) return setting;
    throw new UserError(`"${name}" in "input" has ${setting.length} numbers, and the model has ${channels} channels.`, {
      hint: "Give one number, or one for each channel in the model's order.",
    });
  };
  const deviations = perChannel("std", std);
  if (deviations.includes(0))
    throw new UserError('"std" in "input" is 0, and values are divided by it.', { hint: "Give the standard deviation, or leave it out." });
  return { scale, mean: perChannel("mean", mean), std: deviations };
}

function valueTables({ scale, mean, std }: Normalization): Float32Array[] {
  return std.map((deviation, c) => Float32Array.from({ length: 256 }, (_, pixel) => (pixel / scale - mean[c]!) / deviation));
}

/** Where a resized image goes on the model's canvas; negative offsets cut it. */
export interface Placement {
  /** Size after resizing. */
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
  /** Value of the canvas where there is no image. */
  readonly pad: number;
}

/**
 * The placement of an image of the given size.
 * @throws UserError where the result would not have the model's size
 */
export function placeImage(plan: PreprocessPlan, width: number, height: number): Placement {
  const resized = resizedSize(plan.resize, width, height);
  if (plan.crop) return { ...resized, left: cropOffset(plan.width, resized.width), top: cropOffset(plan.height, resized.height), pad: 0 };
  if (typeof plan.resize === "object" && "letterbox" in plan.resize) return { ...resized, left: 0, top: 0, pad: Math.round(plan.resize.pad) };
  if (resized.width === plan.width && resized.height === plan.height) return { ...resized, left: 0, top: 0, pad: 0 };
  const what = plan.resize === undefined ? "An image is" : "An image becomes";
  throw new UserError(`${what} ${resized.width}x${resized.height}, and the model wants ${plan.width}x${plan.height} (width x height).`, {
    hint: `Set "resize" in "input" to [${plan.height}, ${plan.width}], or add a "crop".`,
  });
}

function resizedSize(setting: PreprocessPlan["resize"], width: number, height: number): { width: number; height: number } {
  if (setting === undefined) return { width, height };
  if (typeof setting === "number") return shorterSide(setting, width, height);
  if ("letterbox" in setting) return letterboxSize(setting.letterbox, width, height);
  return { height: setting[0], width: setting[1] };
}

/** The shorter side becomes `side`, the longer keeps the proportion, cut to a whole number as torchvision's Resize does. */
function shorterSide(side: number, width: number, height: number): { width: number; height: number } {
  if (width <= height) return { width: side, height: Math.trunc((side * height) / width) };
  return { width: Math.trunc((side * width) / height), height: side };
}

/** The longer side becomes `side`: both are multiplied by min(side / width, side / height) and cut to whole numbers. */
export function letterboxSize(side: number, width: number, height: number): { width: number; height: number } {
  const longer = Math.max(width, height);
  const fitted = (length: number) => Math.max(1, Math.trunc((length * side) / longer));
  return { width: fitted(width), height: fitted(height) };
}

/** Where the image begins on the canvas, as torchvision's CenterCrop cuts, and pads images that are smaller. */
function cropOffset(canvas: number, length: number): number {
  if (length <= canvas) return Math.trunc((canvas - length) / 2);
  return -roundHalfToEven((length - canvas) / 2);
}

/** Python's `round`. */
function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  return x - below === 0.5 ? below + (below % 2) : Math.round(x);
}

/**
 * The 8-bit canvas of the model's size: channels converted, then resized, then cropped or padded.
 * @throws UserError where the image's size does not lead to the model's
 */
export function toCanvas(plan: PreprocessPlan, rgb: Image): Uint8Array {
  return paint(convertChannels(rgb, plan.channels), placeImage(plan, rgb.width, rgb.height), plan);
}

/** What {@link toCanvas} shows of an image, on a canvas of another size, such as that of a network's output. */
export function toCanvasOfSize(plan: PreprocessPlan, rgb: Image, canvas: Size): Uint8Array {
  return paint(convertChannels(rgb, plan.channels), scaledPlacement(plan, rgb, canvas), canvas);
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Where an image of a size goes on a canvas that shows the same as the model's, but has another size. */
export function scaledPlacement(plan: PreprocessPlan, { width, height }: Size, canvas: Size): Placement {
  const [x, y] = [canvas.width / plan.width, canvas.height / plan.height];
  const place = placeImage(plan, width, height);
  return {
    width: Math.max(1, Math.round(place.width * x)),
    height: Math.max(1, Math.round(place.height * y)),
    left: Math.round(place.left * x),
    top: Math.round(place.top * y),
    pad: place.pad,
  };
}

function paint(source: Image, { width, height, left, top, pad }: Placement, size: Size): Uint8Array {
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  const window = {
    left: x - left,
    top: y - top,
    width: Math.min(size.width, left + width) - x,
    height: Math.min(size.height, top + height) - y,
  };
  const image = resize(source, width, height, window);
  if (image.width === size.width && image.height === size.height) return image.data;
  const canvas = new Uint8Array(size.width * size.height * image.channels).fill(pad);
  const row = image.width * image.channels;
  for (let i = 0; i < image.height; i++) canvas.set(image.data.subarray(i * row, (i + 1) * row), ((y + i) * size.width + x) * image.channels);
  return canvas;
}

/** Writes a canvas as the model's input, in its layout, to `out` from `offset`. */
export function normalize(plan: PreprocessPlan, canvas: Uint8Array, out: Float32Array, offset: number): void {
  const channels = plan.values.length;
  const pixels = plan.height * plan.width;
  const [pixelStep, channelStep] = plan.layout === "NCHW" ? [1, pixels] : [channels, 1];
  for (let c = 0; c < channels; c++) {
    const values = plan.values[c]!;
    let at = offset + c * channelStep;
    for (let i = c; i < canvas.length; i += channels, at += pixelStep) out[at] = values[canvas[i]!]!;
  }
}

/** An image as the model's input, one sample. */
export function preprocess(plan: PreprocessPlan, rgb: Image): Float32Array {
  const out = new Float32Array(plan.sampleSize);
  normalize(plan, toCanvas(plan, rgb), out, 0);
  return out;
}
