import { describe, expect, test } from "vitest";
import { NetworkBuilder } from "../../../test/support/networks.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { type Block, firstLastLayers, partition } from "./blocks.ts";
import type { Graph } from "./graph.ts";
import { findLayers } from "./layers.ts";
import { observeShapes } from "./shapes.ts";

const runtime = await createRuntime({ threads: 2 });

async function blocksOf(build: (b: NetworkBuilder, image: string) => string | string[]): Promise<Block[]> {
  const b = new NetworkBuilder();
  return blocksOfGraph(b.finish(...[build(b, b.image())].flat()));
}

async function blocksOfGraph(graph: Graph): Promise<Block[]> {
  const shapes = await observeShapes(graph, runtime);
  return partition(graph, findLayers(graph, shapes), shapes);
}

/** One line a block: kind, name, layers by their last names, operators without layers' own. */
function outline(blocks: readonly Block[]): string[] {
  return blocks.map(({ kind, name, nodes }) => `${kind} ${name}: ${nodes.map(({ opType }) => opType).join(" ")}`);
}

/** Stem and head around what is tested. */
function between(body: (b: NetworkBuilder, x: string) => string) {
  return blocksOf((b, image) => b.linear("head", b.spatialMean(body(b, b.convRelu("stem", image, 8))), 10));
}

/** The outline without stem and head. */
async function bodyOutline(body: (b: NetworkBuilder, x: string) => string): Promise<string[]> {
  const lines = outline(await between(body));
  expect(lines[0]).toBe("layer stem: Conv Relu");
  expect(lines.slice(-2)).toEqual([expect.stringMatching(/^glue \S+: ReduceMean$/), "layer head: Gemm"]);
  return lines.slice(1, -2);
}

describe("residual blocks", () => {
  test("go from a fork to behind the activation of the sum", async () => {
    const body = await bodyOutline((b, x) => {
      const first = b.relu(b.sum(b.conv("layer1.0.conv2", b.convRelu("layer1.0.conv1", x, 8), 8), x));
      const shortcut = b.conv("layer1.1.downsample", first, 16, { kernel: 1, stride: 2 });
      return b.silu(b.sum(b.conv("layer1.1.conv2", b.convRelu("layer1.1.conv1", first, 16, { stride: 2 }), 16), shortcut));
    });
    expect(body).toEqual(["residual layer1.0: Conv Relu Conv Add Relu", "residual layer1.1: Conv Conv Relu Conv Add Sigmoid Mul"]);
  });

  test("hold the gates of their layers", async () => {
    const body = await bodyOutline((b, x) => {
      const expanded = b.silu(b.conv("b.expand", x, 16, { kernel: 1 }));
      const gated = b.squeezeExcite("b.se", b.silu(b.conv("b.depthwise", expanded, 16, { depthwise: true })), 4);
      return b.sum(x, b.conv("b.project", gated, 8, { kernel: 1 }));
    });
    expect(body).toEqual(["residual b: Conv Sigmoid Mul Conv Sigmoid Mul ReduceMean Conv Relu Conv Sigmoid Mul Conv Add"]);
  });

  test("in pre-activation networks begin with the activation", async () => {
    const body = await bodyOutline((b, x) => {
      const y = b.sum(x, b.conv("l.0.b", b.relu(b.conv("l.0.a", b.relu(x), 8)), 8));
      return b.sum(y, b.conv("l.1.b", b.relu(b.conv("l.1.a", b.relu(y), 8)), 8));
    });
    expect(body).toEqual(["residual l.0: Relu Conv Relu Conv Add", "residual l.1: Relu Conv Relu Conv Add"]);
  });

  test("are found inside a skip that is too long for one block, whose sum goes to the last layer", async () => {
    const body = await bodyOutline((b, x) => {
      let y = x;
      for (let i = 0; i < 4; i++) y = b.sum(y, b.conv(`body.${i}.b`, b.convRelu(`body.${i}.a`, y, 8), 8));
      return b.relu(b.sum(x, b.conv("last", y, 8)));
    });
    expect(body).toEqual([...[0, 1, 2, 3].map((i) => `residual body.${i}: Conv Relu Conv Add`), "join last: Conv Add Relu"]);
  });
});

