import { tmpdir } from "node:os";
import { beforeAll, describe, expect, it } from "vitest";
import { NetworkBuilder } from "../../../test/support/networks.ts";
import { createRandom, normal } from "../data/random.ts";
import { type Network, prepareNetwork } from "../graph/prepare.ts";
import { floatData, floatTensor, type Tensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { CacheStore } from "./activationCache.ts";
import { findTaskLoss, reachableByGradients } from "./fisherGradient.ts";
import { fisherWeights } from "./fisherWeights.ts";
import { segmentModel } from "./segment.ts";
import { reconstructionUnits, type Unit } from "./segments.ts";

const samples = 5;
const labels = Int32Array.of(0, 2, 1, 2, 0);
const store = new CacheStore(1e9, tmpdir());
let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime({ threads: 1 });
});

/** Random weights, so that no gradient is zero by symmetry. */
async function prepared(build: (b: NetworkBuilder) => string[]): Promise<Network> {
  const b = new NetworkBuilder();
  const graph = b.finish(...build(b));
  const random = createRandom(7);
  for (const name of graph.initializers.keys()) {
    const tensor = graph.constant(name)!;
    if (tensor.type === "float")
      graph.setConstant(
        name,
        floatTensor(
          floatData(tensor).map(() => 0.5 * normal(random)),
          tensor.dims,
        ),
      );
  }
  return await prepareNetwork(graph.toModel(), runtime);
}

const classifier = (b: NetworkBuilder, ending: (scores: string) => string = (scores) => scores) => {
  const stem = b.convRelu("stem", b.image(3, 6), 4);
  const inner = b.convRelu("b", b.convRelu("a", stem, 4), 4);
  return [ending(b.linear("fc", b.spatialMean(b.sum(stem, inner)), 3))];
};

function calibration(network: Network) {
  const name = network.graph.inputs[0]!.name;
  const random = createRandom(3);
  const cache = store.create(samples, [1, 3, 6, 6]);
  cache.write(
    0,
    Float32Array.from({ length: samples * 108 }, () => normal(random)),
  );
  return new Map([[name, cache]]);
}

async function weightsOf(network: Network, given: { labels?: Int32Array; seed?: number } = {}) {
  const units = reconstructionUnits(network, "block").filter(({ layers }) => layers.length > 0);
  const inputs = calibration(network);
  const fisher = await fisherWeights({ runtime, network, units, inputs, samples, seed: 1, store, report: () => {}, ...given });
  return { units, fisher, inputs };
}

/** Squared gradients of a unit's output by central differences of the cross-entropy, of all samples. */
async function differences(network: Network, unit: Unit, image: Tensor, scores: string): Promise<number[]> {
  const [value] = unit.outputs as [string];
  const at = network.graph.nodes.findIndex(({ output }) => output.includes(value));
  const run = async (nodes: typeof network.graph.nodes, from: string, to: string, tensor: Tensor) => {
    const session = await runtime.createSession(segmentModel(network, { nodes, inputs: [from], outputs: [to] }));
    return { session, first: (await session.run({ [from]: tensor }))[to]! };
  };
  const { first, session: head } = await run(network.graph.nodes.slice(0, at + 1), network.graph.inputs[0]!.name, value, image);
  await head.release();
  const { session } = await run(network.graph.nodes.slice(at + 1), value, scores, first);
  const row = first.dims.slice(1).reduce((product, dim) => product * dim, 1);
  const loss = (z: Float32Array, sample: number) => {
    const own = [...z.subarray(3 * sample, 3 * sample + 3)];
    return Math.log(own.reduce((sum, score) => sum + Math.exp(score), 0)) - own[labels[sample]!]!;
  };
  const step = 1e-2;
  const squares = new Array<number>(row * samples);
  // One element of all samples at a time: rows do not see each other.
  for (let i = 0; i < row; i++) {
    const [up, down] = [floatData(first).slice(), floatData(first).slice()];
    for (let sample = 0; sample < samples; sample++) {
      up[sample * row + i]! += step;
      down[sample * row + i]! -= step;
    }
    const [zUp, zDown] = [
      floatData((await session.run({ [value]: floatTensor(up, first.dims) }))[scores]!),
      floatData((await session.run({ [value]: floatTensor(down, first.dims) }))[scores]!),
    ];
    for (let sample = 0; sample < samples; sample++) squares[sample * row + i] = ((loss(zUp, sample) - loss(zDown, sample)) / (2 * step)) ** 2;
  }
  await session.release();
  return squares;
}

