/** @file The `.brecq.json` format: the one place where it is defined. The JSON Schema and the types are made from this. */
import { z } from "zod";

const bits = z.int().min(2).max(8);
const bitsOrFp32 = z.union([bits, z.literal("fp32")]);

/** Per-channel (three numbers) or the same for all channels (one number). */
const perChannel = z.union([z.number(), z.array(z.number()).min(1)]);

const size = z.union([z.int().positive(), z.tuple([z.int().positive(), z.int().positive()])]);

export const inputSchema = z
  .strictObject({
    resize: z
      .union([
        size,
        z.strictObject({
          letterbox: z.int().positive().describe("Side of the square that the image is fitted into."),
          pad: z.number().min(0).max(255).default(114).describe("Value, 0..255, of the padding at the right and bottom."),
        }),
      ])
      .optional()
      .describe("A number: length of the shorter side. [height, width]: exactly that. { letterbox, pad }: fit and pad. Bilinear with antialiasing."),
    crop: size.optional().describe("Centre crop: a side length, or [height, width]."),
    scale: z.number().positive().default(255).describe("Pixels in 0..255 are divided by this first."),
    mean: perChannel.default(0).describe("Subtracted after the division by `scale`."),
    std: perChannel.default(1).describe("Divides after `mean` was subtracted."),
    layout: z.enum(["NCHW", "NHWC"]).optional().describe("Order of axes that the model expects; read from the model where absent."),
    channels: z
      .enum(["RGB", "BGR", "gray", "Y"])
      .default("RGB")
      .describe("Channels that the model expects; Y is luminance (ITU-R BT.601, full range)."),
  })
  .describe("How an image becomes the model's input: a pixel p becomes (p / scale - mean) / std.");

export const distillSchema = z
  .strictObject({
    count: z.int().positive().default(1024).describe("How many images to make."),
    steps: z.int().positive().default(100).describe("Optimization steps a batch of images: more match the statistics better."),
    seed: z.int().min(0).default(1005).describe("Seed of the images: runs of all seeds share them."),
  })
  .describe("Images made to match the model's BatchNorm statistics, where no data is at hand.");

export const calibrationSchema = z
  .union([
    z.strictObject({
      images: z.string().min(1).describe("Folder of JPEG, PNG or WebP files, searched recursively, relative to this file."),
      count: z.int().positive().default(1024).describe("How many images to draw, with the run's seed."),
    }),
    z.strictObject({
      arrays: z.string().min(1).describe("A .npy or .npz file of inputs that are already preprocessed, relative to this file."),
      count: z.int().positive().default(1024).describe("How many samples to draw, with the run's seed."),
    }),
    z.strictObject({
      distill: distillSchema,
    }),
  ])
  .describe("What reconstruction learns from.");

export const evaluationSchema = z
  .strictObject({
    images: z.string().min(1).describe("Folder of images, searched recursively, relative to this file."),
    labels: z
      .union([z.literal("folders"), z.literal("yolo"), z.literal("masks"), z.literal("images"), z.literal("none"), z.string().min(1)])
      .default("folders")
      .describe(
        '"folders": the class is the rank of the folder\'s name (or its line in `classes`); a text file of "path index" lines; "yolo" with `boxes` and `decoder`; "masks" with `masks`; "images": the output is compared with `targets`; "none".',
      ),
    classes: z.string().optional().describe("A text file with one folder name a line: its line is the class index."),
    boxes: z.string().optional().describe("Folder of YOLO label files: for each image, a text file with its path and name."),
    decoder: z
      .enum(["yolox", "nanodet", "boxes"])
      .optional()
      .describe("How the model's outputs become boxes; `boxes`: an output of boxes and one of scores."),
    boxFormat: z
      .enum(["corners", "center"])
      .default("corners")
      .describe("Of the decoder `boxes`. corners: left, top, right, bottom. center: centre x, centre y, width, height."),
    masks: z
      .string()
      .optional()
      .describe("Folder of PNG masks: for each image, one with its path and name, whose pixels are classes (255: not counted)."),
    targets: z
      .string()
      .optional()
      .describe(
        "Folder of the images that the outputs should show, by the images' paths and names; unset: the images themselves at the output's size.",
      ),
    outputOffset: z.int().min(0).default(0).describe("Leading outputs to skip: 1 where output 0 is the background."),
    count: z.int().positive().optional().describe("Evaluate on the first so many images (in sorted order)."),
  })
  .describe("What accuracy is measured on.");

