/** @file The data that a config names, as samples at the model's input. */
import { join, resolve } from "node:path";
import type { CalibrationConfig, EvaluationConfig, InputConfig } from "../../config/schema.ts";
import { UserError } from "../errors.ts";
import { openArrays } from "./arrayDataset.ts";
import type { Box, TrueBox } from "./box.ts";
import { type ImageSource, openImages } from "./imageDataset.ts";
import { drawSample, type ImageFolder, listImages } from "./imageFolder.ts";
import { folderLabels, listedLabels, rankFolders, readClasses } from "./labels.ts";
import { pairedFiles } from "./pairedFiles.ts";
import { type Normalization, planPreprocessing, type Size } from "./preprocess.ts";
import { yoloLabels } from "./yoloLabels.ts";

/** Samples of a model's input. */
export interface Dataset {
  readonly count: number;
  /** Shape of one sample, with the batch axis of length 1 in front. */
  readonly dims: readonly number[];
  /** The samples `start` to `start + count`, one after the other. */
  read(start: number, count: number): Promise<Float32Array>;
  /** The class of each sample, where the data tells it. */
  readonly labels?: Int32Array | undefined;
  /** How many class folders there are, where labels are the ranks of their names. */
  readonly rankedFolders?: number | undefined;
  /** The boxes on each sample's image, where the data tells them. */
  readonly boxes?: readonly (readonly TrueBox[])[] | undefined;
  /** The class of each pixel of a sample, at a size; 255 where it does not count. Absent where the data does not tell it. */
  readonly readMask?: ((sample: number, size: Size) => Promise<Uint8Array>) | undefined;
  /** Pixels 0..255, channels interleaved, that a network's output for a sample should show. Absent where the data does not tell it. */
  readonly readTarget?: ((sample: number, size: Size) => Promise<Uint8Array>) | undefined;
  /** Where samples are images. */
  readonly view?: ImageView | undefined;
  /** What each sample is, e.g. its path in the folder. */
  readonly names: readonly string[];
  /** Sentences for the user, e.g. about images that were skipped. */
  readonly warnings: readonly string[];
}

/** How samples come from images. */
export interface ImageView extends Size {
  readonly channels: number;
  readonly layout: "NCHW" | "NHWC";
  readonly normalization: Normalization;
  /** A box in pixels of the model's input, in pixels of the sample's image. */
  toImage(sample: number, box: Box): Box;
}