describe("chains", () => {
  test("have up to three layers, each with what follows it", async () => {
    const body = await bodyOutline((b, x) => {
      let y = x;
      for (let i = 1; i <= 5; i++) y = b.convRelu(`c${i}`, y, 8);
      return b.unary("LeakyRelu", y);
    });
    expect(body).toEqual(["chain c1..c3: Conv Relu Conv Relu Conv Relu", "chain c4..c5: Conv Relu Conv Relu LeakyRelu"]);
  });

  test("end behind a linear bottleneck", async () => {
    const body = await bodyOutline((b, x) => {
      const inverted = (name: string, y: string) => {
        const expanded = b.convRelu(`${name}_expand`, y, 16, { kernel: 1 });
        return b.conv(`${name}_project`, b.convRelu(`${name}_depthwise`, expanded, 16, { depthwise: true, stride: 2 }), 8, { kernel: 1 });
      };
      const first = b.conv("p1", b.convRelu("d1", x, 8, { depthwise: true }), 8, { kernel: 1 });
      return inverted("i2", inverted("i1", first));
    });
    expect(body).toEqual([
      "chain d1..p1: Conv Relu Conv",
      "chain i1_expand..i1_project: Conv Relu Conv Relu Conv",
      "chain i2_expand..i2_project: Conv Relu Conv Relu Conv",
    ]);
  });

  test("keep a depthwise layer and its pointwise layer together", async () => {
    const body = await bodyOutline((b, x) => {
      let y = x;
      for (let i = 1; i <= 3; i++) y = b.convRelu(`pw${i}`, b.convRelu(`dw${i}`, y, 8, { depthwise: true }), 8, { kernel: 1 });
      return b.convRelu("pw4", b.conv("dw4", y, 8, { depthwise: true }), 8, { kernel: 1 });
    });
    expect(body).toEqual([
      "chain dw1..pw1: Conv Relu Conv Relu",
      "chain dw2..pw2: Conv Relu Conv Relu",
      "chain dw3..pw3: Conv Relu Conv Relu",
      "chain dw4..pw4: Conv Conv Relu",
    ]);
  });

  test("end where the module changes, where names tell modules", async () => {
    const names = ["features.2", "features.5", "classifier.0.fc", "classifier.1.a", "classifier.1.b"];
    const body = await bodyOutline((b, x) => names.reduce((y, name) => b.convRelu(name, y, 8), x));
    expect(body).toEqual(["chain features: Conv Relu Conv Relu", "layer classifier.0.fc: Conv Relu", "chain classifier.1: Conv Relu Conv Relu"]);
  });

  test("do not pass a value that is read twice, nor the network's output", async () => {
    const lines = outline(
      await blocksOf((b, image) => {
        const a = b.convRelu("a", b.convRelu("stem", image, 8), 8);
        const c = b.convRelu("c", a, 8);
        return [b.conv("head", c, 4), a];
      }),
    );
    expect(lines).toEqual(["layer stem: Conv Relu", "layer a: Conv Relu", "layer c: Conv Relu", "layer head: Conv"]);
  });

  test("take squeeze-and-excitation and a hard-swish in pieces as activations", async () => {
    const body = await bodyOutline((b, x) => {
      const swished = (y: string) => {
        const gate = b.op("Clip", [b.op("Add", [y, b.scalar(3)]), b.scalar(0), b.scalar(6)]);
        return b.withChannels(b.op("Div", [b.join("Mul", y, gate), b.scalar(6)]), 8);
      };
      const excited = b.squeezeExcite("b.se", b.convRelu("b.dw", x, 8, { depthwise: true }), 4);
      return swished(b.conv("b.pw", excited, 8, { kernel: 1 }));
    });
    expect(body).toEqual(["chain b: Conv Relu ReduceMean Conv Relu Conv Sigmoid Mul Conv Add Clip Mul Div"]);
  });
});

