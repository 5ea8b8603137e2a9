import { expect, test } from "vitest";
import { fakeResult } from "../../test/extension/fixtures/fakeResult.ts";
import { compareRuns, comparisonToCsv, comparisonToMarkdown, formatValue } from "./comparison.ts";

const results = [fakeResult("w4", "a.onnx"), fakeResult("w2", "b.onnx")];

test("puts metrics, bits and losses of runs side by side", () => {
  const comparison = compareRuns(results);
  expect(comparison.runs).toEqual(["w4", "w2"]);
  const row = (label: string) => comparison.overview.find((candidate) => candidate.label === label);
  expect(row("Top-1")?.values).toEqual([80.53, 80.03]);
  expect(row("Top-1 − FP32")?.values.map((value) => Number(value).toFixed(2))).toEqual(["-0.50", "-1.00"]);
  expect(row("mAP")).toBeUndefined();
  expect(row("Size")).toMatchObject({ better: "lower", values: [3976, 1988] });
  expect(comparison.layers.map(({ label, values }) => [label, ...values])).toContainEqual(["layer1.0.conv1", 4, 2]);
  expect(comparison.blocks[0]).toEqual({ name: "conv1", before: [1, 2], after: [0.1, 0.2] });
});

test("the average counts each layer by its weights", () => {
  const [result] = results;
  const layers = [
    { ...result!.layers[0]!, parameters: 100, weightBits: 8 },
    { ...result!.layers[1]!, parameters: 300, weightBits: "fp32" as const },
  ];
  const row = compareRuns([{ ...result!, layers }]).overview.find(({ label }) => label === "Average bits of weights");
  expect(row?.values).toEqual([26]);
});

test("a layer that one run lacks is left empty", () => {
  const short = { ...results[1]!, layers: results[1]!.layers.slice(0, 1) };
  const fc = compareRuns([results[0]!, short]).layers.find(({ label }) => label === "fc");
  expect(fc?.values).toEqual([8, undefined]);
});

test("CSV quotes names and disarms formulas", () => {
  const named = results.map((result) => ({ ...result, run: '=cmd("x")', layers: [{ ...result.layers[0]!, name: "a,b" }] }));
  const lines = comparisonToCsv(compareRuns(named)).split("\n");
  expect(lines[0]).toBe(`section,name,unit,"'=cmd(""x"")","'=cmd(""x"")"`);
  expect(lines.find((line) => line.startsWith("layer"))).toBe('layer,"a,b",bits,8,8');
  expect(lines.find((line) => line.startsWith("overview,Size,"))).toBe("overview,Size,bytes,3976,1988");
});

test("Markdown has a table each for overview, layers and blocks", () => {
  const markdown = comparisonToMarkdown(compareRuns(results));
  expect(markdown).toContain("| Top-1 | 80.53 % | 80.03 % |");
  expect(markdown).toContain("| layer1.0.conv1 | 4 | 2 |");
  expect(markdown).toContain("| conv1 | 1.00 → 0.100 | 2.00 → 0.200 |");
});

test("differences show their sign", () => {
  expect(formatValue(-0.5, "points")).toBe("−0.50");
  expect(formatValue(0.25, "points")).toBe("+0.25");
  expect(formatValue(undefined, "%")).toBe("–");
});
