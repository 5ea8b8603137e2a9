/** @file Image files as samples of a model's input. */
import { join } from "node:path";
import { CancelledError, UserError } from "../errors.ts";
import type { Box, TrueBox } from "./box.ts";
import type { Dataset, ImageView } from "./dataset.ts";
import { decodeImageFile } from "./decode.ts";
import { readMaskFile } from "./indexedPng.ts";
import { maskOnCanvas } from "./maskOnCanvas.ts";
import { normalize, type PreprocessPlan, placeImage, type Size, toCanvas, toCanvasOfSize } from "./preprocess.ts";

/** Preprocessed 8-bit images are kept up to this size, so that FP32 and every run need not decode them again. */
const cacheBytes = 256 * 2 ** 20;
/** sharp decodes on the four threads of Node's pool; a few more keep them busy. */
const decodedAtOnce = 8;
/** How many skipped images a warning names. */
const namedFiles = 5;

export interface ImageSource {
  /** Path in the folder, with "/". */
  readonly file: string;
  readonly label?: number | undefined;
  /** True boxes, in shares of the image's width and height. */
  readonly boxes?: readonly TrueBox[];
  /** Path of a mask of classes. */
  readonly mask?: string;
  /** Path of the image that the network's output should show. */
  readonly target?: string;
}

export interface ImageDatasetOptions {
  readonly plan: PreprocessPlan;
  readonly inputDims: readonly number[];
  readonly folder: string;
  readonly sources: readonly ImageSource[];
  /** See {@link Dataset.rankedFolders}. */
  readonly rankedFolders?: number | undefined;
  readonly warnings: readonly string[];
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A source that was decoded; its canvas is dropped where there are too many. */
interface GoodImage {
  readonly source: ImageSource;
  readonly canvas: Uint8Array | undefined;
  /** Of the file. */
  readonly size: Size;
}

/**
 * Decodes all images once, so that the count is known: unreadable ones are skipped and named in a warning.
 * @throws UserError where none can be read, or one does not come to the model's size
 */
export async function openImages(options: ImageDatasetOptions): Promise<Dataset> {
  const { plan, folder, sources } = options;
  const good: GoodImage[] = [];
  const skipped: string[] = [];
  let firstError: UserError | undefined;
  const mostCached = Math.floor(cacheBytes / plan.sampleSize);
  for (let start = 0; start < sources.length; start += decodedAtOnce) {
    if (options.signal?.aborted) throw new CancelledError();
    const group = sources.slice(start, start + decodedAtOnce);
    const canvases = await Promise.all(group.map(({ file }) => readCanvas(plan, folder, file)));
    for (const [i, read] of canvases.entries()) {
      if (read instanceof UserError) {
        firstError ??= read;
        skipped.push(`${group[i]!.file} (${read.message.replace(/\.$/, "")})`);
      } else good.push({ source: group[i]!, size: read.size, canvas: good.length < mostCached ? read.canvas : undefined });
    }
    options.onProgress?.(start + group.length, sources.length);
  }
  if (good.length === 0 && firstError) {
    throw new UserError(`None of the ${sources.length} images could be read. The first: ${firstError.message}`, {
      place: firstError.place,
      cause: firstError,
    });
  }
  return new ImageDataset(options, good, [...options.warnings, ...skippedWarning(skipped, sources.length)]);
}

function skippedWarning(skipped: readonly string[], total: number): string[] {
  if (skipped.length === 0) return [];
  const more = skipped.length > namedFiles ? `, and ${skipped.length - namedFiles} more` : "";
  return [`${skipped.length} of ${total} images could not be read and were skipped: ${skipped.slice(0, namedFiles).join(", ")}${more}.`];
}

/** The preprocessed image, or why it cannot be read. A size that does not fit is thrown: it is the config that is wrong. */
async function readCanvas(plan: PreprocessPlan, folder: string, file: string): Promise<{ canvas: Uint8Array; size: Size } | UserError> {
  const path = join(folder, file);
  const image = await decodeImageFile(path).catch((error: unknown) => {
    if (error instanceof UserError && error.place.file) return error;
    throw error;
  });
  if (image instanceof UserError) return image;
  try {
    return { canvas: toCanvas(plan, image), size: { width: image.width, height: image.height } };
  } catch (error) {
    if (error instanceof UserError) throw new UserError(error.message, { hint: error.hint, place: { file: path }, cause: error });
    throw error;
  }
}

class ImageDataset implements Dataset {
  readonly count: number;
  readonly dims: readonly number[];
  readonly labels: Int32Array | undefined;
  readonly rankedFolders: number | undefined;
  readonly names: readonly string[];
  readonly boxes: readonly (readonly TrueBox[])[] | undefined;
  readonly readMask: Dataset["readMask"];
  readonly readTarget: Dataset["readTarget"];
  readonly view: ImageView;
  readonly #plan: PreprocessPlan;
  readonly #folder: string;
  readonly #images: readonly GoodImage[];

  constructor(
    { plan, folder, inputDims, rankedFolders }: ImageDatasetOptions,
    images: readonly GoodImage[],
    readonly warnings: readonly string[],
  ) {
    this.#plan = plan;
    this.#folder = folder;
    this.#images = images;
    this.rankedFolders = rankedFolders;
    this.count = images.length;
    this.dims = [1, ...inputDims.slice(1)];
    this.names = images.map(({ source }) => source.file);
    const labels = images.flatMap(({ source }) => source.label ?? []);
    this.labels = labels.length === images.length ? Int32Array.from(labels) : undefined;
    const { width, height, layout, normalization } = plan;
    this.view = { width, height, layout, normalization, channels: normalization.mean.length, toImage: (sample, box) => this.#toImage(sample, box) };
    if (images[0]?.source.boxes) this.boxes = images.map(({ source, size }) => source.boxes?.map((box) => ({ ...box, ...onImage(box, size) })) ?? []);
    if (images[0]?.source.mask !== undefined)
      this.readMask = async (sample, size) => maskOnCanvas(plan, await readMaskFile(images[sample]!.source.mask!), size);
    if (images[0]?.source.target !== undefined)
      this.readTarget = async (sample, size) => toCanvasOfSize(plan, await decodeImageFile(images[sample]!.source.target!), size);
  }

  #toImage(sample: number, { left, top, right, bottom }: Box): Box {
    const { width, height } = this.#images[sample]!.size;
    const place = placeImage(this.#plan, width, height);
    const x = (at: number) => ((at - place.left) * width) / place.width;
    const y = (at: number) => ((at - place.top) * height) / place.height;
    return { left: x(left), top: y(top), right: x(right), bottom: y(bottom) };
  }

  async read(start: number, count: number): Promise<Float32Array> {
    const out = new Float32Array(count * this.#plan.sampleSize);
    for (let done = 0; done < count; done += decodedAtOnce) {
      const group = this.#images.slice(start + done, start + Math.min(done + decodedAtOnce, count));
      const canvases = await Promise.all(group.map((image) => this.#canvas(image)));
      for (const [i, canvas] of canvases.entries()) normalize(this.#plan, canvas, out, (done + i) * this.#plan.sampleSize);
    }
    return out;
  }

  /** @throws UserError where a file that could be read at the beginning no longer can */
  async #canvas({ source, canvas }: GoodImage): Promise<Uint8Array> {
    if (canvas) return canvas;
    const read = await readCanvas(this.#plan, this.#folder, source.file);
    if (read instanceof UserError) throw read;
    return read.canvas;
  }
}

function onImage({ left, top, right, bottom }: Box, { width, height }: Size): Box {
  return { left: left * width, top: top * height, right: right * width, bottom: bottom * height };
}