interface OpenOptions {
  /** The config's `input`. */
  readonly input: InputConfig | undefined;
  /** Shape of the model's input; the length of the first axis, the batch, does not matter. */
  readonly inputDims: readonly number[];
  /** The config's folder, to which its paths are relative. */
  readonly folder: string;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CalibrationOptions extends OpenOptions {
  readonly calibration: Exclude<CalibrationConfig, { distill: unknown }>;
  /** Draws the samples where there are more than asked for. */
  readonly seed: number;
  /** How classes are found, if they are wanted: samples get theirs where all have one. */
  readonly classes?: ClassesConfig | undefined;
}

/** Where evaluation finds classes. */
type ClassesConfig = Pick<EvaluationConfig, "images" | "labels" | "classes">;

export interface EvaluationOptions extends OpenOptions {
  readonly evaluation: EvaluationConfig;
}

/**
 * Opens calibration data: `count` samples, in random order, or all where there are fewer.
 * @throws UserError where there is no usable sample, or data, `input` and model do not go together
 */
export async function openCalibration(options: CalibrationOptions): Promise<Dataset> {
  const { calibration, seed, folder } = options;
  if ("arrays" in calibration) return await openArrays(resolve(folder, calibration.arrays), options.inputDims, calibration.count, seed);
  const plan = planPreprocessing(options.input, options.inputDims);
  const images = await listImages(resolve(folder, calibration.images));
  requireImages(images);
  const files = drawSample(images.files, calibration.count, seed);
  const { labels, rankedFolders } = options.classes ? await calibrationLabels(images, options.classes, folder) : {};
  const sources = files.map((file) => ({ file, label: labels?.get(file) }));
  return await openImages({ ...options, plan, folder: images.folder, sources, rankedFolders, warnings: linkWarnings(images) });
}

/** The classes of calibration images as evaluation finds its own: by the names of its folders, or in its list where that names them too. */
async function calibrationLabels(
  images: ImageFolder,
  { images: evaluated, labels, classes }: ClassesConfig,
  folder: string,
): Promise<{ labels?: ReadonlyMap<string, number>; rankedFolders?: number }> {
  switch (labels) {
    case "none":
    case "yolo":
    case "masks":
    case "images":
      return {};
    case "folders": {
      const ranks = classes === undefined ? await rankFolders(resolve(folder, evaluated)) : await readClasses(resolve(folder, classes));
      const known = images.files.map((file) => [file, file.includes("/") ? ranks.get(file.slice(0, file.indexOf("/"))) : undefined] as const);
      return { labels: withLabels(known), ...(classes === undefined && { rankedFolders: ranks.size }) };
    }
    default: {
      if (images.folder !== resolve(folder, evaluated)) return {};
      const listed = await listedLabels(images, resolve(folder, labels));
      return { labels: withLabels(listed.map(({ file, label }) => [file, label] as const)) };
    }
  }
}

function withLabels(entries: readonly (readonly [string, number | undefined])[]): Map<string, number> {
  return new Map(entries.flatMap(([file, label]) => (label === undefined ? [] : [[file, label] as const])));
}

/**
 * Opens evaluation images in sorted order, with their classes where the config says how to find them.
 * @throws UserError where there is no usable image, or data, `input` and model do not go together
 */
export async function openEvaluation(options: EvaluationOptions): Promise<Dataset> {
  const { evaluation, folder } = options;
  const plan = planPreprocessing(options.input, options.inputDims);
  const images = await listImages(resolve(folder, evaluation.images));
  requireImages(images);
  const { sources, rankedFolders } = await labelledImages(images, evaluation, folder);
  return await openImages({
    ...options,
    plan,
    folder: images.folder,
    sources: sources.slice(0, evaluation.count),
    rankedFolders,
    warnings: linkWarnings(images),
  });
}

interface LabelledImages {
  readonly sources: readonly ImageSource[];
  readonly rankedFolders?: number;
}

async function labelledImages(images: ImageFolder, evaluation: EvaluationConfig, folder: string): Promise<LabelledImages> {
  const { labels, classes, boxes, masks, targets } = evaluation;
  switch (labels) {
    case "none":
      return { sources: images.files.map((file) => ({ file })) };
    case "folders": {
      if (classes !== undefined) return { sources: folderLabels(images, await readClasses(resolve(folder, classes))) };
      const ranks = await rankFolders(images.folder);
      return { sources: folderLabels(images, ranks), rankedFolders: ranks.size };
    }
    case "yolo":
      return { sources: await yoloLabels(images, resolve(folder, requireFolder(boxes, "boxes", labels))) };
    case "masks": {
      const files = await pairedFiles(images, resolve(folder, requireFolder(masks, "masks", labels)), /\.png$/i, "mask");
      return { sources: images.files.map((file) => ({ file, mask: files.get(file)! })) };
    }
    case "images": {
      if (targets === undefined) return { sources: images.files.map((file) => ({ file, target: join(images.folder, file) })) };
      const files = await pairedFiles(images, resolve(folder, targets), /\.(jpe?g|png|webp)$/i, "target image");
      return { sources: images.files.map((file) => ({ file, target: files.get(file)! })) };
    }
    default:
      return { sources: await listedLabels(images, resolve(folder, labels)) };
  }
}

function requireFolder(path: string | undefined, key: string, labels: string): string {
  if (path !== undefined) return path;
  throw new UserError(`"labels" is "${labels}", and "evaluation" does not say where the ${key} are.`, { hint: `Add "${key}": "FOLDER".` });
}

function requireImages({ folder, files, outsideLinks }: ImageFolder): void {
  if (files.length > 0) return;
  throw new UserError("The folder has no JPEG, PNG or WebP images.", {
    hint:
      outsideLinks > 0
        ? "It has symbolic links that lead out of it, which are not followed: copy the images."
        : "Put images into it, or name another folder.",
    place: { file: folder },
  });
}

function linkWarnings({ folder, outsideLinks }: ImageFolder): string[] {
  return outsideLinks > 0 ? [`${outsideLinks} symbolic links in ${folder} lead out of the folder and were not followed.`] : [];
}
