/** @file Files in test/fixtures, and folders made for one test. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { readNpy } from "../../src/engine/data/npy.ts";
import { readZip } from "../../src/engine/data/zip.ts";
import type { FloatTensor } from "../../src/engine/onnx/tensor.ts";

export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

/** The arrays of a .npz fixture. */
export function npzFixture(name: string): Map<string, FloatTensor> {
  return new Map(readZip(readFileSync(fixture(name))).map((entry) => [entry.name.replace(/\.npy$/, ""), readNpy(entry.unpack())]));
}

/** A folder with these files, removed after the test. */
export function temporaryFolder(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "brecq-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}
