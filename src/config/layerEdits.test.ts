import { parse } from "jsonc-parser";
import { describe, expect, it } from "vitest";
import { applyTextEdits } from "./edits.ts";
import { changeLayers, differingPart } from "./layerEdits.ts";

const text = `{
  "model": "a.onnx",
  "runs": {
    "w2": {
      "weights": 2,
      "layers": {
        // the stem is touchy
        "conv1": { "weights": 8 }, // keep
        "fc": { "weights": 8, "activations": 8 }
      }
    },
    "w4": { "weights": 4 } // plain
  }
}
`;
const layersOf = (changed: string, run: string) => parse(changed).runs[run].layers;

describe("changeLayers", () => {
  it("sets, adds and completes overrides in one go", () => {
    const changed = changeLayers(text, "w2", "activations", [
      { layer: "conv1", bits: 4 },
      { layer: "fc", bits: "fp32" },
      { layer: "layer1.0.conv1", bits: 6 },
      { layer: "layer1.0.conv2", bits: 6 },
    ]);
    expect(layersOf(changed, "w2")).toEqual({
      conv1: { weights: 8, activations: 4 },
      fc: { weights: 8, activations: "fp32" },
      "layer1.0.conv1": { activations: 6 },
      "layer1.0.conv2": { activations: 6 },
    });
    expect(changed).toContain("// the stem is touchy\n");
    expect(changed).toContain("// keep\n");
    expect(changed).toContain('\n        "layer1.0.conv1": { "activations": 6 },\n        "layer1.0.conv2"');
  });

  it("makes the object of overrides where a run has none", () => {
    const changed = changeLayers(text, "w4", "weights", [
      { layer: "a", bits: 2 },
      { layer: "b", bits: 3 },
    ]);
    expect(layersOf(changed, "w4")).toEqual({ a: { weights: 2 }, b: { weights: 3 } });
    expect(changed).toContain("// plain");
  });

  it("removes overrides and what becomes empty, but no comment", () => {
    const one = changeLayers(text, "w2", "weights", [{ layer: "fc", bits: undefined }]);
    expect(layersOf(one, "w2")).toEqual({ conv1: { weights: 8 }, fc: { activations: 8 } });
    const two = changeLayers(one, "w2", "activations", [{ layer: "fc", bits: undefined }]);
    expect(layersOf(two, "w2")).toEqual({ conv1: { weights: 8 } });
    expect(two).toContain("// keep");
    const three = changeLayers(two, "w2", "weights", [{ layer: "conv1", bits: undefined }]);
    expect(layersOf(three, "w2")).toEqual({});
    expect(three).toContain("// the stem is touchy");
    expect(three).toContain("// keep");
  });

  it("gives the first text again when what was added is removed", () => {
    const added = changeLayers(text, "w2", "weights", [{ layer: "x", bits: 3 }]);
    expect(changeLayers(added, "w2", "weights", [{ layer: "x", bits: undefined }])).toBe(text);
  });

  it("removes from one line", () => {
    const line = '{ "runs": { "r": { "layers": { "a": { "weights": 2 }, "b": { "weights": 3 } } } } }';
    expect(changeLayers(line, "r", "weights", [{ layer: "b", bits: undefined }])).toBe(
      '{ "runs": { "r": { "layers": { "a": { "weights": 2 } } } } }',
    );
    expect(changeLayers(line, "r", "weights", [{ layer: "a", bits: undefined }])).toBe(
      '{ "runs": { "r": { "layers": { "b": { "weights": 3 } } } } }',
    );
  });

  it("writes names that look like code as text", () => {
    const name = '"]}<img src=x onerror=alert(1)>';
    expect(layersOf(changeLayers(text, "w4", "weights", [{ layer: name, bits: 2 }]), "w4")).toEqual({ [name]: { weights: 2 } });
  });

  it("takes a thousand layers in a moment", () => {
    const changes = Array.from({ length: 4000 }, (_, i) => ({ layer: `layer${i}`, bits: 3 }));
    const started = performance.now();
    expect(Object.keys(layersOf(changeLayers(text, "w4", "weights", changes), "w4"))).toHaveLength(4000);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe("differingPart", () => {
  it("is the smallest edit", () => {
    expect(differingPart("abcdef", "abXdef")).toEqual({ offset: 2, length: 1, content: "X" });
    expect(differingPart("aaa", "aaaa")).toEqual({ offset: 3, length: 0, content: "a" });
    expect(differingPart("same", "same")).toBeUndefined();
    for (const [before, after] of [
      ["abab", "ab"],
      ["", "x"],
      ["xyx", "x"],
    ] as const) {
      expect(applyTextEdits(before, [differingPart(before, after)!])).toBe(after);
    }
  });
});
