import { describe, expect, it } from "vitest";
import { sharedModelPath, sharedModels } from "../../../../test/support/sharedModels.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { prepareNetwork } from "../../graph/prepare.ts";
import { loadModel } from "../../onnx/modelFile.ts";
import type { ModelProto } from "../../onnx/onnx_pb.ts";
import { floatData, floatTensor, sizeOf, type Tensor } from "../../onnx/tensor.ts";
import { createRuntime } from "../../runtime/createRuntime.ts";
import { equalize } from "./equalize.ts";
import { dfqStructure } from "./structure.ts";

const runtime = await createRuntime({ threads: 2 });

async function equalized(model: ModelProto) {
  const original = await prepareNetwork(model, runtime);
  const structure = await dfqStructure(original, runtime);
  const equalization = equalize(structure);
  return { original, ...structure, ...equalization };
}

async function outputs(model: ModelProto, feeds: Record<string, Tensor>): Promise<Float32Array[]> {
  const session = await runtime.createSession(model);
  const results = await session.run(feeds);
  await session.release();
  return session.outputNames.map((name) => floatData(results[name]!));
}

/** The largest difference of the networks' outputs on noise, relative to the largest output. */
async function difference({ original, network }: Awaited<ReturnType<typeof equalized>>, amplitude: number): Promise<number> {
  const input = original.graph.inputs[0]!.name;
  const dims = original.shapes.shapeOf(input, 2);
  const feeds = {
    [input]: floatTensor(
      Float32Array.from({ length: sizeOf(dims) }, (_, i) => amplitude * Math.sin(i * 0.37) * Math.cos(i * 0.011)),
      dims,
    ),
  };
  const [before, after] = [await outputs(original.graph.toModel(), feeds), await outputs(network.graph.toModel(), feeds)];
  return Math.max(
    ...before.map((values, j) => {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      return values.reduce((most, value, i) => Math.max(most, Math.abs(value - after[j]![i]!)), 0) / largest;
    }),
  );
}

/** 1x1 convolutions of two channels with the given diagonals, an activation between. */
function chain(
  diagonals: readonly (readonly [number, number])[],
  activation: (g: GraphBuilder, value: string) => string,
  grouped: readonly number[] = [],
) {
  const g = new GraphBuilder();
  let value = g.input("x", "float", ["n", 2, 2, 2]);
  diagonals.forEach(([a, b], i) => {
    if (i > 0) value = activation(g, value);
    const depthwise = grouped.includes(i);
    const weight = g.constant(depthwise ? floatTensor([a, b], [2, 1, 1, 1]) : floatTensor([a, 0, 0, b], [2, 2, 1, 1]), `conv${i}.weight`);
    const bias = g.constant(floatTensor([0.5, -0.25]), `conv${i}.bias`);
    value = g.op("Conv", [value, weight, bias], depthwise ? { group: 2 } : {}, { name: `conv${i}` });
  });
  g.output(value, "y", "float");
  return g.model({ opset: 17, irVersion: 8 });
}

const relu = (g: GraphBuilder, value: string) => g.op("Relu", [value]);
const relu6 = (g: GraphBuilder, value: string) => g.op("Clip", [value, g.scalar(0), g.scalar(6)]);

