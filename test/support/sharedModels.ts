/** @file The real networks that lie beside the repository, for tests; they may be absent. */
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../../shared/models/", import.meta.url));

/** File names of the networks; empty, with a message, where they are absent. */
export const sharedModels: readonly string[] = listModels();

function listModels(): string[] {
  if (existsSync(folder)) return readdirSync(folder).filter((name) => name.endsWith(".onnx"));
  console.warn(`Tests with real networks are skipped: ${folder} does not exist.`);
  return [];
}

/** The path of a network; the test must be skipped where {@link sharedModels} lacks it. */
export function sharedModelPath(name: string): string {
  return folder + name;
}
