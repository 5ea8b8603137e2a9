/**
 * @file Convolutions of 3x3 by tiles (reconstruction/winograd.ts) against ONNX Runtime's Conv with the gradient rule's formulas: output and
 * both gradients at batch 32 with 2 threads, taking turns; a line a shape with median milliseconds and the median of their ratios. Run:
 * `npx esbuild bench/winograd.ts --bundle --platform=node --format=esm --packages=external --outfile=dist/bench/winograd.mjs && node dist/bench/winograd.mjs`
 */
import { create } from "@bufbuild/protobuf";
import { makeAttributes } from "../src/engine/graph/attributes.ts";
import { GraphBuilder } from "../src/engine/graph/builder.ts";
import { NodeProtoSchema } from "../src/engine/onnx/onnx_pb.ts";
import { floatTensor, sizeOf, type Tensor } from "../src/engine/onnx/tensor.ts";
import { createRuntime } from "../src/engine/runtime/createRuntime.ts";
import type { Session } from "../src/engine/runtime/runtime.ts";
import { emitWithGradients } from "../test/support/tiledConvolution.ts";

const batch = 32;
const turns = 9;
const shapes = [
  [16, 32],
  [24, 28],
  [32, 16],
  [32, 32],
  [32, 56],
  [64, 8],
  [64, 14],
  [64, 56],
  [128, 28],
  [256, 14],
  [512, 7],
] as const;

const runtime = await createRuntime({ threads: 2 });

async function session(channels: number, size: number, byTiles: boolean): Promise<Session> {
  const dims = { input: [batch, channels, size, size], weights: [channels, channels, 3, 3], output: [batch, channels, size, size] };
  const inputs = new Map([
    ["x", dims.input],
    ["w", dims.weights],
  ]);
  const b = new GraphBuilder();
  for (const [name, shape] of [...inputs, ["dy", dims.output] as const]) b.input(name, "float", shape);
  const attribute = makeAttributes({ kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
  const conv = create(NodeProtoSchema, { opType: "Conv", input: ["x", "w"], output: ["y"], attribute });
  const { gradients } = emitWithGradients(b, conv, dims, inputs, byTiles);
  // Sums, so that no time goes into handing over large results.
  for (const value of ["y", ...gradients.values()]) b.output(b.op("ReduceSum", [value], { keepdims: 0 }), `sum_${value}`, "float", []);
  return await runtime.createSession(b.model({ opset: 17 }));
}

function waves(dims: readonly number[], frequency: number): Tensor {
  return floatTensor(
    Float32Array.from({ length: sizeOf(dims) }, (_, i) => Math.sin(i * frequency)),
    dims,
  );
}

function median(values: readonly number[]): number {
  return Number(values.toSorted((a, b) => a - b)[values.length >> 1]!.toFixed(2));
}

for (const [channels, size] of shapes) {
  const dims = [batch, channels, size, size];
  const feeds = { x: waves(dims, 1.7), w: waves([channels, channels, 3, 3], 0.9), dy: waves(dims, 0.3) };
  const [tiles, conv] = [await session(channels, size, true), await session(channels, size, false)];
  const times: { tiles: number; conv: number }[] = [];
  for (let turn = 0; turn <= turns; turn++) {
    const start = performance.now();
    await tiles.run(feeds);
    const middle = performance.now();
    await conv.run(feeds);
    // The first turn warms up.
    if (turn > 0) times.push({ tiles: middle - start, conv: performance.now() - middle });
  }
  const ratio = median(times.map((time) => time.tiles / time.conv));
  const shape = `${channels}x${size}x${size}`;
  console.log(JSON.stringify({ shape, tiles: median(times.map((time) => time.tiles)), conv: median(times.map((time) => time.conv)), ratio }));
  await tiles.release();
  await conv.release();
}
