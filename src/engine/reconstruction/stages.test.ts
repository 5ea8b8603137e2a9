import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { openCalibration } from "../data/dataset.ts";
import { type Network, prepareNetwork } from "../graph/prepare.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { CacheStore } from "./activationCache.ts";
import { affordableBatch, smallBatchWarning } from "./affordableBatch.ts";
import { quantizeByReconstruction, type ReconstructionPlan } from "./quantizeNetwork.ts";
import { shortSchedule } from "./schedule.ts";
import { reconstructionUnits, type Unit } from "./segments.ts";

const sample = new URL("../../../samples/cifar10-resnet20/", import.meta.url).pathname;
const models = new URL("../../../../shared/models/", import.meta.url).pathname;
vi.setConfig({ testTimeout: 180_000 });

let runtime: Runtime;
let resnet20: Network;
beforeAll(async () => {
  runtime = await createRuntime({ threads: 2 });
  resnet20 = await prepareNetwork(await loadModel(join(sample, "resnet20.onnx")), runtime);
});

const trained = (units: readonly Unit[]) => units.filter(({ layers }) => layers.length > 0);

function requireOrder(network: Network, units: readonly Unit[]): void {
  const nodes = units.flatMap((unit) => unit.nodes);
  expect(new Set(nodes).size).toBe(nodes.length);
  expect(nodes.length).toBe(network.graph.nodes.length);
  const made = new Set(network.graph.inputs.map(({ name }) => name));
  for (const unit of units) {
    for (const input of unit.inputs) expect(made.has(input), `${unit.name} reads ${input}`).toBe(true);
    for (const output of unit.outputs) made.add(output);
  }
}

describe("units of ResNet-20", () => {
  it("has three stages between its ends", () => {
    const units = reconstructionUnits(resnet20, "stage");
    requireOrder(resnet20, units);
    expect(trained(units).map(({ name, kind, layers }) => [name, kind, layers.length])).toEqual([
      ["conv1", "layer", 1],
      ["layer1.0..layer1.2", "stage", 6],
      ["layer2.0..layer2.2", "stage", 6],
      ["layer3.0..layer3.2", "stage", 6],
      ["linear", "layer", 1],
    ]);
  });

  it("is one unit between its ends as a net", () => {
    const units = reconstructionUnits(resnet20, "net");
    requireOrder(resnet20, units);
    expect(trained(units).map(({ layers }) => layers.length)).toEqual([1, 18, 1]);
  });
});

describe.skipIf(!existsSync(models))("units of real networks (needs ../shared/models)", () => {
  it.each(["mobilenet_v2_100_224_dequant.onnx", "yolox_nano.onnx", "deeplab_v3_1_default_1.onnx", "version-RFB-320.onnx", "super_resolution.onnx"])(
    "covers every node of %s once, in stages of one resolution and as a net",
    async (file) => {
      const network = await prepareNetwork(await loadModel(join(models, file)), runtime);
      const blocks = trained(reconstructionUnits(network, "block"));
      const stages = reconstructionUnits(network, "stage");
      requireOrder(network, stages);
      const resolution = ({ outputs }: Unit) => network.shapes.shapeOf(outputs.at(-1)!, 1).slice(2).join("x");
      for (const { kind, nodes } of stages) {
        if (kind !== "stage") continue;
        const inside = new Set(nodes);
        expect(new Set(blocks.filter((block) => inside.has(block.nodes[0]!)).map(resolution)).size).toBe(1);
      }
      const nets = reconstructionUnits(network, "net");
      requireOrder(network, nets);
      expect(trained(stages).length).toBeLessThanOrEqual(blocks.length);
      const isEnd = ({ layers }: Unit) => layers.length === 1 && network.firstLast.has(layers[0]!.name);
      expect(trained(nets).filter((unit) => !isEnd(unit))).toHaveLength(1);
    },
  );

  it("trains a net of large images on smaller batches, and says so", async () => {
    const network = await prepareNetwork(await loadModel(join(models, "efficientnet_lite0.onnx")), runtime);
    const net = reconstructionUnits(network, "net").find(({ kind }) => kind === "net")!;
    const batch = affordableBatch(network, net.nodes, 32);
    expect(batch).toBeGreaterThan(0);
    expect(batch).toBeLessThan(32);
    expect(smallBatchWarning(network, net, 32)).toEqual([expect.stringContaining(`${batch} samples a step instead of 32`)]);
    const block = reconstructionUnits(resnet20, "block")[1]!;
    expect(smallBatchWarning(resnet20, block, 32)).toEqual([]);
  });
});

describe("reconstruction of ResNet-20", () => {
  const samples = 32;
  /** Two bits in the last stage, few steps: the loss of the whole unit must fall. */
  async function quantize({ steps = 10, ...plan }: Pick<ReconstructionPlan, "granularity" | "loss"> & { steps?: number }) {
    const input = { scale: 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], channels: "RGB" as const };
    const calibration = { images: "calibration", count: samples };
    const dataset = await openCalibration({ calibration, input, inputDims: [1, 3, 32, 32], folder: sample, seed: 1 });
    const store = new CacheStore(1e9, tmpdir());
    const cache = store.create(samples, [1, 3, 32, 32]);
    cache.write(0, await dataset.read(0, samples));
    const bits = new Map(resnet20.layers.map(({ name }) => [name, { weights: name.startsWith("layer3") ? 2 : 8, activations: "fp32" as const }]));
    return await quantizeByReconstruction(
      { runtime, network: resnet20, bits, report: () => {} },
      {
        ...plan,
        seed: 1,
        schedule: (layerBits, size) => shortSchedule(Math.min(...layerBits) < 8 ? steps : 0, size),
        inputs: new Map([[resnet20.graph.inputs[0]!.name, cache]]),
        samples,
        store,
      },
    );
  }

  it.each([
    ["block", "fisher"],
    ["stage", "mse"],
    ["net", "fisher"],
  ] as const)("lowers the loss of nearest rounding by %s with %s", async (granularity, loss) => {
    const first = await quantize({ granularity, loss, steps: 50 });
    for (const block of first.blocks) expect(block.loss.after).toBeLessThan(0.9 * block.loss.before);
    expect(first.warnings).toEqual([]);
  });

  it("gives the same weights for a seed, with drawn classes too", async () => {
    const plan = { granularity: "net", loss: "fisher", steps: 2 } as const;
    const values = async () => (await quantize(plan)).weights.map((weights) => weights.values);
    expect(await values()).toEqual(await values());
  });
});
