import { describe, expect, it } from "vitest";
import { checkGradient, operatorGradients } from "../../../../test/support/gradientCheck.ts";
import { TestRandom } from "../../../../test/support/random.ts";
import { int64Tensor, type Tensor } from "../../onnx/tensor.ts";

const axesCases: number[][] = [[1], [0, 2], [-1], [-1, 0], [3, 2], [0, 1, 2, 3], []];
const dims = [2, 3, 1, 4];

/** Axes as the operator takes them in an opset: ReduceSum as an input since 13, the others since 18. */
function withAxes(opType: string, opset: number, axes: number[]): { inputs: Tensor[]; attributes: Record<string, number[]> } {
  if (axes.length === 0) return { inputs: [], attributes: {} };
  const asInput = opset >= (opType === "ReduceSum" ? 13 : 18);
  return asInput ? { inputs: [int64Tensor(axes)], attributes: {} } : { inputs: [], attributes: { axes } };
}

describe.each(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"])("gradient of %s", (opType) => {
  it.each(axesCases)("over axes [%s, %s, %s, %s]", async (...axes) => {
    const random = new TestRandom(1);
    // The axes of ReduceSum became an input in opset 13; the extrema's own gradient needs that form.
    const opsets = opType === "ReduceSum" || opType === "ReduceMean" ? [11, 13, 17, 18, 21] : [13, 17, 18, 21];
    for (const opset of opsets) {
      for (const keepdims of [undefined, 0, 1]) {
        const given = withAxes(opType, opset, axes);
        const inputs = [random.distinctTensor(dims), ...given.inputs];
        await checkGradient({ opType, attributes: { keepdims, ...given.attributes }, inputs, differentiable: [0], opset });
      }
    }
  });

  it("without axes reduces all, or nothing with noop_with_empty_axes", async () => {
    const random = new TestRandom(2);
    for (const noop of [0, 1]) {
      for (const empty of [undefined, int64Tensor([])]) {
        const inputs = [random.distinctTensor([2, 3]), empty];
        await checkGradient({ opType, attributes: { noop_with_empty_axes: noop, keepdims: noop }, inputs, differentiable: [0], opset: 18 });
      }
    }
  });
});

describe("gradient of maxima", () => {
  it("is shared by equal elements", async () => {
    const x: Tensor = { type: "double", dims: [2, 3], data: Float64Array.of(1, 3, 3, 5, 2, 1) };
    const dy: Tensor = { type: "double", dims: [2], data: Float64Array.of(8, 7) };
    const check = { opType: "ReduceMax", attributes: { axes: [1], keepdims: 0 }, inputs: [x], differentiable: [0] };
    const [gradient] = await operatorGradients(check, [dy]);
    expect([...(gradient!.data as Float64Array)]).toEqual([0, 4, 4, 7, 0, 0]);
  });

  it.each([[[2, 3, 4, 5]], [[1, 2, 6]], [[2, 2, 2, 3, 2]]])("GlobalMaxPool of %j", async (shape) => {
    const random = new TestRandom(3);
    for (const opset of [13, 17, 21, 22]) {
      await checkGradient({ opType: "GlobalMaxPool", inputs: [random.distinctTensor(shape)], differentiable: [0], opset, reference: globalMax });
    }
  });
});

function globalMax([x]: readonly (Tensor | undefined)[]) {
  const { dims, data } = x as Tensor & { data: Float64Array };
  const [batch, channels] = dims as [number, number];
  const size = data.length / (batch * channels);
  const maxima = Float64Array.from({ length: batch * channels }, (_, i) => Math.max(...data.subarray(i * size, (i + 1) * size)));
  return { type: "double" as const, dims: [batch, channels, ...dims.slice(2).map(() => 1)], data: maxima };
}
