import { expect, test } from "vitest";
import { applyTextEdits, setLayerBits, setValue } from "./edits.ts";

const text = `{
  // the network
  "model": "a.onnx",
  "runs": {
    "w4": { "weights": 4, /* keep */ "layers": { "conv1": { "weights": 8 } } },
  }
}
`;

test("a layer's bits change in place and comments stay", () => {
  const edits = setLayerBits(text, "w4", "conv1", "weights", 7);
  expect(applyTextEdits(text, edits)).toBe(text.replace('"conv1": { "weights": 8 }', '"conv1": { "weights": 7 }'));
  expect(edits).toHaveLength(1);
});

test("a new layer is added beside the others", () => {
  const changed = applyTextEdits(text, setLayerBits(text, "w4", "fc", "weights", "fp32"));
  expect(changed).toContain("/* keep */");
  expect(changed).toContain("// the network");
  expect(changed).toMatch(/"fc": \{\s*"weights": "fp32"\s*\}/);
});

test("a value is removed with its comma", () => {
  const changed = applyTextEdits(text, setValue(text, ["runs", "w4", "layers"], undefined));
  expect(changed).not.toContain("conv1");
  expect(changed).toContain('"weights": 4');
});
