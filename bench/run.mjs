/** @file Bundles a TypeScript benchmark and runs it: `node bench/run.mjs fuzz --count 1000`. */
import { spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const [name, ...args] = process.argv.slice(2);
if (!name) throw new Error("Name a benchmark: node bench/run.mjs NAME");
const outfile = path.join(root, "dist/bench", `${name}.mjs`);
await build({
  absWorkingDir: root,
  entryPoints: [`bench/${name}.ts`],
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  mainFields: ["module", "main"],
  external: ["onnxruntime-node", "onnxruntime-web", "sharp"],
  outfile,
  logLevel: "warning",
});
const child = spawn(process.execPath, ["--expose-gc", outfile, ...args], { cwd: root, stdio: "inherit" });
child.on("exit", (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
});
