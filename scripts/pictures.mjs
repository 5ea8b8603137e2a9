/**
 * @file Takes the pictures in docs/images anew: `node scripts/pictures.mjs WORKSPACE`, a folder with the sample's network, its config and the results of
 * `brecq run` and `brecq sensitivity` on it. BRECQ_VSIX names a package that is there already.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { ensureDisplay } from "./vscode/display.mjs";
import { installVscode, root } from "./vscode/install.mjs";

const workspace = process.argv[2];
if (!workspace) throw new Error("Name a folder with the sample's network, its config and results.");
const vscode = await installVscode();
ensureDisplay(vscode);
process.env.BRECQ_TEST_VSCODE = JSON.stringify(vscode);
const target = path.join(root, "docs/images");
mkdirSync(target, { recursive: true });
const outfile = path.join(root, "dist/scripts/takePictures.mjs");
await build({
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
await takePictures({ workspace: path.resolve(workspace), vsix: process.env.BRECQ_VSIX ?? packageForThisMachine(), target });

function packageForThisMachine() {
  const name = `${process.platform}-${process.arch}`;
  execFileSync(process.execPath, [path.join(root, "scripts/package.mjs"), "--target", name], { cwd: root, stdio: "inherit" });
  return path.join(
    root,
    ".artifacts",
    readdirSync(path.join(root, ".artifacts")).find((file) => file.startsWith(`brecq-${name}-`) && file.endsWith(".vsix")),
  );
}