describe("joins", () => {
  test("a fire module, with its squeeze layer", async () => {
    const fire = (b: NetworkBuilder, name: string, x: string) => {
      const squeezed = b.convRelu(`${name}.squeeze`, x, 4, { kernel: 1 });
      return b.concat(b.convRelu(`${name}.expand1`, squeezed, 8, { kernel: 1 }), b.convRelu(`${name}.expand3`, squeezed, 8));
    };
    const body = await bodyOutline((b, x) => fire(b, "fire2", fire(b, "fire1", x)));
    expect(body).toEqual(["join fire1: Conv Relu Conv Relu Conv Relu Concat", "join fire2: Conv Relu Conv Relu Conv Relu Concat"]);
  });

  test("a concatenation with the pointwise layer that mixes its channels", async () => {
    const body = await bodyOutline((b, x) => {
      const fork = b.concat(b.convRelu("aspp.a", x, 8), b.convRelu("aspp.b", x, 8, { kernel: 1 }));
      return b.convRelu("next", b.convRelu("aspp.project", fork, 8, { kernel: 1 }), 8);
    });
    expect(body).toEqual(["join aspp: Conv Relu Conv Relu Concat Conv Relu", "layer next: Conv Relu"]);
  });

  test("shuffle units, cut by slices or by a split, with the shuffle", async () => {
    const body = await bodyOutline((b, x) => {
      const branch = (name: string, y: string) =>
        b.convRelu(`${name}.pw2`, b.conv(`${name}.dw`, b.convRelu(`${name}.pw1`, y, 4, { kernel: 1 }), 4, { depthwise: true }), 4, { kernel: 1 });
      const shuffle = (y: string) => {
        const groups = b.op("Transpose", [b.op("Reshape", [y, b.ints([-1, 2, 4, 16, 16])])], { perm: [0, 2, 1, 3, 4] });
        return b.withChannels(b.op("Reshape", [groups, b.ints([-1, 8, 16, 16])]), 8);
      };
      const first = shuffle(b.concat(b.slice(x, 0, 4), branch("unit1", b.slice(x, 4, 8))));
      const [kept, changed] = b.ops("Split", [first], 2, { axis: 1 }).map((half) => b.withChannels(half, 4));
      return shuffle(b.concat(kept!, branch("unit2", changed!)));
    });
    expect(body).toEqual([
      "join unit1: Slice Slice Conv Relu Conv Conv Relu Concat Reshape Transpose Reshape",
      "join unit2: Split Conv Relu Conv Conv Relu Concat Reshape Transpose Reshape",
    ]);
  });

  test("dense layers read all earlier ones", async () => {
    const blocks = await between((b, x) => {
      const features = [x];
      for (let i = 1; i <= 6; i++) {
        const bottleneck = b.convRelu(`dense.layer${i}.conv1`, b.relu(b.concat(...features)), 8, { kernel: 1 });
        features.push(b.conv(`dense.layer${i}.conv2`, bottleneck, 4));
      }
      return b.convRelu("transition", b.concat(...features), 8, { kernel: 1 });
    });
    const dense = blocks.filter(({ name }) => name.startsWith("dense.layer"));
    expect(dense.map(({ name }) => name)).toEqual([1, 2, 3, 4, 5, 6].map((i) => `dense.layer${i}`));
    expect(dense.map(({ kind, inputs, outputs }) => [kind, inputs.length, outputs.length])).toEqual([
      ["chain", 1, 1],
      ...[2, 3, 4, 5, 6].map((inputs) => ["join", inputs, 1]),
    ]);
    expect(blocks.find(({ name }) => name === "transition")).toMatchObject({ kind: "join" });
  });

  test("a U-Net", async () => {
    const double = (b: NetworkBuilder, name: string, x: string, channels: number, stride = 1) =>
      b.convRelu(`${name}.b`, b.convRelu(`${name}.a`, x, channels, { stride }), channels);
    const blocks = await blocksOf((b, image) => {
      const one = double(b, "enc1", image, 4);
      const two = double(b, "enc2", one, 8, 2);
      const three = double(b, "enc3", two, 8, 2);
      const upTwo = double(b, "dec2", b.concat(b.up("up2", three, 8), two), 8);
      return b.conv("out", double(b, "dec1", b.concat(b.up("up1", upTwo, 4), one), 4), 2);
    });
    expect(outline(blocks)).toEqual([
      "layer enc1.a: Conv Relu",
      "layer enc1.b: Conv Relu",
      "chain enc2: Conv Relu Conv Relu",
      "join enc3.a..up2: Conv Relu Conv Relu ConvTranspose Concat",
      "chain dec2: Conv Relu Conv Relu",
      "layer up1: ConvTranspose",
      "join dec1: Concat Conv Relu Conv Relu",
      "layer out: Conv",
    ]);
  });

  test("many branches side by side are one block, however many layers they have", async () => {
    const body = await bodyOutline((b, x) => {
      const branches = Array.from({ length: 12 }, (_, i) => b.convRelu(`unit.group${i}`, b.slice(x, i % 8, (i % 8) + 1), 2));
      return b.sum(b.conv("unit.last", b.concat(...branches), 8, { kernel: 1 }), x);
    });
    expect(body).toEqual([expect.stringMatching(/^residual unit: (Slice Conv Relu ){12}Concat Conv Add$/)]);
  });
});

