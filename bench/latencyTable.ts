/**
 * @file Measures convolutions and matrix products of ONNX Runtime on this machine's CPU, in FP32 and with 8-bit weights and activations, and
 * prints the latency table as JSON, or with `--preset` as the source of src/config/latencyPresets/onnxRuntimeInt8.ts. Each figure is the
 * fastest of several runs through a chain of equal layers, one thread, divided by their number. Run:
 * `npx esbuild bench/latencyTable.ts --bundle --platform=node --format=esm --external:onnxruntime-* --outfile=dist/bench/latencyTable.mjs && node dist/bench/latencyTable.mjs`
 */
import os from "node:os";
import { parseArgs } from "node:util";
import type { LatencyEntry, LatencyTable } from "../src/config/latencyTable.ts";
import { GraphBuilder } from "../src/engine/graph/builder.ts";
import type { ModelProto } from "../src/engine/onnx/onnx_pb.ts";
import { floatTensor, sizeOf, type Tensor } from "../src/engine/onnx/tensor.ts";
import { createRuntime } from "../src/engine/runtime/createRuntime.ts";

interface Case {
  readonly op: "Conv" | "Gemm";
  readonly channels: number;
  /** Height and width; 1 for a matrix product. */
  readonly size: number;
  readonly kernel: number;
  readonly depthwise: boolean;
}

const chain = 8;
const shortestMs = 60;
const fewestRuns = 5;

const { values: options } = parseArgs({ options: { preset: { type: "boolean", default: false } } });
const runtime = await createRuntime({ threads: 1 });
const entries: LatencyEntry[] = [];
for (const layer of cases()) {
  entries.push(entryOf(layer, "fp32", await measure(layer, false)), entryOf(layer, 8, await measure(layer, true)));
}
print();

function cases(): Case[] {
  const conv = (kernel: number, depthwise: boolean) => (channels: number, sizes: readonly number[]) =>
    sizes.map((size): Case => ({ op: "Conv", channels, size, kernel, depthwise }));
  const [dense, pointwise, depthwise] = [conv(3, false), conv(1, false), conv(3, true)];
  return [
    ...[
      dense(16, [8, 16, 32, 56]),
      dense(32, [8, 16, 28, 56]),
      dense(64, [7, 14, 28, 56]),
      dense(128, [7, 14, 28]),
      dense(256, [7, 14]),
      dense(512, [7]),
    ],
    ...[
      pointwise(16, [28, 112]),
      pointwise(32, [14, 28, 112]),
      pointwise(64, [7, 14, 28, 56]),
      pointwise(128, [7, 14, 28, 56]),
      pointwise(256, [7, 14, 28]),
    ],
    ...[pointwise(512, [7, 14]), pointwise(1024, [7])],
    ...[depthwise(32, [14, 28, 56, 112]), depthwise(96, [14, 28, 56]), depthwise(192, [14, 28]), depthwise(384, [7, 14]), depthwise(960, [7])],
    ...[64, 256, 512, 1024].map((channels): Case[] => [{ op: "Gemm", channels, size: 1, kernel: 1, depthwise: false }]),
  ].flat();
}

function weightDims({ op, channels, kernel, depthwise }: Case): number[] {
  return op === "Gemm" ? [channels, channels] : [channels, depthwise ? 1 : channels, kernel, kernel];
}

function outputDims({ op, channels, size }: Case): number[] {
  return op === "Gemm" ? [channels] : [channels, size, size];
}

/** Milliseconds of one layer. */
async function measure(layer: Case, quantized: boolean): Promise<number> {
  const session = await runtime.createSession(chainModel(layer, quantized));
  const dims = [1, ...outputDims(layer)];
  const x: Tensor = quantized
    ? { type: "uint8", dims, data: new Uint8Array(sizeOf(dims)).fill(130) }
    : floatTensor(new Float32Array(sizeOf(dims)).fill(0.1), dims);
  let fastest = Number.POSITIVE_INFINITY;
  const begin = performance.now();
  for (let run = 0; run < fewestRuns || performance.now() - begin < shortestMs; run++) {
    const start = performance.now();
    await session.run({ x });
    fastest = Math.min(fastest, performance.now() - start);
  }
  await session.release();
  return fastest / chain;
}

