import { tmpdir } from "node:os";
import { describe, expect, test, vi } from "vitest";
import { modelOutputs, relativeDifference } from "../../../test/support/modelOutputs.ts";
import { sharedModelPath, sharedModels } from "../../../test/support/sharedModels.ts";
import type { Granularity } from "../../config/schema.ts";
import { graphInputs, madeUpFeeds } from "../graph/graphInputs.ts";
import { type Network, prepareNetwork } from "../graph/prepare.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { floatData, type Tensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { CacheStore } from "./activationCache.ts";
import type { Cached } from "./reconstruct.ts";
import { readRows, release, runSegment } from "./runSegment.ts";
import { reconstructionUnits } from "./segments.ts";

vi.setConfig({ testTimeout: 120_000 });
const runtime = await createRuntime({ threads: 2 });
const samples = 2;

/** The network's outputs, each unit run by itself on what those before it gave. */
async function outputsByUnits(network: Network, feeds: Readonly<Record<string, Tensor>>, granularity: Granularity): Promise<Record<string, Tensor>> {
  const store = new CacheStore(2 ** 30, tmpdir());
  const values = new Map<string, Cached>();
  for (const [name, tensor] of Object.entries(feeds)) {
    const cache = store.create(samples, network.shapes.shapeOf(name, 1));
    cache.write(0, floatData(tensor));
    values.set(name, cache);
  }
  for (const segment of reconstructionUnits(network, granularity)) {
    const inputs = segment.inputs.map((input) => values.get(input)!);
    const outputs = await runSegment({ runtime, network, segment, inputs, samples, batch: samples, store });
    for (const [name, cached] of outputs) values.set(name, cached);
  }
  const results = Object.fromEntries(network.graph.outputs.map(({ name }) => [name, readRows(values.get(name)!, 0, samples)]));
  for (const cached of values.values()) release(cached);
  return results;
}

describe.runIf(sharedModels.length > 0).each(sharedModels)("%s", (name) => {
  test("computes unit by unit what the model computes as a whole", async () => {
    const network = await prepareNetwork(await loadModel(sharedModelPath(name)), runtime);
    const feeds = madeUpFeeds(graphInputs(network.graph), samples, 7);
    const whole = await modelOutputs(network.graph.toModel(), runtime, { feeds });
    for (const granularity of ["layer", "block"] as const) {
      expect(relativeDifference(await outputsByUnits(network, feeds, granularity), whole), granularity).toBeLessThan(1e-4);
    }
  });
});
