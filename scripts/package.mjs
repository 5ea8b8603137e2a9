/**
 * @file Makes a VSIX: `npm run package -- --target linux-x64`, one of the native targets, `universal` (WebAssembly), or `all`.
 * Only the target's own binaries go in. Prints the sizes. `--base-url https://…` is where the repository's files are read, for the README's pictures and links.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { licencesFile, shippedPackages } from "./licences.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const artifacts = path.join(root, ".artifacts");
const nativeTargets = ["linux-x64", "linux-arm64", "darwin-arm64", "win32-x64", "win32-arm64"];

const { values } = parseArgs({ options: { target: { type: "string" }, "base-url": { type: "string" } } });
const baseUrl = values["base-url"];
if (baseUrl !== undefined && !baseUrl.startsWith("https://"))
  throw new Error("--base-url must begin with https://: VS Code shows no other pictures.");
const targets = values.target === "all" ? [...nativeTargets, "universal"] : [values.target];
if (targets.some((target) => target !== "universal" && !nativeTargets.includes(target))) {
  throw new Error(`Name a target: --target ${nativeTargets.join("|")}|universal|all`);
}
const bundled = await shippedPackages();
const licences = readFileSync(licencesFile, "utf8");
for (const target of targets) packageTarget(target);

function packageTarget(target) {
  const stage = path.join(artifacts, "stage", target);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  writeManifest(stage);
  for (const name of ["package.nls.json", "CHANGELOG.md", "LICENSE", "THIRD_PARTY_LICENSES.txt", "l10n", "schemas", "media", "samples"])
    copy(name, stage);
  writeReadme(stage);
  for (const name of ["extension.cjs", "worker.mjs", "cli.mjs", "chunks", "webview"]) copy(`dist/${name}`, stage);
  // Beside the bundles and not at the top, where vsce looks for the dependencies of the manifest.
  const modules = path.join(stage, "dist/node_modules");
  if (target === "universal") copyWasmModules(modules);
  else copyNativeModules(modules, target);
  requireLicences(modules);
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const vsix = path.join(artifacts, `brecq-${target}-${version}.vsix`);
  const options = [
    "--no-dependencies",
    "--allow-missing-repository",
    "--skip-license",
    ...(baseUrl ? ["--baseContentUrl", baseUrl, "--baseImagesUrl", baseUrl] : ["--no-rewrite-relative-links"]),
    ...(target === "universal" ? [] : ["--target", target]),
  ];
  execFileSync(process.execPath, [path.join(root, "node_modules/@vscode/vsce/vsce"), "package", ...options, "--out", vsix], {
    cwd: stage,
    stdio: "pipe",
    // The files' times in the archive, and their order by name: two packages of one state are equal byte for byte.
    env: { ...process.env, SOURCE_DATE_EPOCH: process.env.SOURCE_DATE_EPOCH ?? "1735689600" },
  });
  console.log(`${target}: ${megabytes(statSync(vsix).size)} packed, ${megabytes(folderSize(stage))} installed, ${path.relative(root, vsix)}`);
  rmSync(stage, { recursive: true });
}

/** Nothing may be shipped whose licence is not listed. */
function requireLicences(modules) {
  const names = readdirSync(modules).flatMap((name) =>
    name.startsWith("@") ? readdirSync(path.join(modules, name)).map((part) => `${name}/${part}`) : [name],
  );
  const missing = [...bundled, ...names].filter((name) => !licences.includes(`\n${name} `) && !licences.includes(`\n${name}: `));
  if (missing.length > 0) throw new Error(`THIRD_PARTY_LICENSES.txt lacks ${missing.join(", ")}: run node scripts/licences.mjs.`);
}

/**
 * The README as VS Code shows it: pictures and links of https addresses alone (1.139 takes out data: too). Without an address of the
 * repository the pictures are left out and links to its files become plain text; nothing is broken then.
 */
