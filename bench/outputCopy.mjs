/**
 * @file What it costs that ONNX Runtime's JavaScript API gives an output back, one JSON line a size: `node bench/outputCopy.mjs`.
 * The same Neg of a tensor is run with its result as the model's output, and with only the result's maximum as output.
 */
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import * as ort from "onnxruntime-node";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const folder = path.join(root, ".artifacts", `output-copy-${process.pid}`);
const runs = 12;
const warmup = 2;

mkdirSync(folder, { recursive: true });
try {
  await build({
    absWorkingDir: root,
    stdin: {
      contents: 'export { GraphBuilder } from "./src/engine/graph/builder.ts"; export { serializeModel } from "./src/engine/onnx/modelFile.ts";',
      resolveDir: root,
    },
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: path.join(folder, "engine.mjs"),
  });
  const engine = await import(pathToFileURL(path.join(folder, "engine.mjs")).href);
  for (const megabytes of [1, 16, 64]) {
    const givenBack = await milliseconds(engine, megabytes, true);
    const keptInside = await milliseconds(engine, megabytes, false);
    console.log(JSON.stringify({ bench: "output-copy", megabytes, givenBack, keptInside, perMegabyte: (givenBack - keptInside) / megabytes }));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The least time of a run on two threads. */
async function milliseconds({ GraphBuilder, serializeModel }, megabytes, wholeOutput) {
  const b = new GraphBuilder();
  const negative = b.op("Neg", [b.input("x", "float", ["n"])]);
  b.output(wholeOutput ? negative : b.op("ReduceMax", [negative], { keepdims: 0 }), "y", "float");
  const session = await ort.InferenceSession.create(serializeModel(b.model({ opset: 17, irVersion: 8 })), { intraOpNumThreads: 2 });
  const size = megabytes * 2 ** 18;
  const x = new ort.Tensor("float32", new Float32Array(size), [size]);
  const times = [];
  for (let run = 0; run < runs; run++) {
    const begin = performance.now();
    await session.run({ x });
    if (run >= warmup) times.push(performance.now() - begin);
  }
  await session.release();
  return Math.min(...times);
}
