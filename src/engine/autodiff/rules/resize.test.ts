import { describe, expect, it } from "vitest";
import { checkGradient, type DoubleTensor, type ReferenceForward } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { TestSession } from "../../../../test/support/session.ts";
import { type AttributeValue, float } from "../../graph/attributes.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { floatTensor, int64Tensor, sizeOf, type Tensor } from "../../onnx/tensor.ts";

interface Case {
  attributes: Record<string, AttributeValue | undefined>;
  /** Lengths of the spatial axes. */
  input: number[];
  scales?: number[];
  sizes?: number[];
  roi?: number[];
  opset?: number;
}

/** Resize is linear in each plane, so that ONNX Runtime's own matrix, one column a unit image, is the reference. */
async function ortMatrix(resize: Case): Promise<{ output: readonly number[]; matrix: Float32Array }> {
  const count = sizeOf(resize.input);
  const builder = new GraphBuilder();
  builder.input("x", "float", [count, 1, ...resize.input]);
  const constants = resizeInputs(resize, count, 1).map((tensor) => (tensor ? builder.constant(tensor) : ""));
  builder.output(builder.op("Resize", ["x", ...constants], resize.attributes), "y");
  const session = await TestSession.create(builder.model({ opset: resize.opset ?? 17 }));
  const units = new Float32Array(count * count);
  for (let i = 0; i < count; i++) units[i * count + i] = 1;
  const { y } = await session.run({ x: floatTensor(units, [count, 1, ...resize.input]) });
  await session.release();
  return { output: y!.dims.slice(2), matrix: y!.data as Float32Array };
}

/** Roi, scales and sizes; with `axes` for the spatial axes alone, else for all. */
function resizeInputs({ attributes, scales, sizes, roi, input }: Case, batch: number, channels: number): (Tensor | undefined)[] {
  const named = attributes.axes !== undefined;
  const rank = input.length;
  const region = roi && floatTensor(named ? roi : [0, 0, ...roi.slice(0, rank), 1, 1, ...roi.slice(rank)]);
  if (scales) return [region, floatTensor(named ? scales : [1, 1, ...scales])];
  return [region, undefined, int64Tensor(named ? sizes! : [batch, channels, ...sizes!])];
}

async function checkResize(resize: Case, seed = 1): Promise<void> {
  const { output, matrix } = await ortMatrix(resize);
  const inputs = sizeOf(resize.input);
  const outputs = sizeOf(output);
  const reference: ReferenceForward = ([x]) => {
    const { dims, data } = x as DoubleTensor;
    const planes = dims[0]! * dims[1]!;
    const y = new Float64Array(planes * outputs);
    for (let plane = 0; plane < planes; plane++) {
      for (let i = 0; i < inputs; i++) {
        for (let o = 0; o < outputs; o++) y[plane * outputs + o]! += matrix[i * outputs + o]! * data[plane * inputs + i]!;
      }
    }
    return { type: "double", dims: [dims[0]!, dims[1]!, ...output], data: y };
  };
  await checkGradient({
    opType: "Resize",
    attributes: resize.attributes,
    inputs: [new TestRandom(seed).tensor([2, 2, ...resize.input]), ...resizeInputs(resize, 2, 2)],
    differentiable: [0],
    opset: resize.opset,
    reference,
  });
}

const coordinates = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"];
const scalePairs = [
  [2, 2],
  [3, 2],
  [1.5, 2.5],
  [0.5, 0.6],
  [1, 2],
  [0.3, 1 / 3],
];
const sizePairs = [
  [8, 10],
  [7, 3],
  [1, 13],
];
const opsets = [13, 17, 21, 25];

