/** @file Files that go with evaluation images: masks of classes, and images to compare with. */
import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../errors.ts";
import { fileError } from "../files.ts";
import { type ImageFolder, isInside } from "./imageFolder.ts";

/**
 * For each image, the path of the file in `folder` with the same path and name but one of `extensions`.
 * @param what the files in a message, e.g. "mask"
 * @throws UserError where an image has none, or it is a link that leads out of the folder
 */
export async function pairedFiles(images: ImageFolder, folder: string, extensions: RegExp, what: string): Promise<Map<string, string>> {
  const [root, names] = await Promise.all([realpath(folder), readdir(folder, { recursive: true })]).catch((error: unknown) => {
    throw fileError(error, "read", folder);
  });
  const byStem = new Map(names.filter((name) => extensions.test(name)).map((name) => [stem(name.replaceAll("\\", "/")), name] as const));
  const pairs = new Map<string, string>();
  for (const file of images.files) {
    const name = byStem.get(stem(file));
    if (name === undefined) {
      throw new UserError(`The image "${file}" has no ${what}.`, {
        hint: `Each image needs a file of the same path and name in this folder.`,
        place: { file: folder },
      });
    }
    const path = await realpath(join(folder, name));
    if (!isInside(path, root))
      throw new UserError(`The ${what} "${name}" is a link that leads out of the folder.`, { hint: "Copy it.", place: { file: folder } });
    pairs.set(file, path);
  }
  return pairs;
}

function stem(file: string): string {
  return file.replace(/\.[^./]+$/, "");
}
