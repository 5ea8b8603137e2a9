/** @file `npm run quickstart`: quantizes the bundled network to 4 and 2 bits, and says how good it still is. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { installDependencies, root } from "./dependencies.mjs";

installDependencies();
const { build } = await import("../esbuild.mjs");
await build();

const cli = path.join(root, "dist/cli.mjs");
const config = path.join("samples", "cifar10-resnet20", "resnet20.brecq.json");
const report = path.join("samples", "cifar10-resnet20", "resnet20.results", "report.md");
const brecq = (args, stdout) => execFileSync(process.execPath, [cli, ...args], { cwd: root, stdio: ["ignore", stdout, "inherit"], encoding: "utf8" });

brecq(["run", config, "w4-nearest", "w4", "w2-nearest", "w2"], "inherit");
writeFileSync(path.join(root, report), brecq(["compare", config], "pipe"));
console.log(`\nReport: ${report}\nThe quantized networks lie beside it, e.g. ${path.join(path.dirname(report), "w2", "model.onnx")}.`);