/** Layers in a row; between quantized ones lie QuantizeLinear and DequantizeLinear, which ONNX Runtime fuses into integer operators. */
function chainModel(layer: Case, quantized: boolean): ModelProto {
  const b = new GraphBuilder();
  const dims = weightDims(layer);
  const type = quantized ? "uint8" : "float";
  const zero = b.constant({ type: "uint8", dims: [], data: Uint8Array.of(128) });
  const scale = b.scalar(0.02);
  const signedZero = b.constant({ type: "int8", dims: [], data: Int8Array.of(0) });
  const bias = quantized
    ? b.op("DequantizeLinear", [
        b.constant({ type: "int32", dims: [layer.channels], data: new Int32Array(layer.channels) }),
        b.scalar(0.0004),
        b.constant({ type: "int32", dims: [], data: Int32Array.of(0) }),
      ])
    : b.constant(floatTensor(new Float32Array(layer.channels), [layer.channels]));
  const pad = (layer.kernel - 1) / 2;
  const attributes = layer.op === "Gemm" ? { transB: 1 } : { pads: [pad, pad, pad, pad], group: layer.depthwise ? layer.channels : 1 };
  let value = b.input("x", type, [1, ...outputDims(layer)]);
  for (let i = 0; i < chain; i++) {
    const weights = quantized
      ? b.op("DequantizeLinear", [
          b.constant({ type: "int8", dims, data: Int8Array.from({ length: sizeOf(dims) }, (_, k) => ((k * 37) % 255) - 127) }),
          scale,
          signedZero,
        ])
      : b.constant(
          floatTensor(
            Float32Array.from({ length: sizeOf(dims) }, (_, k) => Math.sin(k) / sizeOf(dims.slice(1))),
            dims,
          ),
        );
    const input = quantized ? b.op("DequantizeLinear", [value, scale, zero]) : value;
    const output = b.op(layer.op, [input, weights, bias], attributes);
    value = quantized ? b.op("QuantizeLinear", [output, scale, zero]) : output;
  }
  b.output(value, "y", type, [1, ...outputDims(layer)]);
  return b.model({ opset: 17, irVersion: 8 });
}

function entryOf(layer: Case, bits: 8 | "fp32", ms: number): LatencyEntry {
  return {
    op: layer.op,
    shape: weightDims(layer),
    output: outputDims(layer),
    group: layer.depthwise ? layer.channels : 1,
    weights: bits,
    activations: bits,
    ms: Number(ms.toPrecision(3)),
  };
}

function print(): void {
  const table: LatencyTable = {
    name: "onnxruntime-int8",
    description: `ONNX Runtime ${runtime.version} on ${os.cpus()[0]?.model ?? "an unknown CPU"}, one thread, one input at a time.`,
    entries,
  };
  console.log(options.preset ? presetSource(table) : JSON.stringify(table, undefined, 2));
}

function presetSource(table: LatencyTable): string {
  const lines = entries.map(
    (entry) =>
      `    ${JSON.stringify(entry)
        .replace(/"(\w+)":/g, " $1: ")
        .replaceAll(",", ", ")
        .replaceAll("}", " }")},`,
  );
  return `/** @file Latencies measured by bench/latencyTable.ts --preset: do not edit. */
import type { LatencyTable } from "../latencyTable.ts";

export const onnxRuntimeInt8: LatencyTable = {
  name: ${JSON.stringify(table.name)},
  description: ${JSON.stringify(table.description)},
  entries: [
${lines.join("\n")}
  ],
};`;
}
