/**
 * @file Bundles everything that runs: `node esbuild.mjs [--production] [--tests] [--watch]`.
 * Native modules stay outside the bundles: they load files that lie beside them.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build as bundle, context } from "esbuild";

const root = path.dirname(fileURLToPath(import.meta.url));
const native = ["onnxruntime-node", "onnxruntime-web", "sharp"];
/** Other servers and clients that BullMQ could use, and that it looks for; none is installed. */
const notShipped = ["bullmq-otel", "pg", "redis", "@valkey/valkey-glide", "msgpackr-extract"];
/** zod brings its messages in forty languages, of which none but English is shown: half of each bundle. */
const withoutZodLocales = {
  name: "without-zod-locales",
  setup({ onLoad }) {
    onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents: 'export { default as en } from "./en.js";' }));
  },
};
/** Lets CommonJS dependencies inside an ES module call `require`. */
const requireBanner = 'import { createRequire as brecqCreateRequire } from "node:module"; const require = brecqCreateRequire(import.meta.url);';

/**
 * Writes `dist`, and gives the paths of all files that went into it.
 * @param {{ production?: boolean, tests?: boolean, watch?: boolean, engine?: boolean }} options `engine`: the worker and the command line too
 */
export async function build({ production = false, tests = false, watch = false, engine = true } = {}) {
  await writeJsonSchema();
  const common = {
    absWorkingDir: root,
    bundle: true,
    plugins: [withoutZodLocales],
    logLevel: "warning",
    metafile: true,
    minify: production,
    sourcemap: production ? false : "linked",
    define: { "process.env.NODE_ENV": JSON.stringify(production ? "production" : "development") },
  };
  const inputs = new Set();
  const outputs = new Set();
  for (const target of [...hostTargets(), ...(engine ? engineTargets() : []), ...(tests ? testTargets() : [])]) {
    const options = { ...common, ...target };
    if (watch) await (await context(options)).watch();
    else {
      const { metafile } = await bundle(options);
      for (const file of Object.keys(metafile.inputs)) inputs.add(file);
      for (const file of Object.keys(metafile.outputs)) outputs.add(file);
    }
  }
  if (engine && !watch) removeOldChunks(outputs);
  return [...inputs];
}

// jsonc-parser's CommonJS build requires its parts in a way that cannot be bundled, so its module build is taken.
const node = { platform: "node", target: "node20", mainFields: ["module", "main"] };

/** The extension host's part and the webviews. */
function hostTargets() {
  return [
    { ...node, format: "cjs", external: ["vscode"], entryPoints: ["src/extension/extension.ts"], outfile: "dist/extension.cjs" },
    {
      platform: "browser",
      target: "es2022",
      format: "iife",
      jsx: "automatic",
      entryPoints: { compare: "webview/compare/main.ts", graph: "webview/graph/main.tsx", graphLayout: "webview/graph/layout.worker.ts" },
      outdir: "dist/webview",
    },
  ];
}

/** The worker and the command line. What both need lies in `chunks`, and so does what is loaded only when it is needed: the queue. */
function engineTargets(outdir = "dist") {
  return [
    {
      ...node,
      format: "esm",
      external: [...native, ...notShipped],
      banner: { js: requireBanner },
      splitting: true,
      entryPoints: { worker: "src/worker/main.ts", cli: "src/cli/main.ts" },
      outExtension: { ".js": ".mjs" },
      chunkNames: "chunks/[name]-[hash]",
      outdir,
    },
  ];
}

/** Chunks have other names when their content changes. */
function removeOldChunks(outputs) {
  for (const name of readdirSync(path.join(root, "dist/chunks")))
    if (!outputs.has(`dist/chunks/${name}`)) rmSync(path.join(root, "dist/chunks", name));
}

/** The command line and the worker beside it, for tests that must not disturb `dist`. */
export async function buildCommandLine(outfile) {
  const [target] = engineTargets(path.dirname(outfile));
  await bundle({ absWorkingDir: root, bundle: true, plugins: [withoutZodLocales], logLevel: "warning", ...target });
}

function testTargets() {
  const files = (folder, ending) =>
    readdirSync(path.join(root, folder))
      .filter((name) => name.endsWith(ending))
      .map((name) => `${folder}/${name}`);
  const external = ["vscode", "mocha", "playwright-core", "@vscode/test-electron", ...native];
  return [
    {
      ...node,
      external,
      format: "cjs",
      outExtension: { ".js": ".cjs" },
      entryPoints: ["test/extension/run.ts", ...files("test/extension/suites", ".suite.ts")],
      outdir: "dist/test/extension",
    },
    {
      ...node,
      external,
      format: "esm",
      banner: { js: requireBanner },
      outExtension: { ".js": ".mjs" },
      entryPoints: ["test/harness/inHost.ts", ...files("test/e2e", ".spec.ts")],
      outdir: "dist/test",
      outbase: "test",
      splitting: true,
    },
    {
      ...node,
      external,
      format: "esm",
      entryPoints: ["test/extension/fixtures/fakeWorker.ts"],
      outfile: "dist/test/extension/fixtures/fakeWorker.mjs",
    },
  ];
}

/** The JSON Schema of `.brecq.json`, from the zod schema: editors read it from `schemas/`, which is in git. */
async function writeJsonSchema() {
  const { outputFiles } = await bundle({
    absWorkingDir: root,
    entryPoints: ["src/config/jsonSchema.ts"],
    bundle: true,
    platform: "node",
    format: "esm",
    write: false,
    logLevel: "warning",
  });
  const { jsonSchemaText } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
  mkdirSync(path.join(root, "schemas"), { recursive: true });
  writeFileSync(path.join(root, "schemas/brecq.schema.json"), jsonSchemaText());
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const has = (flag) => process.argv.includes(flag);
  await build({ production: has("--production"), tests: has("--tests"), watch: has("--watch") });
}
