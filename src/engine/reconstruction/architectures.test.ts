import { tmpdir } from "node:os";
import { beforeAll, describe, expect, it } from "vitest";
import { NetworkBuilder } from "../../../test/support/networks.ts";
import type { Granularity } from "../../config/schema.ts";
import { createRandom, normal } from "../data/random.ts";
import { type Network, prepareNetwork } from "../graph/prepare.ts";
import { floatData, floatTensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { CacheStore } from "./activationCache.ts";
import { quantizeByReconstruction } from "./quantizeNetwork.ts";
import { shortSchedule } from "./schedule.ts";

const samples = 16;
let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime({ threads: 1 });
});

const classify = (b: NetworkBuilder, x: string) => [b.linear("fc", b.spatialMean(x), 5)];

function invertedResidual(b: NetworkBuilder, name: string, x: string, excite: boolean): string {
  const clip = (y: string) => b.withChannels(b.op("Clip", [y, b.scalar(0), b.scalar(6)]), b.channelsOf(y));
  const wide = clip(b.conv(`${name}.expand`, x, 12, { kernel: 1 }));
  const deep = clip(b.conv(`${name}.depthwise`, wide, 12, { depthwise: true }));
  return b.sum(x, b.conv(`${name}.project`, excite ? b.squeezeExcite(`${name}.se`, deep, 3) : deep, b.channelsOf(x), { kernel: 1 }));
}

function shuffleUnit(b: NetworkBuilder, name: string, x: string): string {
  const half = b.channelsOf(x) / 2;
  const kept = b.slice(x, 0, half);
  const narrow = b.convRelu(`${name}.1`, b.slice(x, half, 2 * half), half, { kernel: 1 });
  const branch = b.convRelu(`${name}.3`, b.conv(`${name}.2`, narrow, half, { depthwise: true }), half, { kernel: 1 });
  const joined = b.concat(kept, branch);
  const apart = b.op("Reshape", [joined, b.ints([0, 2, half, 8, 8])]);
  const mixed = b.op("Reshape", [b.op("Transpose", [apart], { perm: [0, 2, 1, 3, 4] }), b.ints([0, 2 * half, 8, 8])]);
  return b.withChannels(mixed, 2 * half);
}

const architectures: Record<string, (b: NetworkBuilder, image: string) => string[]> = {
  "ResNet with a downsampling shortcut": (b, image) => {
    const x = b.convRelu("stem", image, 4);
    const inner = b.conv("l1.conv2", b.convRelu("l1.conv1", x, 8, { stride: 2 }), 8);
    return classify(b, b.relu(b.sum(inner, b.conv("l1.down", x, 8, { kernel: 1, stride: 2 }))));
  },
  MobileNetV1: (b, image) => {
    let x = b.convRelu("stem", image, 4);
    for (const i of [1, 2]) x = b.convRelu(`b${i}.pw`, b.convRelu(`b${i}.dw`, x, 4, { depthwise: true }), 4, { kernel: 1 });
    return classify(b, x);
  },
  "MobileNetV2 and MNASNet": (b, image) => classify(b, invertedResidual(b, "b1", b.convRelu("stem", image, 4), false)),
  "squeeze-and-excitation with SiLU": (b, image) => classify(b, invertedResidual(b, "b1", b.silu(b.conv("stem", image, 4)), true)),
  ShuffleNetV2: (b, image) => classify(b, shuffleUnit(b, "u2", shuffleUnit(b, "u1", b.convRelu("stem", image, 4)))),
  SqueezeNet: (b, image) => {
    const squeezed = b.convRelu("fire.squeeze", b.convRelu("stem", image, 6), 3, { kernel: 1 });
    return classify(b, b.concat(b.convRelu("fire.e1", squeezed, 4, { kernel: 1 }), b.convRelu("fire.e3", squeezed, 4)));
  },
  DenseNet: (b, image) => {
    let x = b.convRelu("stem", image, 4);
    for (const i of [1, 2, 3]) x = b.concat(x, b.convRelu(`d${i}.conv2`, b.convRelu(`d${i}.conv1`, x, 6, { kernel: 1 }), 3));
    return classify(b, b.convRelu("transition", x, 6, { kernel: 1 }));
  },
  "U-Net": (b, image) => {
    const top = b.convRelu("enc1", image, 4);
    const low = b.convRelu("mid", b.convRelu("enc2", top, 6, { stride: 2 }), 6);
    return [b.conv("head", b.convRelu("dec", b.concat(top, b.up("up", low, 4)), 4), 2, { kernel: 1 })];
  },
  FPN: (b, image) => {
    const c1 = b.convRelu("c1", b.convRelu("stem", image, 4), 4);
    const c2 = b.convRelu("c2", c1, 6, { stride: 2 });
    const p2 = b.conv("lateral2", c2, 4, { kernel: 1 });
    const larger = b.withChannels(b.op("Resize", [p2, "", b.constant(floatTensor([1, 1, 2, 2]))], { mode: "nearest" }), 4);
    const p1 = b.conv("smooth1", b.sum(b.conv("lateral1", c1, 4, { kernel: 1 }), larger), 4);
    return [b.conv("head1", p1, 2), b.conv("head2", p2, 2)];
  },
};

async function prepared(build: (b: NetworkBuilder, image: string) => string[]): Promise<Network> {
  const b = new NetworkBuilder();
  const graph = b.finish(...build(b, b.image(3, 8)));
  const random = createRandom(7);
  for (const name of graph.initializers.keys()) {
    if (!name.endsWith(".weight")) continue;
    const tensor = graph.constant(name)!;
    const { dims } = tensor;
    const fan = dims.slice(1).reduce((product, dim) => product * dim, 1);
    graph.setConstant(
      name,
      floatTensor(
        floatData(tensor).map(() => normal(random) * Math.sqrt(2 / fan)),
        dims,
      ),
    );
  }
  return await prepareNetwork(graph.toModel(), runtime);
}

async function quantize(network: Network, granularity: Granularity, loss: "mse" | "fisher") {
  const store = new CacheStore(1e9, tmpdir());
  const cache = store.create(samples, [1, 3, 8, 8]);
  const random = createRandom(3);
  cache.write(
    0,
    Float32Array.from({ length: samples * 192 }, () => normal(random)),
  );
  return await quantizeByReconstruction(
    { runtime, network, bits: new Map(network.layers.map(({ name }) => [name, { weights: 4, activations: "fp32" as const }])), report: () => {} },
    {
      granularity,
      loss,
      seed: 1,
      schedule: (_, size) => shortSchedule(60, size),
      inputs: new Map([[network.graph.inputs[0]!.name, cache]]),
      samples,
      store,
    },
  );
}

describe("architectures quantize to 4 bits without a rule of their own", () => {
  it.each(Object.keys(architectures))("%s", async (name) => {
    const network = await prepared(architectures[name]!);
    for (const [granularity, loss] of [
      ["block", "mse"],
      ["stage", "mse"],
      ["net", "fisher"],
    ] as const) {
      const { blocks, weights, warnings } = await quantize(network, granularity, loss);
      expect(weights).toHaveLength(network.layers.length);
      expect(warnings).toEqual([]);
      expect(blocks.flatMap(({ layers }) => layers).sort()).toEqual(network.layers.map((layer) => layer.name).sort());
      const total = (when: "before" | "after") => blocks.reduce((sum, block) => sum + block.loss[when], 0);
      expect(total("after"), granularity).toBeLessThan(total("before"));
    }
  });
});
