/** @file Writing a first `.brecq.json` beside a model, filled in from it. */
import { rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import type { EvaluationConfig, InputConfig } from "../config/schema.ts";
import { guessInput } from "../engine/data/guessInput.ts";
import { layoutOf } from "../engine/data/preprocess.ts";
import { UserError } from "../engine/errors.ts";
import { guessDecoder } from "../engine/evaluation/decoders/guessDecoder.ts";
import { fileError } from "../engine/files.ts";
import { type Network, prepareNetwork, requireLayers } from "../engine/graph/prepare.ts";
import { loadModel } from "../engine/onnx/modelFile.ts";
import type { Runtime } from "../engine/runtime/runtime.ts";
import { primaryInput } from "./data.ts";

/** Folder names that people give to calibration and evaluation images. */
const likelyFolders = { calibration: ["calibration", "calib", "train", "images"], evaluation: ["evaluation", "eval", "validation", "val", "test"] };

export interface InitOptions {
  readonly runtime: Runtime;
  readonly model: string;
  /** Folder of calibration images; found beside the model where not given. */
  readonly calibration?: string | undefined;
}

/**
 * Writes `MODEL.brecq.json` and gives its path.
 * @throws UserError where the file exists: it may hold the user's work
 */
export async function initConfig({ runtime, model, calibration }: InitOptions): Promise<string> {
  const proto = await loadModel(model);
  const network = await prepareNetwork(proto, runtime);
  requireLayers(network);
  const folder = dirname(model);
  const file = join(folder, `${basename(model).replace(/\.onnx$/i, "")}.brecq.json`);
  const inputDims = network.shapes.shapeOf(primaryInput(network).name, 1);
  const decoder = decoderOf(network, inputDims);
  const text = configText({
    model: basename(model),
    input: nonEmpty(decoder === "yolox" ? yoloxInput(inputDims) : guessInput(inputDims, proto.producerName)),
    calibration: calibration ? relative(folder, calibration) || "." : await likelyFolder(folder, likelyFolders.calibration),
    evaluation: await likelyEvaluation(folder, decoder),
  });
  try {
    await writeFile(file, text, { flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      await rm(file, { force: true }).catch(() => undefined);
      throw fileError(error, "write", file);
    }
    throw new UserError(`${file} exists already.`, { hint: "Edit it, or move it away first.", place: { file } });
  }
  return file;
}

function decoderOf({ graph, shapes }: Network, inputDims: readonly number[]): EvaluationConfig["decoder"] {
  if (inputDims.length !== 4) return undefined;
  const [height, width] = layoutOf(inputDims) === "NCHW" ? [inputDims[2]!, inputDims[3]!] : [inputDims[1]!, inputDims[2]!];
  const outputs = graph.outputs.map(({ name }) => (shapes.has(name) ? shapes.shapeOf(name, 1) : []));
  return guessDecoder(outputs, { width, height });
}

/** What YOLOX is trained with: pixels as OpenCV reads them, fitted into a square. */
function yoloxInput(inputDims: readonly number[]): Partial<InputConfig> {
  const [height, width] = [inputDims[2]!, inputDims[3]!];
  return { resize: height === width ? { letterbox: height, pad: 114 } : [height, width], scale: 1, channels: "BGR" };
}

function nonEmpty(input: Partial<InputConfig>): Partial<InputConfig> | undefined {
  return Object.keys(input).length > 0 ? input : undefined;
}

async function likelyFolder(parent: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const stats = await stat(join(parent, name)).catch(() => undefined);
    if (stats?.isDirectory()) return name;
  }
  return undefined;
}

type EvaluationGuess = Pick<EvaluationConfig, "images" | "labels" | "boxes" | "masks" | "decoder">;

/** The evaluation folder: of boxes where it has `images` and `labels`, of masks where it has `images` and `masks`, of classes otherwise. */
async function likelyEvaluation(parent: string, decoder: EvaluationConfig["decoder"]): Promise<EvaluationGuess | undefined> {
  const folder = await likelyFolder(parent, likelyFolders.evaluation);
  if (folder === undefined) return undefined;
  const inside = (name: string) => likelyFolder(join(parent, folder), [name]);
  if (await inside("images")) {
    const images = `${folder}/images`;
    if (await inside("labels")) return { images, labels: "yolo", boxes: `${folder}/labels`, decoder: decoder ?? "boxes" };
    if (await inside("masks")) return { images, labels: "masks", masks: `${folder}/masks` };
  }
  return { images: folder, labels: "folders" };
}

interface ConfigParts {
  model: string;
  input: Partial<InputConfig> | undefined;
  calibration: string | undefined;
  evaluation: EvaluationGuess | undefined;
}

function configText({ model, input, calibration, evaluation }: ConfigParts): string {
  const json = (value: unknown) => JSON.stringify(value);
  const entries = (value: object) =>
    `{ ${Object.entries(value)
      .map(([key, entry]) => `${json(key)}: ${json(entry)}`)
      .join(", ")} }`;
  const lines = [
    `  "model": ${json(model)},`,
    input && "  // How an image becomes the model's input: check this guess against how the model was trained.",
    input && `  "input": ${entries(input)},`,
    calibration
      ? `  "calibration": { "images": ${json(calibration.replaceAll("\\", "/"))}, "count": 1024 },`
      : "  // Images that reconstruction learns from; a few hundred will do, labels are not needed.",
    calibration ? undefined : '  "calibration": { "images": "calibration", "count": 1024 },',
    evaluation ? `  "evaluation": ${entries(evaluation)},` : "  // Accuracy is measured on labelled images: a folder a class.",
    evaluation ? undefined : '  // "evaluation": { "images": "evaluation", "labels": "folders" },',
    '  "runs": {',
    "    // Weights of 4 bits; the first and the last layer keep 8.",
    '    "w4": { "weights": 4, "firstLast": 8 }',
    "  }",
  ].filter((line) => line !== undefined);
  return `{\n${lines.join("\n")}\n}\n`;
}
