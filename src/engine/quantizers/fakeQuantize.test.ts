import { describe, expect, it } from "vitest";
import { TestSession } from "../../../test/support/session.ts";
import { differentiate } from "../autodiff/differentiate.ts";
import { createRandom } from "../data/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { floatData, floatScalar, floatTensor } from "../onnx/tensor.ts";
import { emitFakeQuantize } from "./fakeQuantize.ts";
import { RandomMasks } from "./randomMask.ts";

interface Case {
  x: number[];
  scale: number;
  bits: number;
  zeroPoint: number;
  dy: number[];
  kept?: number[];
}

/** The quantizer's output, and the gradients of Σ dy y at x and at the scale. */
async function run({ x, scale, bits, zeroPoint, dy, kept }: Case) {
  const b = new GraphBuilder();
  const dims = [x.length];
  const inputs = { x: floatTensor(x), s: floatScalar(scale), dy: floatTensor(dy), ...(kept && { kept: floatTensor(kept) }) };
  for (const [name, tensor] of Object.entries(inputs)) b.input(name, "float", tensor.dims);
  const { output, node } = emitFakeQuantize(b, "x", { bits, zeroPoint, scale: "s", kept: kept && "kept" });
  const facts = { shapeOf: (value: string) => (value === "s" ? [] : dims), typeOf: () => "float" as const, constantOf: () => undefined };
  const gradients = differentiate({ builder: b, nodes: [node], facts, opset: 17, seeds: new Map([[output, "dy"]]), wrt: ["x", "s"] });
  b.output(output, "y");
  b.output(gradients.get("x")!, "dx");
  b.output(gradients.get("s")!, "ds");
  const session = await TestSession.create(b.model({ opset: 17, irVersion: 8 }), "disabled");
  const { y, dx, ds } = await session.run(inputs);
  await session.release();
  return { y: [...floatData(y!)], dx: [...floatData(dx!)], ds: floatData(ds!)[0]! };
}

describe("a fake quantizer", () => {
  // Two bits, zero point 1, step 0.5: the grid is -0.5, 0, 0.5, 1.
  const grid = { bits: 2, zeroPoint: 1, scale: 0.5 };

  it("rounds to the grid, halves to even, and saturates", async () => {
    const { y } = await run({ ...grid, x: [-3, -0.3, -0.2, 0.24, 0.25, 0.3, 0.75, 0.9, 7], dy: Array(9).fill(0) });
    expect(y).toEqual([-0.5, -0.5, 0, 0, 0, 0.5, 1, 1, 1]);
  });

  it("passes gradients straight through inside its range, and none outside", async () => {
    const { dx } = await run({ ...grid, x: [-0.6, -0.4, 0.1, 0.95, 1.1], dy: [1, 2, 3, 4, 5] });
    expect(dx).toEqual([0, 2, 3, 4, 0]);
  });

  it("has Esser's gradient at its step: (q - x)/s inside, the end's level outside", async () => {
    // -v + round(v) at v = -0.8, 0.4, 1.8; the lowest level is -1, the highest 2.
    const { ds } = await run({ ...grid, x: [-0.6, -0.4, 0.2, 0.9, 1.1], dy: [1, 10, 100, 1000, 10000] });
    expect(ds).toBeCloseTo(1 * -1 + 10 * -0.2 + 100 * -0.4 + 1000 * 0.2 + 10000 * 2, 2);
  });

  it("has the finite difference's gradient at its step where everything is saturated", async () => {
    const values = { bits: 4, zeroPoint: 6, x: [-9, 12, 30], dy: [0.5, -1.5, 2] };
    const loss = async (scale: number) => (await run({ ...values, scale })).y.reduce((sum, y, i) => sum + y * values.dy[i]!, 0);
    const { ds } = await run({ ...values, scale: 0.7 });
    expect(ds).toBeCloseTo(((await loss(0.75)) - (await loss(0.65))) / 0.1, 3);
  });

  it("leaves kept elements as they are, with the gradient of the identity", async () => {
    const { y, dx, ds } = await run({ ...grid, x: [-0.6, 0.2, 0.2, 5], dy: [1, 10, 100, 1000], kept: [1, 0, 1, 1] });
    expect(y.map((value) => Math.fround(value))).toEqual([-0.6, 0, 0.2, 5].map(Math.fround));
    expect(dx).toEqual([1, 10, 100, 1000]);
    expect(ds).toBeCloseTo(10 * -0.4, 4);
  });
});

describe("random masks", () => {
  const dims = [3, 7, 101];

  async function masks(seed: number, count: number): Promise<Float32Array[]> {
    const b = new GraphBuilder();
    b.output(new RandomMasks(b, createRandom(seed)).emit(dims), "mask");
    const session = await TestSession.create(b.model({ opset: 17, irVersion: 8 }));
    const results: Float32Array[] = [];
    for (let i = 0; i < count; i++) results.push(floatData((await session.run({})).mask!));
    await session.release();
    return results;
  }

  it("are half ones, and differ from step to step and from seed to seed", async () => {
    const [first, second] = await masks(1, 2);
    const [other] = await masks(2, 1);
    expect(first).toHaveLength(3 * 7 * 101);
    expect(new Set(first)).toEqual(new Set([0, 1]));
    const size = first!.length;
    const agreement = (a: Float32Array, c: Float32Array) => a.reduce((sum, value, i) => sum + (value === c[i] ? 1 : 0), 0) / size;
    expect(first!.reduce((sum, value) => sum + value, 0) / size).toBeCloseTo(0.5, 1);
    expect(agreement(first!, second!)).toBeCloseTo(0.5, 1);
    expect(agreement(first!, other!)).toBeCloseTo(0.5, 1);
  });

  it("are the same for a seed", async () => {
    expect(await masks(5, 3)).toEqual(await masks(5, 3));
  });
});
