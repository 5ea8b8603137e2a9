import { expect, it } from "vitest";
import { TestSession } from "../../../test/support/session.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { floatData, floatScalar, floatTensor, type Tensor } from "../onnx/tensor.ts";
import { adamFactors, emitAdam } from "./adam.ts";

it("follows algorithm 1 of the paper over some steps", async () => {
  const b = new GraphBuilder();
  for (const name of ["value", "mean", "square", "gradient"]) b.input(name, "float", [3]);
  for (const name of ["step", "correction"]) b.input(name, "float", []);
  const updated = emitAdam(b, { value: "value", mean: "mean", square: "square", gradient: "gradient", step: "step", correction: "correction" });
  for (const [name, value] of Object.entries(updated)) b.output(value, `${name}_out`, "float", [3]);
  const session = await TestSession.create(b.model({ opset: 17, irVersion: 8 }));

  const rate = 0.1;
  const expected = { x: [1, -2, 0.5], m: [0, 0, 0], v: [0, 0, 0] };
  let state: Record<string, Tensor> = { value: floatTensor([1, -2, 0.5]), mean: floatTensor([0, 0, 0]), square: floatTensor([0, 0, 0]) };
  for (let t = 1; t <= 5; t++) {
    const gradient = expected.x.map((x, i) => 2 * x + i);
    expected.x.forEach((_, i) => {
      const g = gradient[i]!;
      expected.m[i] = 0.9 * expected.m[i]! + 0.1 * g;
      expected.v[i] = 0.999 * expected.v[i]! + 0.001 * g * g;
      const mean = expected.m[i]! / (1 - 0.9 ** t);
      const square = expected.v[i]! / (1 - 0.999 ** t);
      expected.x[i] = expected.x[i]! - (rate * mean) / (Math.sqrt(square) + 1e-8);
    });
    const { step, correction } = adamFactors(rate, t);
    const results = await session.run({ ...state, gradient: floatTensor(gradient), step: floatScalar(step), correction: floatScalar(correction) });
    state = Object.fromEntries(["value", "mean", "square"].map((name) => [name, results[`${name}_out`]!]));
    floatData(state.value!).forEach((x, i) => {
      expect(x).toBeCloseTo(expected.x[i]!, 5);
    });
  }
  await session.release();
});
