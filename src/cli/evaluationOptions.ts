/** @file Options that say what a model is measured on, as "evaluation" in a config does. */
import { resolve } from "node:path";
import { type EvaluationConfig, evaluationSchema } from "../config/schema.ts";
import { UserError } from "../engine/errors.ts";
import { positiveNumber, wholeNumber } from "./commandLine.ts";

export const evaluationOptions = {
  labels: { type: "string", default: "folders" },
  classes: { type: "string" },
  boxes: { type: "string" },
  decoder: { type: "string" },
  "box-format": { type: "string" },
  masks: { type: "string" },
  targets: { type: "string" },
  "output-offset": { type: "string", default: "0" },
} as const;

export const evaluationHelp: readonly (readonly [string, string])[] = [
  ["--labels WHAT", 'folders (a folder a class), yolo, masks, images, none, or a text file of "path index" lines (default: folders)'],
  ["--classes FILE", "folder names of the classes, one a line, where their order is not the sorted one"],
  ["--boxes DIR", "YOLO label files, with --labels yolo"],
  ["--decoder NAME", "how outputs become boxes: yolox, nanodet or boxes (an output of boxes and one of scores)"],
  ["--box-format NAME", "of --decoder boxes: corners or center (default: corners)"],
  ["--masks DIR", "PNG masks of classes, with --labels masks"],
  ["--targets DIR", "images that the outputs should show, with --labels images (default: the images themselves)"],
  ["--output-offset N", "leading outputs to skip, 1 where output 0 is the background"],
];

const keywords = ["folders", "yolo", "masks", "images", "none"];
const paths = ["classes", "boxes", "masks", "targets"] as const;

type EvaluationValues = Partial<Record<Exclude<keyof typeof evaluationOptions, "output-offset">, string>> & {
  readonly "output-offset": string;
  readonly count?: string;
};

/** The options' values as a config's "evaluation" of the folder `images`; paths become absolute. */
export function evaluationOf(images: string, values: EvaluationValues): EvaluationConfig {
  const labels = values.labels ?? "folders";
  const checked = evaluationSchema.safeParse({
    images: resolve(images),
    labels: keywords.includes(labels) ? labels : resolve(labels),
    ...Object.fromEntries(paths.flatMap((key) => (values[key] === undefined ? [] : [[key, resolve(values[key])]]))),
    decoder: values.decoder,
    boxFormat: values["box-format"],
    outputOffset: wholeNumber(values["output-offset"], "--output-offset"),
    count: values.count === undefined ? undefined : positiveNumber(values.count, "--count"),
  });
  if (checked.success) return checked.data;
  const key = String(checked.error.issues[0]!.path[0]).replace("boxFormat", "box-format");
  throw new UserError(`--${key} ${values[key as "decoder"]} is not known.`, { hint: "See --help." });
}
