/** @file Label files in the format of YOLO: one text file an image, one line a box. */
import { readdir, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../errors.ts";
import { fileError } from "../files.ts";
import type { Box, TrueBox } from "./box.ts";
import type { ImageSource } from "./imageDataset.ts";
import { type ImageFolder, isInside } from "./imageFolder.ts";

/** A true box in shares of the image's width and height. */
export type RelativeBox = TrueBox;

/** Exporters round, so that boxes reach a little over the edge. */
const slack = 0.01;

/**
 * The boxes of each image: those of the file with the image's path and name, ending in `.txt`, in `folder`. An image without such
 * a file has none, as in YOLO.
 * @throws UserError where no image has a label file, or a line is not "class x y width height" in shares of the image
 */
export async function yoloLabels(images: ImageFolder, folder: string): Promise<ImageSource[]> {
  const files = await labelFiles(folder);
  const root = await realpath(folder);
  const sources: ImageSource[] = [];
  let found = 0;
  for (const file of images.files) {
    const name = file.replace(/\.[^./]+$/, ".txt");
    if (!files.has(name)) {
      sources.push({ file, boxes: [] });
      continue;
    }
    found++;
    sources.push({ file, boxes: await readLabelFile(root, folder, name) });
  }
  if (found > 0) return sources;
  throw new UserError("No image has a label file in the folder of boxes.", {
    hint: `"${images.files[0]}" needs "${images.files[0]?.replace(/\.[^./]+$/, ".txt")}" in it.`,
    place: { file: folder },
  });
}

async function labelFiles(folder: string): Promise<Set<string>> {
  try {
    const names = await readdir(folder, { recursive: true });
    return new Set(names.map((name) => name.replaceAll("\\", "/")));
  } catch (error) {
    throw fileError(error, "read", folder);
  }
}

async function readLabelFile(root: string, folder: string, name: string): Promise<RelativeBox[]> {
  const path = join(folder, name);
  const real = await realpath(path).catch((error: unknown) => {
    throw fileError(error, "read", path);
  });
  if (!isInside(real, root))
    throw new UserError("The label file is a link that leads out of the folder.", { hint: "Copy it.", place: { file: path } });
  const text = await readFile(real, "utf8").catch((error: unknown) => {
    throw fileError(error, "read", path);
  });
  return parseYoloLabels(text, path);
}

/** Parses a label file's lines; `path` is named in errors. */
export function parseYoloLabels(text: string, path: string): RelativeBox[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const fields = line.trim().split(/\s+/);
    if (fields[0] === "") return [];
    const [label, x, y, width, height] = fields.map(Number) as [number, number, number, number, number];
    const shares = [x, y, width, height];
    const valid = fields.length === 5 && Number.isInteger(label) && label >= 0 && shares.every((share) => share >= -slack && share <= 1 + slack);
    if (valid) return [{ ...cornersOf(x, y, width, height), class: label }];
    throw new UserError(`"${line.trim().slice(0, 80)}" is not a box: "class x y width height", the last four in shares of the image from 0 to 1.`, {
      hint: "x and y are the box's centre.",
      place: { file: path, line: index + 1 },
    });
  });
}

function cornersOf(x: number, y: number, width: number, height: number): Box {
  return { left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2 };
}
