import { describe, expect, it, vi } from "vitest";
import { sharedModelPath, sharedModels } from "../../../../test/support/sharedModels.ts";
import { CancelledError, UserError } from "../../errors.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { prepareGraph } from "../../graph/prepareGraph.ts";
import { loadModel } from "../../onnx/modelFile.ts";
import type { ModelProto } from "../../onnx/onnx_pb.ts";
import { floatData, floatTensor, sizeOf, type Tensor } from "../../onnx/tensor.ts";
import { createRuntime } from "../../runtime/createRuntime.ts";
import { batchNormLayers } from "./batchNormLayers.ts";
import { distill } from "./distill.ts";
import { distillModel } from "./distillModel.ts";

vi.setConfig({ testTimeout: 60_000 });
const runtime = await createRuntime({ threads: 2 });

type Statistics = readonly { readonly mean: readonly number[]; readonly variance: readonly number[] }[];

const anyStatistics: Statistics = [0, 1].map((i) => ({ mean: [0.3, -0.1, 0.2, 0.1 * i], variance: [1, 0.5, 0.8, 0.6] }));

/** Two convolutions with BatchNormalization behind each, on images of 8x8. */
function network({ statistics = anyStatistics, activation = "Relu" }: { statistics?: Statistics | "none"; activation?: string } = {}) {
  const g = new GraphBuilder();
  const wave = (dims: number[], step: number) =>
    g.constant(
      floatTensor(
        Float32Array.from({ length: sizeOf(dims) }, (_, i) => Math.sin(i * step) / 2),
        dims,
      ),
    );
  const vector = (values: readonly number[]) => g.constant(floatTensor(values));
  let value = g.input("x", "float", ["n", 3, 8, 8]);
  for (const [i, inputs] of [3, 4].entries()) {
    value = g.op("Conv", [value, wave([4, inputs, 3, 3], 1.1 + i)], { pads: [1, 1, 1, 1] });
    if (statistics !== "none") {
      const parameters = [vector([1, 1, 1, 1]), vector([0, 0.1, 0, 0.2]), vector(statistics[i]!.mean), vector(statistics[i]!.variance)];
      value = g.op("BatchNormalization", [value, ...parameters]);
    }
    value = g.op(activation, [value]);
  }
  g.output(value, "y", "float");
  return g.model({ opset: 17, irVersion: 8 });
}

/** Mean and variance of each channel at the input of BatchNormalization `index`. */
async function measure(model: ModelProto, index: number, samples: Tensor) {
  const prepared = await prepareGraph(model, runtime, { fold: false });
  const { input } = batchNormLayers(prepared)[index]!;
  const { graph } = prepared;
  graph.outputs.splice(0, 1, { ...graph.outputs[0]!, name: input });
  graph.removeUnused();
  const session = await runtime.createSession(graph.toModel());
  const values = floatData((await session.run({ x: samples }))[input]!);
  await session.release();
  const channels = [0, 1, 2, 3].map((channel) => values.filter((_, i) => Math.floor(i / 64) % 4 === channel));
  const mean = channels.map((own) => own.reduce((sum, x) => sum + x, 0) / own.length);
  const variance = channels.map((own, i) => own.reduce((sum, x) => sum + (x - mean[i]!) ** 2, 0) / own.length);
  return { mean, variance };
}

/** The network with the statistics that it has on smooth coloured pictures. */
async function trainedNetwork(): Promise<{ model: ModelProto; statistics: Statistics }> {
  const pixel = (i: number) => 0.5 + 0.4 * Math.sin(Math.floor(i / 64) * 2.1 + (i % 8) * 0.5) * Math.cos(Math.floor(i / 8) * 0.4);
  const pictures = floatTensor(
    Float32Array.from({ length: 64 * 3 * 64 }, (_, i) => pixel(i)),
    [64, 3, 8, 8],
  );
  const first = await measure(network(), 0, pictures);
  const second = await measure(network({ statistics: [first, first] }), 1, pictures);
  return { model: network({ statistics: [first, second] }), statistics: [first, second] };
}

const options = { runtime, model: network(), input: undefined, count: 40, steps: 60, seed: 1, report: () => {} };

