import { describe, expect, it } from "vitest";
import { fakeGraph } from "../../../test/extension/fixtures/fakeGraph.ts";
import { parseNodeData } from "./nodeData.ts";

const graph = fakeGraph("tiny.onnx");
const parse = (data: unknown) => parseNodeData(JSON.stringify(data), "data.json", graph);

describe("parseNodeData", () => {
  it("takes names of layers, operators, values and aliases", () => {
    const results = {
      "layer1.0.conv1": { value: 1 },
      "/fc/Conv": { value: "2" },
      value1: { value: 3, bgColor: "#ff0000" },
      stem: { value: 4 },
      other: { value: 5 },
    };
    expect(Object.keys(parse({ results }).values).sort()).toEqual(["conv1", "fc", "layer1.0.conv1"]);
    expect(parse({ results }).values).toEqual({ conv1: { value: 4 }, fc: { value: 2 }, "layer1.0.conv1": { value: 3, colour: "#ff0000" } });
  });

  it("takes the wrapping by graph, thresholds and gradients", () => {
    const thresholds = [
      { value: 10, bgColor: "red" },
      { value: 1, bgColor: "green" },
    ];
    const wrapped = parse({ main: { results: { conv1: { value: 0.5 }, fc: { value: 7 } }, thresholds } });
    expect(wrapped.values).toEqual({ conv1: { value: 0.5, colour: "green" }, fc: { value: 7, colour: "red" } });
    const gradient = [
      { stop: 1, bgColor: "yellow" },
      { stop: 0, bgColor: "rgb(0, 10, 20)" },
    ];
    expect(parse({ results: { conv1: { value: 1 } }, gradient }).gradient).toEqual([
      { stop: 0, colour: "rgb(0, 10, 20)" },
      { stop: 1, colour: "yellow" },
    ]);
  });

  it("refuses what is no such file, in one sentence", () => {
    expect(() => parseNodeData("{", "data.json", graph)).toThrow(/data.json is no JSON/);
    expect(() => parse([])).toThrow(/not in the format/);
    expect(() => parse({ results: { conv1: 3 } })).toThrow(/results.conv1/);
    expect(() => parse({ results: { conv1: { value: 1, bgColor: "url(http://x)" } } })).toThrow(/no colour/);
    expect(() => parse({ results: { nobody: { value: 1 } } })).toThrow(/None of the 1 names/);
  });
});
