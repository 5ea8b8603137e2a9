import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { TestRandom } from "../../../test/support/random.ts";
import { TestSession } from "../../../test/support/session.ts";
import { emitWithGradients } from "../../../test/support/tiledConvolution.ts";
import { makeAttributes } from "../graph/attributes.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { NodeProtoSchema } from "../onnx/onnx_pb.ts";
import { floatData, floatTensor } from "../onnx/tensor.ts";
import { suitsWinograd } from "./winograd.ts";

interface Geometry {
  samples: number;
  inputs: number;
  outputs: number;
  size: [number, number];
  /** Before and after each axis: top, left, bottom, right. */
  pads: [number, number, number, number];
}

const node = ({ pads }: Geometry, group = 1, strides = [1, 1], dilations = [1, 1]) =>
  create(NodeProtoSchema, {
    opType: "Conv",
    input: ["x", "w", "bias"],
    output: ["y"],
    attribute: makeAttributes({ kernel_shape: [3, 3], pads, group, strides, dilations }),
  });

function dimsOf({ samples, inputs, outputs, size: [height, width], pads: [top, left, bottom, right] }: Geometry) {
  return {
    input: [samples, inputs, height, width],
    weights: [outputs, inputs, 3, 3],
    output: [samples, outputs, height + top + bottom - 2, width + left + right - 2],
  };
}

/** The output and the gradients at input, weights and bias, by Conv or by what stands in for it. */
async function computed(geometry: Geometry, byTiles: boolean) {
  const dims = dimsOf(geometry);
  const random = new TestRandom(dims.output.reduce((a, b) => a * b));
  const shapes = new Map<string, readonly number[]>([
    ["x", dims.input],
    ["w", dims.weights],
    ["bias", [geometry.outputs]],
  ]);
  const b = new GraphBuilder();
  for (const name of ["x", "w", "bias"]) b.input(name, "float", shapes.get(name)!);
  b.input("dy", "float", dims.output);
  const conv = node(geometry);
  const { nodes, gradients } = emitWithGradients(b, conv, dims, shapes, byTiles);
  b.output("y", "y");
  for (const [value, gradient] of gradients) b.output(gradient, `at_${value}`);
  const session = await TestSession.create(b.model({ opset: 17, irVersion: 8 }));
  const names = ["x", "w", "bias"] as const;
  const fed = Object.fromEntries(names.map((name) => [name, random.tensor(shapes.get(name)!, -1, 1)]));
  const feeds = { ...fed, dy: random.tensor(dims.output, -1, 1) };
  const results = await session.run(
    Object.fromEntries(Object.entries(feeds).map(([k, { data, dims: d }]) => [k, floatTensor(Float32Array.from(data), d)])),
  );
  await session.release();
  return { results, emitted: nodes.map(({ opType }) => opType) };
}

describe("a convolution by tiles", () => {
  it.each<[string, Geometry]>([
    ["of whole tiles", { samples: 3, inputs: 5, outputs: 4, size: [8, 8], pads: [1, 1, 1, 1] }],
    ["of a matrix an axis", { samples: 2, inputs: 3, outputs: 6, size: [13, 10], pads: [1, 1, 1, 1] }],
    ["of uneven padding", { samples: 4, inputs: 2, outputs: 3, size: [7, 11], pads: [0, 2, 1, 0] }],
    ["of one output", { samples: 1, inputs: 4, outputs: 2, size: [3, 3], pads: [0, 0, 0, 0] }],
    ["that only padding reaches in places", { samples: 2, inputs: 2, outputs: 2, size: [2, 5], pads: [3, 1, 4, 3] }],
  ])("%s gives Conv's output and gradients", async (_, geometry) => {
    const [tiles, conv] = [await computed(geometry, true), await computed(geometry, false)];
    expect(tiles.emitted).not.toContain("Conv");
    for (const [name, expected] of Object.entries(conv.results)) {
      const wanted = floatData(expected);
      const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const got = floatData(tiles.results[name]!);
      expect(tiles.results[name]!.dims, name).toEqual(expected.dims);
      expect(Math.max(...got.map((value, i) => Math.abs(value - wanted[i]!))) / largest, name).toBeLessThan(1e-4);
    }
  });

  it("is for 3x3, steps of 1, no groups, and many channels: more of them where tiles exceed the caches", () => {
    const wide: Geometry = { samples: 2, inputs: 64, outputs: 32, size: [8, 8], pads: [1, 1, 1, 1] };
    const dims = dimsOf(wide);
    expect(suitsWinograd(node(wide), dims)).toBe(true);
    expect(suitsWinograd(node(wide), { ...dims, weights: [32, 16, 3, 3] })).toBe(false);
    expect(suitsWinograd(node(wide, 2), { ...dims, weights: [32, 32, 3, 3] })).toBe(false);
    expect(suitsWinograd(node(wide, 1, [2, 2]), { ...dims, output: [2, 32, 4, 4] })).toBe(false);
    expect(suitsWinograd(node(wide, 1, [1, 1], [2, 2]), { ...dims, output: [2, 32, 6, 6] })).toBe(false);
    const large = (channels: number) => dimsOf({ samples: 32, inputs: channels, outputs: channels, size: [56, 56], pads: [1, 1, 1, 1] });
    expect(suitsWinograd(node(wide), large(64))).toBe(false);
    expect(suitsWinograd(node(wide), large(128))).toBe(true);
    expect(suitsWinograd(node(wide), { input: [2, 64, 8], weights: [32, 64, 3], output: [2, 32, 8] })).toBe(false);
  });
});