describe("fisherWeights", () => {
  it("is proportional to the squared gradient of the cross-entropy, per sample, with mean 1", async () => {
    const network = await prepared((b) => classifier(b));
    const { units, fisher, inputs } = await weightsOf(network, { labels });
    const image = [...inputs.values()][0]!.whole()!;
    const unit = units.find(({ kind }) => kind === "residual")!;
    const found = floatData(fisher.of(unit)![0]!.whole()!);
    const expected = await differences(network, unit, image, network.graph.outputs[0]!.name);
    const mean = expected.reduce((sum, value) => sum + value, 0) / expected.length;
    expect(found.reduce((sum, value) => sum + value, 0) / found.length).toBeCloseTo(1, 4);
    found.forEach((value, i) => {
      expect(Math.abs(value - expected[i]! / mean)).toBeLessThan(0.02 * (1 + value));
    });
  });

  it("differentiates before a final Softmax", async () => {
    const plain = await weightsOf(await prepared((b) => classifier(b)), { labels });
    const ending = await prepared((b) => classifier(b, (scores) => b.unary("Softmax", scores, { axis: 1 })));
    const softmax = await weightsOf(ending, { labels });
    expect(softmax.fisher.of(softmax.units[1]!)![0]!.whole()).toEqual(plain.fisher.of(plain.units[1]!)![0]!.whole());
  });

  it("draws classes by the seed where there are no labels", async () => {
    const network = await prepared((b) => classifier(b));
    const drawn = async (seed: number) => {
      const { units, fisher } = await weightsOf(network, { seed });
      return fisher.of(units[1]!)![0]!.whole();
    };
    expect(await drawn(1)).toEqual(await drawn(1));
    expect(await drawn(2)).not.toEqual(await drawn(1));
  });

  it("takes other networks for regressions, with all their outputs", async () => {
    const network = await prepared((b) => {
      const stem = b.convRelu("stem", b.image(3, 6), 4);
      const x = b.convRelu("b", b.convRelu("a", stem, 4), 4);
      return [b.conv("head1", x, 2), b.conv("head2", b.convRelu("c", x, 4, { stride: 2 }), 2)];
    });
    expect(findTaskLoss(network)).toEqual({ kind: "regression", values: network.graph.outputs.map(({ name }) => name) });
    const { units, fisher } = await weightsOf(network);
    for (const unit of units) expect(fisher.of(unit)).toHaveLength(unit.outputs.length);
    expect(fisher.warnings).toEqual([]);
  });

  it("says which units are trained otherwise, and which operator is in the way", async () => {
    const network = await prepared((b) => {
      const x = b.convRelu("b", b.convRelu("a", b.convRelu("stem", b.image(3, 6), 4), 4), 4);
      return [b.linear("fc", b.spatialMean(b.convRelu("c", b.unary("Hardmax", x), 4)), 3)];
    });
    const task = findTaskLoss(network);
    expect(reachableByGradients(network, task).obstacle).toContain("Hardmax");
    const { units, fisher } = await weightsOf(network);
    const without = units.filter((unit) => fisher.of(unit) === undefined).map(({ name }) => name);
    expect(without.length).toBeGreaterThan(0);
    expect(without.length).toBeLessThan(units.length);
    expect(fisher.warnings).toHaveLength(1);
    for (const name of without) expect(fisher.warnings[0]).toContain(`"${name}"`);
    expect(fisher.warnings[0]).toMatch(/"mse".*Hardmax/);
  });
});
