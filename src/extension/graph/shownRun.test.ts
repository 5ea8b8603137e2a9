import { expect, test } from "vitest";
import { fakeGraph } from "../../../test/extension/fixtures/fakeGraph.ts";
import { fakeResult } from "../../../test/extension/fixtures/fakeResult.ts";
import { parseConfigDocument } from "../configDocument.ts";
import { layerOfOverride, overrideName, ownBits, shownRun } from "./shownRun.ts";

const graph = fakeGraph("tiny.onnx");
const runOf = (settings: unknown) => parseConfigDocument(JSON.stringify({ runs: { r: settings } })).runs[0]!;

test("bits follow the run, its ends and overrides, by alias too", () => {
  const run = runOf({ weights: 2, activations: 4, layers: { stem: { weights: 6 }, "layer1.0.conv1": { activations: 8 } } });
  const { bits, firstLast } = shownRun(graph, run, undefined);
  expect(bits).toMatchObject({
    conv1: { weights: 6, activations: 8 },
    "layer1.0.conv1": { weights: 2, activations: 8 },
    "layer1.0.conv2": { weights: 2, activations: 4 },
    fc: { weights: 8, activations: 8 },
  });
  expect(firstLast).toEqual(["fc"]);
  expect(overrideName(graph, run, "conv1")).toBe("stem");
  expect(layerOfOverride(graph, "stem")).toBe("conv1");
  expect(ownBits(graph, run, "conv1")).toEqual({ weights: 8, activations: 8 });
});

test("mistakes in the text count as not written", () => {
  expect(shownRun(graph, runOf({ weights: 99, layers: { fc: { weights: "x" }, nobody: { weights: 2 } } }), undefined).bits).toMatchObject({
    "layer1.0.conv1": { weights: 4, activations: "fp32" },
    fc: { weights: 8, activations: "fp32" },
  });
  expect(shownRun(graph, runOf(7), undefined).bits.fc).toEqual({ weights: 8, activations: "fp32" });
});

test("a searched run shows the bits of its last search", () => {
  const result = fakeResult("w3", "out.onnx");
  expect(shownRun(graph, runOf({ search: { limit: {} }, layers: { fc: { weights: 5 } } }), result).bits).toMatchObject({
    "layer1.0.conv1": { weights: 3 },
    fc: { weights: 5 },
  });
});

test("without a run everything is FP32", () => {
  const shown = shownRun(graph, undefined, undefined);
  expect(shown.run).toBeUndefined();
  expect(shown.bits.conv1).toEqual({ weights: "fp32", activations: "fp32" });
});