const layerSchema = z.strictObject({
  weights: bitsOrFp32.optional().describe("Bits of this layer's weights."),
  activations: bitsOrFp32.optional().describe("Bits of this layer's input."),
});

export const methods = ["nearest", "dfq", "adaround", "brecq", "qdrop"] as const;
/** Tensors that are quantized by choice, besides the inputs of layers. */
export const extraTensors = ["input", "adds", "pools"] as const;
export const granularities = ["layer", "block", "stage", "net"] as const;

export const limitSchema = z
  .strictObject({
    size: z.string().optional().describe('Upper bound of the weights\' size, e.g. "0.5 MB".'),
    bops: z.number().positive().optional().describe("Upper bound of bit-operations for one input."),
    latency: z.number().positive().optional().describe("Upper bound of latency in milliseconds, by `table`."),
    table: z.string().optional().describe("Latency table file, or a preset's name."),
  })
  .describe("What a bit-width search must stay under.");

export const runSchema = z
  .strictObject({
    weights: bitsOrFp32.default(4).describe("Bits of the weights, 2 to 8."),
    activations: bitsOrFp32.default("fp32").describe("Bits of the activations, 2 to 8."),
    quantizeAlso: z
      .array(z.enum(extraTensors))
      .default(["input"])
      .describe(
        "With quantized activations, which tensors besides those between layers: the network's input, both operands of sums, what pools make.",
      ),
    method: z
      .enum(methods)
      .default("brecq")
      .describe("nearest and dfq need no reconstruction; adaround reconstructs layer by layer, brecq block by block."),
    granularity: z.enum(granularities).default("block").describe("What is reconstructed at once."),
    loss: z.enum(["mse", "fisher"]).default("mse").describe("Reconstruction loss: plain, or weighted by the diagonal Fisher information."),
    steps: z
      .union([z.int().positive(), z.literal("published")])
      .optional()
      .describe('Optimization steps a block. Unset: the engine\'s choice. "published": 20,000 (and 5,000 for activations).'),
    cachePrecision: z
      .enum(["single", "half"])
      .default("single")
      .describe("How the calibration images' values between layers are kept: half takes half of the memory or disk, and next to no quality."),
    firstLast: bitsOrFp32.default(8).describe("Bits of the first and last layers."),
    seed: z.int().min(0).default(1005).describe("Seed of every random choice: the same seed gives the same file."),
    layers: z.record(z.string(), layerSchema).default({}).describe("Overrides by layer name."),
    search: z
      .strictObject({
        candidates: z.array(bits).min(1).default([2, 4, 8]).describe("Bits to choose from."),
        limit: limitSchema,
      })
      .optional()
      .describe("Mixed precision: choose each layer's bits by a search."),
    export: z
      .enum(["native", "portable"])
      .default("portable")
      .describe("native: INT2/INT4 tensors (small files, new runtimes). portable: 8-bit containers that load everywhere."),
  })
  .describe("One way to quantize the model.");

export const configSchema = z.strictObject({
  $schema: z.string().optional().describe("The JSON Schema of this file."),
  model: z.string().min(1).describe("The ONNX file, relative to this file."),
  input: inputSchema.optional(),
  calibration: calibrationSchema.optional(),
  evaluation: evaluationSchema.optional(),
  runs: z.record(z.string().regex(/^[\w.-]+$/, "use letters, digits, '-', '_' and '.' in a run's name"), runSchema).describe("Runs by name."),
});

export type InputConfig = z.infer<typeof inputSchema>;
export type CalibrationConfig = z.infer<typeof calibrationSchema>;
export type EvaluationConfig = z.infer<typeof evaluationSchema>;
export type RunConfig = z.infer<typeof runSchema>;
export type Config = z.infer<typeof configSchema>;
export type Method = (typeof methods)[number];
export type Granularity = (typeof granularities)[number];
/** Bits of a quantizer, or "fp32" for none. */
export type Bits = number | "fp32";
