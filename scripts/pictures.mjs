/**
 * @file Takes the pictures in docs/images anew: `node scripts/pictures.mjs`. They are of the bundled sample as "Open the Sample" gives it, with its runs and
 * sensitivities done first (a few minutes); those are kept in .artifacts/pictures, so delete that folder after a change of the engine.
 * BRECQ_VSIX names a package that is there already.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build as bundle } from "esbuild";
import { build } from "../esbuild.mjs";
import { ensureDisplay } from "./vscode/display.mjs";
import { installVscode, root } from "./vscode/install.mjs";

const vscode = await installVscode();
ensureDisplay(vscode);
process.env.BRECQ_TEST_VSCODE = JSON.stringify(vscode);
const target = path.join(root, "docs/images");
mkdirSync(target, { recursive: true });
const outfile = path.join(root, "dist/scripts/takePictures.mjs");
await bundle({
  absWorkingDir: root,
  entryPoints: ["scripts/pictures/take.ts"],
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  external: ["playwright-core", "@vscode/test-electron", "sharp"],
  outfile,
});
const { takePictures } = await import(pathToFileURL(outfile).href);
await takePictures({ workspace: await sampleWithResults(), vsix: process.env.BRECQ_VSIX ?? packageForThisMachine(), target });

function packageForThisMachine() {
  const name = `${process.platform}-${process.arch}`;
  execFileSync(process.execPath, [path.join(root, "scripts/package.mjs"), "--target", name], { cwd: root, stdio: "inherit" });
  return path.join(
    root,
    ".artifacts",
    readdirSync(path.join(root, ".artifacts")).find((file) => file.startsWith(`brecq-${name}-`) && file.endsWith(".vsix")),
  );
}

/** A copy of the sample in which the runs that the pictures show are done. */
async function sampleWithResults() {
  const folder = path.join(root, ".artifacts/pictures");
  const notResults = (source) => !source.endsWith(".results");
  cpSync(path.join(root, "samples/cifar10-resnet20"), folder, { recursive: true, filter: notResults });
  const results = path.join(folder, "resnet20.results");
  const missing = ["w4", "w2", "w4-nearest", "w2-nearest"].filter((run) => !existsSync(path.join(results, run, "result.json")));
  await build();
  const brecq = (...args) => execFileSync(process.execPath, [path.join(root, "dist/cli.mjs"), ...args], { cwd: folder, stdio: "inherit" });
  if (missing.length > 0) brecq("run", "resnet20.brecq.json", ...missing);
  const sensitivities = path.join(results, "sensitivity.json");
  if (!existsSync(sensitivities) || !JSON.parse(readFileSync(sensitivities, "utf8")).complete) brecq("sensitivity", "resnet20.brecq.json", "w2");
  return folder;
}
