/** @file A small network with data and a config, for tests of sweeps: a run of it takes a moment. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeNpy } from "../../src/engine/data/npy.ts";
import { GraphBuilder } from "../../src/engine/graph/builder.ts";
import { serializeModel } from "../../src/engine/onnx/modelFile.ts";
import { floatTensor, sizeOf } from "../../src/engine/onnx/tensor.ts";
import { temporaryFolder } from "./fixtures.ts";

/** Three convolutions; `variant` changes their weights. */
export function smallModel(variant = 0): Uint8Array {
  const g = new GraphBuilder();
  let value = g.input("image", "float", ["n", 3, 8, 8]);
  for (const [i, inputs] of [3, 4, 4].entries()) {
    const data = Float32Array.from({ length: 4 * inputs * 9 }, (_, k) => Math.sin(k * 1.7 + i + variant) / 3);
    value = g.op("Relu", [
      g.op("Conv", [value, g.constant(floatTensor(data, [4, inputs, 3, 3]), `conv${i}.weight`)], { pads: [1, 1, 1, 1] }, { name: `conv${i}` }),
    ]);
  }
  g.output(value, "output", "float");
  return serializeModel(g.model({ opset: 17, irVersion: 8 }));
}

export function smallData(samples = 12): Uint8Array {
  const dims = [samples, 3, 8, 8];
  return writeNpy(
    floatTensor(
      Float32Array.from({ length: sizeOf(dims) }, (_, i) => Math.sin(i * 0.7)),
      dims,
    ),
  );
}

/** A folder with two models, data and a config of the first. */
export function sweepWorkplace(): { folder: string; configFile: string } {
  const folder = temporaryFolder({
    "net.onnx": smallModel(),
    "other.onnx": smallModel(1),
    "x.npy": smallData(),
    "net.brecq.json": JSON.stringify({ model: "net.onnx", calibration: { arrays: "x.npy" }, runs: {} }),
  });
  return { folder, configFile: join(folder, "net.brecq.json") };
}

/** Writes a sweep of the workplace's models. */
export function writeSweep(folder: string, sweep: object, name = "s.brecq.json"): string {
  const file = join(folder, name);
  const models = { net: "net.brecq.json", other: "other.onnx" };
  writeFileSync(file, JSON.stringify({ calibration: { arrays: "x.npy" }, sweep: { models, settings: { steps: 2 }, ...sweep } }));
  return file;
}
