/** @file The bundled worker, for tests of what starts workers. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { buildCommandLine } from "../../esbuild.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Bundles worker and command before a file's tests, inside the repository, where the native modules are found. */
export function bundledWorker(): { readonly worker: string; readonly cli: string } {
  const folder = join(root, ".artifacts", `worker-test-${process.pid}`);
  beforeAll(() => buildCommandLine(join(folder, "cli.mjs")));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return { worker: join(folder, "worker.mjs"), cli: join(folder, "cli.mjs") };
}