describe("distillation", () => {
  it("brings the images' statistics near those that the model holds", async () => {
    const { model, statistics } = await trainedNetwork();
    const { samples, loss } = await distill({ ...options, model, count: 64 });
    expect(samples.dims).toEqual([64, 3, 8, 8]);
    expect(loss.after).toBeLessThan(loss.before / 10);
    for (const [index, { mean, variance }] of statistics.entries()) {
      const found = await measure(model, index, samples);
      found.mean.forEach((value, channel) => {
        expect(Math.abs(value - mean[channel]!)).toBeLessThan(0.1);
        expect(Math.abs(Math.sqrt(found.variance[channel]!) - Math.sqrt(variance[channel]!))).toBeLessThan(0.1);
      });
    }
  });

  it("keeps pixels in their range, gives the count, and the same for the same seed", async () => {
    const { samples } = await distill({ ...options, count: 70, steps: 10 });
    expect(samples.dims).toEqual([70, 3, 8, 8]);
    expect(Math.min(...samples.data)).toBeGreaterThanOrEqual(-1e-6);
    expect(Math.max(...samples.data)).toBeLessThanOrEqual(1 + 1e-6);
    expect((await distill({ ...options, count: 70, steps: 10 })).samples.data).toEqual(samples.data);
    expect((await distill({ ...options, count: 70, steps: 10, seed: 2 })).samples.data).not.toEqual(samples.data);
  });

  it("refuses a model without BatchNormalization", async () => {
    await expect(distill({ ...options, model: network({ statistics: "none" }) })).rejects.toThrow(UserError);
    await expect(distill({ ...options, model: network({ statistics: "none" }) })).rejects.toThrow(/no BatchNormalization left/);
  });

  it("can be cancelled", async () => {
    const abort = new AbortController();
    const report = () => abort.abort();
    await expect(distill({ ...options, report, signal: abort.signal })).rejects.toThrow(CancelledError);
  });

  it("has the gradient of its loss", async () => {
    // A smooth activation: kinks would spoil the differences.
    const prepared = await prepareGraph(network({ activation: "Tanh" }), runtime, { fold: false });
    const one = (value: number) => floatTensor([value], [1, 1, 1, 1]);
    const space = { centre: one(0.2), spread: one(0.7), bounds: undefined, positions: [2, 3] };
    const session = await runtime.createSession(distillModel({ network: prepared, input: "x", layers: batchNormLayers(prepared), space, batch: 2 }));
    const dims = [2, 3, 8, 8];
    const images = Float32Array.from({ length: sizeOf(dims) }, (_, i) => Math.sin(i * 0.9) + 0.3 * Math.cos(i * 0.13));
    const zeros = floatTensor(new Float32Array(images.length), dims);
    const run = async (values: Float32Array) => {
      const steps = { type: "int64", dims: [], data: BigInt64Array.from([1n]) } as const;
      return await session.run({ images: floatTensor(values, dims), mean: zeros, square: zeros, factors: floatTensor([0, 1], [1, 2]), steps });
    };
    // Adam's sum of gradients after one step from zero is the gradient.
    const gradient = floatData((await run(images)).mean_out!);
    const h = 1e-2;
    for (const at of [0, 65, 130, 383]) {
      const loss = async (shift: number) => {
        const moved = images.slice();
        moved[at]! += shift;
        return floatData((await run(moved)).losses!)[0]!;
      };
      const numeric = ((await loss(h)) - (await loss(-h))) / (2 * h);
      expect(Math.abs(gradient[at]! - numeric)).toBeLessThan(2e-3 * Math.max(...gradient.map(Math.abs)) + 2e-5);
    }
    await session.release();
  });
});

describe.skipIf(!sharedModels.includes("cifar10_resnet20_bn.onnx"))("on ResNet-20", () => {
  it("lowers the distance from the statistics of all 19 layers", async () => {
    const model = await loadModel(sharedModelPath("cifar10_resnet20_bn.onnx"));
    const input = { scale: 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], channels: "RGB" as const };
    const { loss } = await distill({ ...options, model, input, count: 8, steps: 20 });
    expect(batchNormLayers(await prepareGraph(model, runtime, { fold: false }))).toHaveLength(19);
    expect(loss.after).toBeLessThan(loss.before / 5);
  });
});