describe("cross-layer equalization", () => {
  it("gives both layers the geometric mean of their ranges", async () => {
    const found = await equalized(
      chain(
        [
          [8, 1],
          [2, 4],
        ],
        relu,
      ),
    );
    const weight = (name: string) => Array.from(floatData(found.network.graph.constant(name)!));
    expect(weight("conv0.weight")).toEqual([4, 0, 0, 2]);
    expect(weight("conv1.weight")).toEqual([4, 0, 0, 2]);
    // Channel 0 is divided by 2, channel 1 by 1/2; the second bias stays.
    expect(Array.from(floatData(found.network.graph.constant("conv0.bias")!))).toEqual([0.25, -0.5]);
    expect(Array.from(floatData(found.network.graph.constant("conv1.bias")!))).toEqual([0.5, -0.25]);
  });

  it("gives a depthwise triple the cube root of the three ranges' product", async () => {
    const found = await equalized(
      chain(
        [
          [27, 1],
          [1, 8],
          [1, 8],
        ],
        relu6,
        [1],
      ),
    );
    expect(found.pairs).toHaveLength(2);
    for (const layer of ["conv0", "conv1", "conv2"]) {
      const values = floatData(found.network.graph.constant(`${layer}.weight`)!).filter((value) => value !== 0);
      expect(values[0]).toBeCloseTo(3, 1);
      expect(values[1]).toBeCloseTo(4, 1);
    }
    expect(await difference(found, 3)).toBeLessThan(1e-6);
  });

  it("moves the bound of a Clip for each channel by itself", async () => {
    const found = await equalized(
      chain(
        [
          [8, 1],
          [2, 4],
        ],
        relu6,
      ),
    );
    const [bounds] = found.bounds;
    expect(Array.from(floatData(found.network.graph.constant(bounds!.constants[0]!)!))).toEqual([3, 12]);
    expect(await difference(found, 3)).toBeLessThan(1e-6);
  });

  it("leaves channels without weights alone, and says which layers are in no pair", async () => {
    const found = await equalized(
      chain(
        [
          [0, 1],
          [2, 4],
        ],
        relu,
      ),
    );
    expect(found.outputs.get("conv0")![0]).toBe(1);
    expect(found.skipped).toEqual([{ layer: "conv1", reason: "the network puts its output out" }]);
    const sigmoid = await equalized(
      chain(
        [
          [8, 1],
          [2, 4],
        ],
        (g, value) => g.op("Sigmoid", [value]),
      ),
    );
    expect(sigmoid.pairs).toEqual([]);
    expect(sigmoid.skipped[0]!.reason).toMatch(/is read by .*\(Sigmoid\)/);
  });

  it("goes on through pooling, padding and flattening to a matrix product", async () => {
    const g = new GraphBuilder();
    const weights = (dims: number[], step: number) =>
      g.constant(
        floatTensor(
          Float32Array.from({ length: sizeOf(dims) }, (_, i) => Math.sin(i * step) * (1 + Math.floor((4 * i) / sizeOf(dims)))),
          dims,
        ),
      );
    const x = g.input("x", "float", ["n", 3, 8, 8]);
    const first = g.op("Conv", [x, weights([4, 3, 3, 3], 1.3)], { pads: [1, 1, 1, 1] }, { name: "first" });
    const padded = g.op("Pad", [g.op("Relu", [first]), g.ints([0, 0, 1, 1, 0, 0, 1, 1])]);
    const pooled = g.op("MaxPool", [padded], { kernel_shape: [2, 2], strides: [2, 2] });
    const flat = g.op("Flatten", [pooled], { axis: 1 });
    g.output(g.op("Gemm", [flat, weights([10, 100], 0.7), weights([10], 2)], { transB: 1 }, { name: "last" }), "y", "float");
    const found = await equalized(g.model({ opset: 17, irVersion: 8 }));
    expect(found.pairs.map(({ first: { name }, seconds }) => [name, seconds.map((second) => second.name)])).toEqual([["first", ["last"]]]);
    expect(Math.min(...found.outputs.get("first")!)).toBeLessThan(0.6);
    expect(await difference(found, 1)).toBeLessThan(1e-6);
  });
});

describe("on real networks", () => {
  // Noise of the amplitude that the networks' own inputs have.
  it.for([
    ["mobilenet_v2_100_224_dequant.onnx", 1, 33],
    ["mobilenet_v1_025_224.onnx", 1, 27],
    ["cifar10_resnet20.onnx", 2, 9],
    ["efficientnet_lite0.onnx", 1, 32],
    ["version-RFB-320.onnx", 1, 20],
  ] as const)("%s computes the same", async ([file, amplitude, fewest], { skip }) => {
    skip(!sharedModels.includes(file), `${file} is not in ../shared`);
    const found = await equalized(await loadModel(sharedModelPath(file)));
    expect(found.pairs.length).toBeGreaterThanOrEqual(fewest);
    expect(found.sweeps).toBeLessThan(200);
    expect(await difference(found, amplitude)).toBeLessThan(2e-5);
  });
});
