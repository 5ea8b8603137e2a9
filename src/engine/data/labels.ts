/** @file Which class each evaluation image is of. */
import { readdir, readFile, realpath } from "node:fs/promises";
import { isAbsolute, join, normalize } from "node:path";
import { UserError } from "../errors.ts";
import { fileError } from "../files.ts";
import type { ImageSource } from "./imageDataset.ts";
import { compareCodePoints, type ImageFolder, isInside } from "./imageFolder.ts";

/**
 * The class of an image is that of the folder it lies in, the first of its path.
 * @param classes class by folder name
 * @throws UserError where an image lies in no folder, or its folder has no class
 */
export function folderLabels(images: ImageFolder, classes: ReadonlyMap<string, number>): ImageSource[] {
  const place = { file: images.folder };
  return images.files.map((file) => {
    const name = file.includes("/") ? file.slice(0, file.indexOf("/")) : undefined;
    if (name === undefined) {
      throw new UserError(`The image "${file}" lies outside of the class folders.`, {
        hint: 'With "labels": "folders", each image must be in the folder of its class.',
        place,
      });
    }
    const label = classes.get(name);
    if (label === undefined) {
      throw new UserError(`The folder "${name}" is not in the list of classes.`, {
        hint: 'Add it to the file "classes", one folder name a line.',
        place,
      });
    }
    return { file, label };
  });
}

/** The rank of each folder's name in the order of code points. */
export async function rankFolders(folder: string): Promise<Map<string, number>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw fileError(error, "read", folder);
  });
  const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => name);
  return new Map(names.sort(compareCodePoints).map((name, rank) => [name, rank]));
}

/** The line, from 0, of each folder name in a file. */
export async function readClasses(path: string): Promise<Map<string, number>> {
  const classes = new Map<string, number>();
  for (const [line, text] of (await readLines(path)).entries()) {
    if (text === "") continue;
    if (classes.has(text))
      throw new UserError(`The class "${text}" is listed twice.`, {
        hint: "Its line is its index, so it must be there once.",
        place: { file: path, line: line + 1 },
      });
    classes.set(text, line);
  }
  return classes;
}

/**
 * Images and classes from a text file of "path index" lines, the paths relative to the images' folder, in sorted order.
 * @throws UserError where a line is not of that form, or leads out of the folder
 */
export async function listedLabels(images: ImageFolder, listFile: string): Promise<ImageSource[]> {
  const sources = new Map<string, ImageSource>();
  const known = new Set(images.files);
  const root = await realpath(images.folder);
  for (const [line, text] of (await readLines(listFile)).entries()) {
    if (text === "") continue;
    const place = { file: listFile, line: line + 1 };
    const [, path, index] = /^(.*\S)\s+(\d+)$/.exec(text) ?? [];
    if (path === undefined || !(Number(index) < 2 ** 31)) {
      throw new UserError(`"${text.slice(0, 80)}" is not of the form "path index".`, {
        hint: "Write the image's path, a space and the number of its class.",
        place,
      });
    }
    const file = normalize(path).replaceAll("\\", "/");
    if (!known.has(file) && !(await liesInside(root, file))) {
      throw new UserError(`"${path}" leads out of the folder of images.`, { hint: `Give paths relative to ${images.folder}.`, place });
    }
    if (sources.has(file)) throw new UserError(`"${path}" is listed twice.`, { hint: "Remove one of the lines.", place });
    sources.set(file, { file, label: Number(index) });
  }
  if (sources.size === 0) throw new UserError("The list of labels is empty.", { hint: 'Write "path index" lines.', place: { file: listFile } });
  return [...sources.values()].sort((a, b) => compareCodePoints(a.file, b.file));
}

/** Files that do not exist count as inside: they are reported with the other unreadable images. */
async function liesInside(root: string, file: string): Promise<boolean> {
  if (isAbsolute(file)) return false;
  const path = join(root, file);
  return isInside(await realpath(path).catch(() => path), root);
}

async function readLines(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw fileError(error, "read", path);
  });
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map((line) => line.trim());
}
