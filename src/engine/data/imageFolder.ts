/** @file Which images lie in a folder, in an order that is the same on every machine. */
import { readdir, realpath, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { UserError } from "../errors.ts";
import { fileError } from "../files.ts";
import { createRandom, sampleIndices } from "./random.ts";

const imageName = /\.(jpe?g|png|webp)$/i;

export interface ImageFolder {
  /** The folder as the user gave it. */
  readonly folder: string;
  /** Paths of images relative to the folder, with "/", in the order of code points. */
  readonly files: readonly string[];
  /** Symbolic links that lead out of the folder, and are left out for that. */
  readonly outsideLinks: number;
}

/**
 * All JPEG, PNG and WebP files (by their names) below a folder. Hidden files and folders are left out. Links to files
 * inside the folder count as files; other links are not followed: to folders inside, because the files are found anyway.
 * @throws UserError where the folder cannot be read
 */
export async function listImages(folder: string): Promise<ImageFolder> {
  try {
    const root = await realpath(folder);
    if (!(await stat(root)).isDirectory()) throw new UserError("The path is a file, not a folder of images.", { place: { file: folder } });
    const files: string[] = [];
    const outsideLinks = await walk(root, "", files);
    return { folder, files: files.sort(compareCodePoints), outsideLinks };
  } catch (error) {
    throw folderError(error, folder);
  }
}

function folderError(error: unknown, folder: string): unknown {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") {
    return new UserError("The folder of images does not exist.", {
      hint: "Check its path: it is relative to the config file.",
      place: { file: folder },
      cause: error,
    });
  }
  return fileError(error, "read", folder);
}

/** Adds the images below `root/path` to `files`; gives how many links lead outside. */
async function walk(root: string, path: string, files: string[]): Promise<number> {
  let outside = 0;
  for (const entry of await readdir(join(root, path), { withFileTypes: true })) {
    if (entry.name.startsWith(".")) continue;
    const below = path ? `${path}/${entry.name}` : entry.name;
    if (entry.isDirectory()) outside += await walk(root, below, files);
    else if (entry.isSymbolicLink()) {
      const target = await realpath(join(root, below)).catch(() => undefined);
      if (target === undefined) continue;
      if (target !== root && !isInside(target, root)) outside++;
      else if (imageName.test(below) && (await stat(target)).isFile()) files.push(below);
    } else if (entry.isFile() && imageName.test(below)) files.push(below);
  }
  return outside;
}

/** Whether an absolute path lies in a folder; both must be real paths. */
export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && join(folder, way) === path;
}

/** Order by Unicode code points; `<` on strings differs for characters past U+FFFF. */
export function compareCodePoints(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const [unitA, unitB] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (unitA === unitB) continue;
    const [surrogateA, surrogateB] = [isSurrogate(unitA), isSurrogate(unitB)];
    return surrogateA === surrogateB ? unitA - unitB : surrogateA ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** `count` of the files (all of them where there are no more), drawn by the seed, in the order drawn. */
export function drawSample<T>(files: readonly T[], count: number, seed: number): T[] {
  return sampleIndices(createRandom(seed), files.length, count).map((index) => files[index]!);
}
