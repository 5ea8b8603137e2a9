import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { operatorGradients } from "../../../test/support/gradientCheck.ts";
import type { Tensor } from "../onnx/tensor.ts";
import { gradientRules, hasRule } from "./rules.ts";
import { withoutGradient } from "./withoutGradient.ts";

const x: Tensor = { type: "double", dims: [2, 3], data: Float64Array.of(1, -2, 3, 0.5, -0.5, 2) };

describe("the table of gradient rules", () => {
  // Test files run in processes of their own, so that what they check is read from their text.
  it("has no row that no finite-difference test names", () => {
    const folder = new URL("rules/", import.meta.url);
    const tests = readdirSync(folder)
      .filter((file) => file.endsWith(".test.ts"))
      .map((file) => readFileSync(new URL(file, folder), "utf8"))
      .filter((text) => text.includes("checkGradient("))
      .join("\n");
    const named = new Set([...tests.matchAll(/"([A-Z][A-Za-z0-9]+)"/g)].map((match) => match[1]!));
    const unchecked = [...gradientRules].filter(([opType, rule]) => rule !== withoutGradient && !named.has(opType)).map(([opType]) => opType);
    expect(unchecked).toEqual([]);
  });

  it("serves the default domain under both of its names, and no other", () => {
    expect([hasRule("Relu"), hasRule("Relu", "ai.onnx"), hasRule("Relu", "com.example"), hasRule("Relu6")]).toEqual([true, true, false, false]);
  });
});

describe("operators that end gradients", () => {
  const unary = ["Sign", "Shape", "Size", "IsNaN", "IsInf", "ArgMax", "ArgMin"];
  it.each(unary)("%s", async (opType) => {
    expect(await operatorGradients({ opType, inputs: [x], differentiable: [0] }, [opType === "Sign" ? x : undefined])).toEqual([undefined]);
  });

  it.each(["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"])("%s", async (opType) => {
    expect(await operatorGradients({ opType, inputs: [x, x], differentiable: [0, 1] }, [undefined])).toEqual([undefined, undefined]);
  });

  it("are those, and those that take no floating-point number from a value", () => {
    const inTable = [...gradientRules].filter(([, rule]) => rule === withoutGradient).map(([opType]) => opType);
    const comparisons = ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"];
    const others = ["And", "Or", "Not", "Xor", "Constant", "ConstantOfShape", "NonMaxSuppression", "NonZero"];
    expect(inTable.toSorted()).toEqual([...unary, ...comparisons, ...others].toSorted());
  });
});