describe("ends", () => {
  test("every layer at an input or an output is alone, with what follows it", async () => {
    const blocks = await blocksOf((b, image) => {
      const x = b.convRelu("body", b.sum(b.convRelu("stem1", image, 8), b.conv("stem2", b.relu(image), 8)), 8);
      return [b.unary("Softmax", b.unary("Sigmoid", b.conv("scores", x, 2)), { axis: 1 }), b.conv("boxes", b.convRelu("tower", x, 8), 4)];
    });
    expect(outline(blocks).sort()).toEqual(
      [
        "join body: Add Conv Relu",
        expect.stringMatching(/^glue \S+: Softmax$/),
        "layer boxes: Conv",
        "layer scores: Conv Sigmoid",
        "layer stem1: Conv Relu",
        "layer stem2: Relu Conv",
        "layer tower: Conv Relu",
      ].sort(),
    );
    expect([...firstLastLayers(blocks)].sort()).toEqual(["boxes", "scores", "stem1", "stem2"]);
  });

  test("a late layer that also sees the image is no first layer", async () => {
    const blocks = await blocksOf((b, image) => {
      const x = b.convRelu("body", b.convRelu("stem", image, 3), 3);
      return b.conv("head", b.convRelu("late", b.sum(x, image), 8), 2);
    });
    expect([...firstLastLayers(blocks)].sort()).toEqual(["head", "stem"]);
  });

  test("a network of one layer has one block", async () => {
    const blocks = await blocksOf((b, image) => b.conv("only", image, 2));
    expect(outline(blocks)).toEqual(["layer only: Conv"]);
    expect([...firstLastLayers(blocks)]).toEqual(["only"]);
  });

  test("a network without layers is glue", async () => {
    const blocks = await blocksOf((b, image) => b.relu(b.relu(image)));
    expect(blocks.map(({ kind }) => kind)).toEqual(["glue"]);
    expect(firstLastLayers(blocks).size).toBe(0);
  });
});

test("a block may begin with an operator without gradient, but holds none behind a layer", async () => {
  const body = await bodyOutline((b, x) => {
    const hidden = b.unary("Hardmax", b.convRelu("a", x, 8), { axis: 1 });
    const inside = b.unary("Hardmax", b.convRelu("b", hidden, 8), { axis: 1 });
    return b.convRelu("d", b.sum(b.convRelu("c", inside, 8), hidden), 8);
  });
  expect(body).toEqual([
    "layer a: Conv Relu",
    expect.stringMatching(/^glue \S+: Hardmax$/),
    "layer b: Conv Relu",
    "join c: Hardmax Conv Relu Add",
    "layer d: Conv Relu",
  ]);
});

test("a sign, whose gradient is zero, ends the block before it", async () => {
  const body = await bodyOutline((b, x) => b.convRelu("b", b.unary("Sign", b.convRelu("a", x, 8)), 8));
  expect(body).toEqual(["layer a: Conv Relu", "layer b: Sign Conv Relu"]);
});

test("a block does not end with what makes its output much larger or smaller", async () => {
  const body = await bodyOutline((b, x) => {
    const residual = (name: string, y: string) => b.sum(b.conv(name, y, 8), y);
    const large = b.withChannels(b.op("Tile", [residual("a", x), b.ints([1, 1, 2, 2])]), 8);
    const small = b.withChannels(b.op("Slice", [residual("b", large), b.ints([0, 0]), b.ints([2, 2]), b.ints([2, 3])]), 8);
    return residual("c", small);
  });
  expect(body).toEqual(["residual a: Conv Add", "residual b: Tile Conv Add", "residual c: Slice Conv Add"]);
});

test("inputs and outputs of blocks leave constants out", async () => {
  const blocks = await between((b, x) => {
    const scaled = b.withChannels(b.op("Mul", [b.conv("l.b", b.convRelu("l.a", x, 8), 8), b.scalar(0.1)]), 8);
    return b.relu(b.sum(scaled, x));
  });
  const [stem, residual] = blocks;
  expect(stem!.inputs).toEqual(["image"]);
  expect(residual!.inputs).toEqual(stem!.outputs);
  expect(residual!.outputs).toEqual([residual!.nodes.at(-1)!.output[0]]);
});
