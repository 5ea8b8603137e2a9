import { describe, it } from "vitest";
import { checkGradient } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { alongAxis } from "../../../../test/support/reference/windows.ts";
import { float } from "../../graph/attributes.ts";
import { floatTensor, int64Tensor, type Tensor } from "../../onnx/tensor.ts";

type Transform = (place: number, scale: number, input: number, output: number) => number;

const transforms: Record<string, Transform> = {
  asymmetric: (place, scale) => place / scale,
  half_pixel: (place, scale) => (place + 0.5) / scale - 0.5,
  pytorch_half_pixel: (place, scale, _, output) => (output > 1 ? (place + 0.5) / scale - 0.5 : 0),
  align_corners: (place, _, input, output) => (output > 1 ? (place * (input - 1)) / (output - 1) : 0),
};

function weights(mode: string, transform: Transform, input: number, output: number, scale: number): number[][] {
  const clamp = (p: number) => Math.min(Math.max(p, 0), input - 1);
  return Array.from({ length: output }, (_, place) => {
    const row = new Array<number>(input).fill(0);
    const x = transform(place, scale, input, output);
    if (mode === "nearest") row[clamp(Math.floor(x))] = 1;
    else for (let i = 0; i < input; i++) row[i] = Math.max(0, 1 - Math.abs(clamp(x) - i));
    return row;
  });
}

const scalePairs: [number, number][] = [
  [2, 2],
  [2, 3],
  [1.5, 2.5],
  [0.5, 0.6],
  [1, 2],
];

describe("Resize", () => {
  const modes = ["nearest", "linear"].flatMap((mode) => Object.keys(transforms).map((name) => ({ mode, name })));
  it.each(modes)("$mode, $name, by scales", async ({ mode, name }) => {
    for (const [i, scales] of scalePairs.entries()) {
      const input = [4, 5];
      const output = input.map((length, axis) => Math.floor(length * scales[axis]!));
      const random = new TestRandom(i);
      await checkGradient({
        opType: "Resize",
        attributes: { mode, coordinate_transformation_mode: name, nearest_mode: "floor" },
        inputs: [random.tensor([2, 2, ...input]), undefined, floatTensor([1, 1, ...scales])],
        differentiable: [0],
        reference: ([x]) =>
          input.reduce<Tensor & { data: Float64Array }>(
            (value, length, axis) => alongAxis(value, axis + 2, weights(mode, transforms[name]!, length, output[axis]!, scales[axis]!)),
            x as Tensor & { data: Float64Array },
          ),
      });
    }
  });

  it("nearest by sizes", async () => {
    const random = new TestRandom(9);
    await checkGradient({
      opType: "Resize",
      attributes: { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
      inputs: [random.tensor([1, 2, 3, 4]), undefined, undefined, int64Tensor([1, 2, 6, 8])],
      differentiable: [0],
      reference: ([x]) =>
        alongAxis(alongAxis(x!, 2, weights("nearest", transforms.asymmetric!, 3, 6, 2)), 3, weights("nearest", transforms.asymmetric!, 4, 8, 2)),
    });
  });
});

describe("BatchNormalization", () => {
  it("at inference", async () => {
    const random = new TestRandom(4);
    const variance: Tensor = { type: "double", dims: [3], data: Float64Array.of(0.5, 1, 2) };
    await checkGradient({
      opType: "BatchNormalization",
      attributes: { epsilon: float(0.01) },
      inputs: [random.tensor([2, 3, 2, 4]), random.tensor([3]), random.tensor([3]), random.tensor([3]), variance],
      differentiable: [0, 1, 2],
    });
  });
});

describe("DepthToSpace", () => {
  it.each(["DCR", "CRD"])("%s", async (mode) => {
    const random = new TestRandom(6);
    await checkGradient({ opType: "DepthToSpace", attributes: { blocksize: 2, mode }, inputs: [random.tensor([2, 8, 2, 3])], differentiable: [0] });
  });
});