describe("gradient of Resize", () => {
  describe.each(coordinates)("with the coordinates %s", (name) => {
    it.each(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"])("nearest, %s", async (nearest) => {
      const attributes = { mode: "nearest", coordinate_transformation_mode: name, nearest_mode: nearest };
      for (const [i, scales] of scalePairs.entries()) await checkResize({ attributes, input: [4, 5], scales, opset: opsets[i % 4] });
      for (const [i, sizes] of sizePairs.entries()) await checkResize({ attributes, input: [4, 5], sizes, opset: opsets[i % 4] });
    });

    it("linear", async () => {
      const attributes = { mode: "linear", coordinate_transformation_mode: name };
      for (const [i, scales] of scalePairs.entries()) await checkResize({ attributes, input: [4, 5], scales, opset: opsets[i % 4] });
      for (const [i, sizes] of sizePairs.entries()) await checkResize({ attributes, input: [4, 5], sizes, opset: opsets[i % 4] });
    });

    it("cubic", async () => {
      for (const extra of [{}, { cubic_coeff_a: float(-0.5) }, { exclude_outside: 1 }]) {
        const attributes = { mode: "cubic", coordinate_transformation_mode: name, ...extra };
        for (const scales of scalePairs) await checkResize({ attributes, input: [4, 5], scales });
      }
    });
  });

  it("falls to the same element as ONNX Runtime where a position is on the verge of two", async () => {
    const random = new TestRandom(3);
    for (let i = 0; i < 40; i++) {
      const attributes = {
        mode: "nearest",
        coordinate_transformation_mode: random.pick(coordinates),
        nearest_mode: random.pick(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]),
      };
      const input = [random.integer(1, 7), random.integer(1, 12)];
      const sizes = input.map((length) => random.integer(1, 2 * length + 3));
      await checkResize({ attributes, input, sizes }, i);
      const scales = input.map((length) => random.integer(Math.ceil(10 / length), 40) / 10);
      await checkResize({ attributes, input, scales }, i);
    }
  });

  it("of one and of three axes", async () => {
    for (const mode of ["nearest", "linear"]) {
      await checkResize({ attributes: { mode }, input: [5], scales: [2.4] });
      await checkResize({ attributes: { mode }, input: [3, 2, 4], sizes: [2, 5, 8] });
    }
    await checkResize({ attributes: { mode: "nearest" }, input: [2, 3, 2], scales: [2, 1, 3] });
  });

  it("by symmetric half pixels", async () => {
    for (const mode of ["nearest", "linear"]) {
      for (const scales of scalePairs) {
        await checkResize({ attributes: { mode, coordinate_transformation_mode: "half_pixel_symmetric" }, input: [4, 5], scales, opset: 19 });
      }
    }
  });

  it("of named axes, and with the aspect ratio kept", async () => {
    await checkResize({ attributes: { mode: "linear", axes: [2, 3] }, input: [4, 5], scales: [1.3, 1.5], opset: 18 });
    await checkResize({ attributes: { mode: "linear", axes: [-2, -1] }, input: [4, 5], sizes: [7, 3], opset: 18 });
    for (const policy of ["stretch", "not_larger", "not_smaller"]) {
      const attributes = { mode: "linear", axes: [2, 3], keep_aspect_ratio_policy: policy };
      await checkResize({ attributes, input: [4, 6], sizes: [7, 9], opset: 18 });
    }
  });

  it("of a cropped region", async () => {
    for (const mode of ["nearest", "linear"]) {
      const attributes = { mode, coordinate_transformation_mode: "tf_crop_and_resize" };
      await checkResize({ attributes, input: [5, 6], sizes: [4, 7], roi: [0.2, 0.1, 0.9, 0.7] });
      await checkResize({ attributes, input: [5, 6], sizes: [5, 6], roi: [-0.2, 0.5, 1.3, 1.2] });
      await checkResize({ attributes, input: [5, 6], sizes: [5, 7], roi: [-0.2, 0.5, 1.3, 1.2] });
      await checkResize({ attributes, input: [5, 6], sizes: [1, 3], roi: [0.2, 0.1, 0.9, 0.7] });
    }
  });

  it("is refused with antialiasing", async () => {
    const attributes = { mode: "linear", antialias: 1 };
    await expect(checkResize({ attributes, input: [4, 4], scales: [0.5, 0.5], opset: 18 })).rejects.toThrow(
      "The gradient of Resize with antialiasing is not known.",
    );
  });
});
