import { describe, expect, it } from "vitest";
import type { Dataset } from "../../data/dataset.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { prepareNetwork } from "../../graph/prepare.ts";
import { prepareGraph } from "../../graph/prepareGraph.ts";
import { floatData, floatTensor } from "../../onnx/tensor.ts";
import type { WeightQuantization } from "../../quantizers/weightQuantization.ts";
import { createRuntime } from "../../runtime/createRuntime.ts";
import { absorbHighBiases, absorptionObstacle } from "./absorb.ts";
import { analyticCorrection, empiricalCorrections } from "./biasCorrection.ts";
import { batchNormMoments } from "./statistics.ts";
import { dfqStructure } from "./structure.ts";

const runtime = await createRuntime({ threads: 1 });

/** conv0 → BatchNormalization → Relu → conv1, 1x1 kernels on two channels. */
function network() {
  const g = new GraphBuilder();
  const vector = (values: number[], name?: string) => g.constant(floatTensor(values), name);
  const x = g.input("x", "float", ["n", 2, 2, 2]);
  const first = g.op("Conv", [x, g.constant(floatTensor([1, 0.5, -0.5, 1], [2, 2, 1, 1]), "conv0.weight")], {}, { name: "conv0" });
  const normal = g.op("BatchNormalization", [first, vector([1, 0.5]), vector([0, 5]), vector([0.25, 0]), vector([1, 4])]);
  const weight = g.constant(floatTensor([1, 2, 3, 4], [2, 2, 1, 1]), "conv1.weight");
  const last = g.op("Conv", [g.op("Relu", [normal]), weight, vector([10, 20], "conv1.bias")], {}, { name: "conv1" });
  g.output(last, "y", "float");
  return g.model({ opset: 17, irVersion: 8 });
}

/** conv1's weights with the first column one too large. */
const rounded: WeightQuantization = {
  layer: "conv1",
  weight: "conv1.weight",
  dims: [2, 2, 1, 1],
  axis: 0,
  bits: 4,
  scale: Float32Array.from([1, 1]),
  zeroPoint: Uint8Array.from([0, 0]),
  values: Uint8Array.from([2, 2, 4, 4]),
};

const samples = Float32Array.from({ length: 6 * 8 }, (_, i) => Math.sin(i * 1.3) * 2);
const data: Dataset = {
  count: 6,
  dims: [1, 2, 2, 2],
  read: async (start, count) => samples.slice(start * 8, (start + count) * 8),
  names: [],
  warnings: [],
};

async function structure() {
  const original = await prepareNetwork(network(), runtime);
  return { original, ...(await dfqStructure(original, runtime)) };
}

describe("statistics", () => {
  it("are those of BatchNormalization, clipped by the activation", async () => {
    const { graph, shapes } = await prepareGraph(network(), runtime, { fold: false });
    const moments = batchNormMoments(graph, shapes);
    const relu = graph.nodes.find(({ opType }) => opType === "Relu")!;
    expect(moments.get(relu.input[0]!)).toEqual([
      { mean: 0, variance: 1 },
      { mean: 5, variance: 0.25 },
    ]);
    const behind = moments.get(relu.output[0]!)!;
    expect(behind[0]!.mean).toBeCloseTo(1 / Math.sqrt(2 * Math.PI), 9);
    expect(behind[1]!.mean).toBeCloseTo(5, 9);
  });
});

describe("bias correction", () => {
  it("takes the weights' error times the input's mean off the bias", async () => {
    const { network: own } = await structure();
    const layer = own.layers.find(({ name }) => name === "conv1")!;
    const correction = analyticCorrection(layer, floatData(own.graph.constant("conv1.weight")!), rounded, [0.4, 5]);
    // Column 0 is 1 too large in both rows: each output rises by 0.4.
    expect(correction[0]).toBeCloseTo(-0.4, 6);
    expect(correction[1]).toBeCloseTo(-0.4, 6);
  });

  it("makes the quantized output's mean that of FP32, by data", async () => {
    const { network: own } = await structure();
    const layer = own.layers.find(({ name }) => name === "conv1")!;
    const found = await empiricalCorrections({ runtime, network: own, weights: [rounded], layers: [layer], known: new Map(), data });
    const relu = own.graph.nodes.find(({ opType }) => opType === "Relu")!.output[0]!;
    // The rows' error is the mean of channel 0 behind the activation; it is measured here by a network that ends there.
    const ends = own.graph.clone();
    ends.outputs.splice(0, 1, { ...ends.outputs[0]!, name: relu });
    ends.removeUnused();
    const session = await runtime.createSession(ends.toModel());
    const active = floatData((await session.run({ x: floatTensor(samples, [6, 2, 2, 2]) }))[relu]!);
    await session.release();
    const mean = active.filter((_, i) => Math.floor(i / 4) % 2 === 0).reduce((sum, value) => sum + value, 0) / 24;
    expect(mean).toBeGreaterThan(0.1);
    expect(found.get("conv1")![0]).toBeCloseTo(-mean, 5);
    expect(found.get("conv1")![1]).toBeCloseTo(-mean, 5);
  });
});

describe("high-bias absorption", () => {
  it("moves mean - 3 deviations of a channel into the next bias", async () => {
    const found = await structure();
    const before = floatData(found.network.graph.constant(found.pairs[0]!.first.bias!)!).slice();
    expect(absorptionObstacle(found.pairs[0]!)).toBeUndefined();
    const moments = new Map([
      [
        "conv0",
        [
          { mean: 0, variance: 1 },
          { mean: 5, variance: 0.25 },
        ],
      ],
    ]);
    const absorbed = absorbHighBiases(found, moments);
    // c = [0, 5 - 1.5]; W c = [2, 4] · 3.5.
    expect(Array.from(absorbed.get("conv1")!)).toEqual([0, 3.5]);
    const after = floatData(found.network.graph.constant(found.pairs[0]!.first.bias!)!);
    expect(after[0]).toBe(before[0]);
    expect(after[1]! - before[1]!).toBeCloseTo(-3.5, 5);
    expect(Array.from(floatData(found.network.graph.constant("conv1.bias")!))).toEqual([17, 34]);
  });
});
