import { describe, expect, it } from "vitest";
import { predictLoss } from "../../config/predictLoss.ts";
import { runSchema } from "../../config/schema.ts";
import type { Sensitivity } from "../../config/sensitivity.ts";
import { prepareNetwork } from "../graph/prepare.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { paretoFront, type SearchOptions, searchBits } from "./searchBits.ts";

const runtime = await createRuntime({ threads: 1 });
const network = await prepareNetwork(await loadModel("samples/cifar10-resnet20/resnet20.onnx"), runtime);

/** Layer i loses (i + 1) 4^-bits; the first pair of each block makes up for half of the smaller loss at 2 bits. */
const sensitivity: Sensitivity = {
  model: "resnet20.onnx",
  fingerprint: "",
  measure: "test",
  candidates: [2, 4, 8],
  samples: 1,
  complete: true,
  crossings: [],
  layers: network.layers.map(({ name }, i) => ({
    layer: name,
    block: "",
    losses: Object.fromEntries([2, 4, 8].map((bits) => [bits, (i + 1) * 4 ** -bits])),
  })),
  pairs: network.blocks
    .filter(({ layers }) => layers.length === 2)
    .map(({ name, layers }) => ({ block: name, layers: [layers[0]!.name, layers[1]!.name], bits: [2, 2], loss: -0.03 })),
};

function options(settings: object, limits: SearchOptions["limits"]): SearchOptions {
  return { network, sensitivity, run: runSchema.parse({ export: "native", ...settings }), candidates: [2, 4, 8], limits };
}

describe("searchBits", () => {
  it("keeps the limit and the fixed layers, and predicts what the sensitivities predict", () => {
    const found = searchBits(options({ layers: { "layer1.0.conv1": { weights: 6 } } }, { size: 100_000 }));
    expect(found.costs.size).toBeLessThanOrEqual(100_000);
    expect(found.costs.size).toBeGreaterThan(98_000);
    expect(found.fixed.toSorted()).toEqual(["conv1", "layer1.0.conv1", "linear"]);
    expect(found.bits).toMatchObject({ conv1: 8, "layer1.0.conv1": 6, linear: 8 });
    expect(Object.keys(found.bits)).toEqual(network.layers.map(({ name }) => name));
    const bits = new Map(Object.entries(found.bits).map(([name, count]) => [name, count as number]));
    expect(found.predictedLoss).toBeCloseTo(predictLoss(sensitivity, bits), 12);
  });

  it("says the least possible size, which is that of native files whatever the run exports", () => {
    expect(() => searchBits(options({}, { size: 70_000 }))).toThrow(
      "No choice of bits keeps the size limit of 70000 B: the least possible is 70874 B.",
    );
    expect(searchBits(options({}, { size: 70_874 })).costs.size).toBe(70_874);
    expect(searchBits(options({ export: "portable" }, { size: 100_000 })).bits).toEqual(searchBits(options({}, { size: 100_000 })).bits);
  });

  it("leaves layers in FP32 as they are, and counts them", () => {
    const found = searchBits(options({ firstLast: "fp32" }, { size: 120_000 }));
    expect(found.bits.conv1).toBe("fp32");
    expect(found.costs.size).toBeLessThanOrEqual(120_000);
  });

  it("refuses candidates that were not measured", () => {
    expect(() => searchBits({ ...options({}, { size: 1e6 }), candidates: [3] })).toThrow(/at 3 bits was not measured/);
  });
});

describe("paretoFront", () => {
  it("costs more and loses less from point to point, from the least size on, as far as it pays", () => {
    const { points } = paretoFront(options({}, {}), "size", 12);
    expect(points[0]!.costs.size).toBe(70_874);
    expect(points.length).toBeGreaterThan(8);
    for (const [i, point] of points.slice(1).entries()) {
      expect(point.costs.size).toBeGreaterThan(points[i]!.costs.size!);
      expect(point.predictedLoss).toBeLessThan(points[i]!.predictedLoss);
    }
  });
});