function writeReadme(stage) {
  const text = readFileSync(path.join(root, "README.md"), "utf8");
  const alone = () =>
    text
      .replace(/<!-- pictures -->.*<!-- end of pictures -->\n+/s, "")
      .replaceAll(/\s+\(\[[^\]]+\]\((?!https:|#)[^)]*\)\)/g, "")
      .replaceAll(/\[([^\]]+)\]\((?!https:|#)[^)]*\)/g, "$1");
  writeFileSync(path.join(stage, "README.md"), baseUrl ? text : alone());
}

/** The manifest without what only developers need. */
function writeManifest(stage) {
  const {
    scripts,
    devDependencies,
    dependencies,
    type,
    private: isPrivate,
    ...manifest
  } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  writeFileSync(path.join(stage, "package.json"), JSON.stringify(manifest, undefined, 2));
}

function copyNativeModules(modules, target) {
  const [platform, arch] = target.split("-");
  copyModule("onnxruntime-node", modules, (file) => {
    if (file === "package.json" || file === "LICENSE") return true;
    const binaries = `bin/napi-v6/${platform}/${arch}/`;
    // The macOS library is in the package twice; the binding loads the one without the full version.
    if (file.startsWith(binaries)) return !/libonnxruntime\.\d+\.\d+\.\d+\.dylib$/.test(file);
    return /^dist\/.*\.js$/.test(file);
  });
  copyCommonModules(modules);
  copySharpBinary(`@img/sharp-${target}`, modules);
  if (platform !== "win32") copySharpBinary(`@img/sharp-libvips-${target}`, modules);
}

function copyWasmModules(modules) {
  const files = ["package.json", "dist/ort.node.min.mjs", "dist/ort-wasm-simd-threaded.mjs", "dist/ort-wasm-simd-threaded.wasm"];
  copyModule("onnxruntime-web", modules, (file) => files.includes(file));
  copyCommonModules(modules);
  copySharpBinary("@img/sharp-wasm32", modules);
  copyFetched("@emnapi/runtime", "1.11.3", modules, (file) => file === "package.json" || /\.(js|mjs|cjs)$/.test(file));
  copyFetched("tslib", "2.8.1", modules, (file) => /^(package\.json|tslib(\.es6)?\.m?js|modules\/.*)$/.test(file));
}

/** What both kinds of targets need. */
function copyCommonModules(modules) {
  // Folders of CommonJS and of modules each say which they are in a package.json of their own.
  const code = (file) => /(^|\/)package\.json$/.test(file) || /^LICENSE/.test(file) || /\.(js|mjs|cjs)$/.test(file);
  copyModule("onnxruntime-common", modules, code);
  copyModule("sharp", modules, (file) => file === "package.json" || /^LICENSE/.test(file) || /^dist\/.*\.(mjs|cjs|js)$/.test(file));
  for (const name of ["@img/colour", "detect-libc", "semver"]) copyModule(name, modules, code);
}

function copySharpBinary(name, modules) {
  const { optionalDependencies } = JSON.parse(readFileSync(path.join(root, "node_modules/sharp/package.json"), "utf8"));
  const sharpVersion = JSON.parse(readFileSync(path.join(root, "node_modules/sharp/package.json"), "utf8")).version;
  copyFetched(name, optionalDependencies[name] ?? sharpVersion, modules, (file) => !/\.(h|md|hpp|pc)$/.test(file) && !file.startsWith("lib/glib"));
}

/** Copies a package that is not installed for this platform, from npm; packages are kept for the next time. */
function copyFetched(name, version, modules, keep) {
  const cache = path.join(root, "node_modules/.cache/brecq-package", `${name.replace("/", "+")}@${version}`);
  if (!existsSync(path.join(cache, "package/package.json"))) {
    mkdirSync(cache, { recursive: true });
    const packed = execFileSync("npm", ["pack", `${name}@${version}`, "--silent", "--pack-destination", cache], {
      cwd: cache,
      encoding: "utf8",
    }).trim();
    execFileSync("tar", ["-xzf", packed], { cwd: cache });
  }
  copyFiltered(path.join(cache, "package"), path.join(modules, name), keep);
}

function copyModule(name, modules, keep) {
  copyFiltered(path.join(root, "node_modules", name), path.join(modules, name), keep);
}

function copyFiltered(from, to, keep) {
  for (const entry of readdirSync(from, { withFileTypes: true, recursive: true })) {
    const file = path.relative(from, path.join(entry.parentPath, entry.name)).replaceAll("\\", "/");
    if (!entry.isFile() || file.startsWith("node_modules/") || !keep(file)) continue;
    cpSync(path.join(from, file), path.join(to, file));
  }
}

function copy(name, stage) {
  const from = path.join(root, name);
  if (existsSync(from))
    cpSync(from, path.join(stage, name), { recursive: true, filter: (file) => !file.endsWith(".map") && !file.endsWith(".results") });
}

function folderSize(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(path.join(entry.parentPath, entry.name)).size : 0),
    0,
  );
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
