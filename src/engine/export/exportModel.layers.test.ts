import { describe, expect, test } from "vitest";
import { exportCase, exportCaseNames, nearestWeights, otherFeeds, rangeActivations } from "../../../test/support/exportCases.ts";
import { differences } from "../../../test/support/exportRuns.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { exportModel } from "./exportModel.ts";
import { simulatedModel } from "./simulate.ts";
import { optimizationLevels } from "./verify.ts";

const runtime = await createRuntime({ threads: 1 });
const bits = [2, 3, 4, 5, 6, 7, 8];
/** Sums in another order; one activation on another level would be more than a hundred times as much. */
const rounding = 1e-6;

describe.each(exportCaseNames)("%s", (name) => {
  const network = exportCase(name);
  const { graph, layers, feeds } = network;

  test.each(bits)("weights of %i bits compute what the simulated network does, in both formats", async (count) => {
    const weights = layers.map((layer) => nearestWeights(graph, layer, count));
    const simulated = simulatedModel(graph, weights, []);
    for (const format of ["portable", "native"] as const) {
      const model = exportModel({ graph, weights, activations: [], format });
      const [disabled, all] = await differences(runtime, { model, simulated, feeds }, ["disabled", "all"]);
      expect(disabled).toBe(0);
      expect(all).toBeLessThan(rounding);
    }
  });

  test.each(bits)("portable activations of %i bits are never on another level", async (count) => {
    const weights = layers.map((layer) => nearestWeights(graph, layer, Math.min(4, count)));
    const activations = await rangeActivations(runtime, network, count);
    const simulated = simulatedModel(graph, weights, activations);
    const model = exportModel({ graph, weights, activations, format: "portable" });
    for (const input of [feeds, otherFeeds(feeds)]) {
      for (const difference of await differences(runtime, { model, simulated, feeds: input }, optimizationLevels))
        expect(difference).toBeLessThan(rounding);
    }
  });

  test.each(bits)("native activations of %i bits are exact without optimizations", async (count) => {
    const weights = layers.map((layer) => nearestWeights(graph, layer, count));
    const activations = await rangeActivations(runtime, network, count);
    const simulated = simulatedModel(graph, weights, activations);
    const model = exportModel({ graph, weights, activations, format: "native" });
    expect(await differences(runtime, { model, simulated, feeds }, ["disabled"])).toEqual([0]);
  });
});

describe("native activations of 8 bits", () => {
  const names = exportCaseNames.flatMap((name) => [2, 4, 7, 8].map((count) => [name, count] as const));

  test.each(names)("%s, weights of %i bits: every level loads and keeps the promise", async (name, count) => {
    const network = exportCase(name);
    const { graph, layers, feeds } = network;
    const weights = layers.map((layer) => nearestWeights(graph, layer, count));
    const activations = await rangeActivations(runtime, network, 8);
    const simulated = simulatedModel(graph, weights, activations);
    const model = exportModel({ graph, weights, activations, format: "native" });
    const found = await differences(runtime, { model, simulated, feeds }, optimizationLevels);
    // Integer operators, which 8-bit types keep, round biases: about a level of 8-bit activations.
    for (const difference of found) expect(difference).toBeLessThan(count > 4 ? 1e-2 : rounding);
  });

  test("keep integer operators only where weights have 8-bit types", async () => {
    const network = exportCase("conv");
    const activations = await rangeActivations(runtime, network, 8);
    const minimums = (count: number | undefined) => {
      const weights = count === undefined ? [] : network.layers.map((layer) => nearestWeights(network.graph, layer, count));
      const model = exportModel({ graph: network.graph, weights, activations, format: "native" });
      return model.graph!.node.filter(({ opType }) => opType === "Min").length;
    };
    // The input has no layer behind it; ONNX Runtime would round FP32 weights to 8 bits.
    expect(minimums(8)).toBe(0);
    expect(minimums(4)).toBe(1);
    expect(minimums(undefined)).toBe(1);
  });
});
