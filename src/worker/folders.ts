/** @file Making folders for results, with errors in the user's words. */
import { mkdir } from "node:fs/promises";
import { fileError } from "../engine/files.ts";

/** Makes a folder and those above it where they are missing. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw fileError(error, "write", folder);
  });
}
