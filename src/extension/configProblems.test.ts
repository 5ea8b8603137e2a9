import { expect, test } from "vitest";
import { applyTextEdits } from "../config/edits.ts";
import type { Inspection } from "../config/inspection.ts";
import { parseConfigDocument } from "./configDocument.ts";
import { findProblems, namedPaths, type Surroundings } from "./configProblems.ts";

const layer = (name: string, shape: number[]) => ({ name, op: "Conv", shape, parameters: 0, macs: 0, block: name, output: [] });
const inspection: Inspection = {
  model: "a.onnx",
  opset: 17,
  inputs: [],
  outputs: [],
  layers: [layer("conv1", [10, 10]), layer("layer1.0.conv1", [100, 10]), layer("fc", [10, 10])],
  blocks: [],
  unsupported: [],
  parameters: 0,
  macs: 0,
};
const nothingMissing: Surroundings = { found: new Map(), neighbours: new Map() };

/** The config's problems, each as `code: text it stands at: message`. */
function problemsOf(text: string, surroundings: Surroundings = { ...nothingMissing, inspection }) {
  const problems = findProblems(parseConfigDocument(text), surroundings);
  return problems.map((problem) => ({
    ...problem,
    at: text.slice(problem.span.offset, problem.span.offset + problem.span.length),
    fixed: problem.fix && applyTextEdits(text, problem.fix.edits),
  }));
}

const withRun = (run: string) => `{ "model": "a.onnx", "calibration": { "images": "c" }, "runs": { "r": ${run} } } // end`;

test("a correct config has no problems", () => {
  expect(problemsOf(withRun('{ "weights": 2, "activations": "fp32", "layers": { "fc": { "weights": 8 } } }'))).toEqual([]);
});

test("a misspelt layer is found at its name, with a fix", () => {
  const [problem] = problemsOf(withRun('{ "layers": { "layer1.0.con1": { "weights": 8 } } }'));
  expect(problem).toMatchObject({ code: "unknown-layer", at: '"layer1.0.con1"', message: expect.stringContaining('Did you mean "layer1.0.conv1"?') });
  expect(problem!.fixed).toContain('"layer1.0.conv1": { "weights": 8 }');
});

test("a layer that is like no other gets no suggestion", () => {
  const [problem] = problemsOf(withRun('{ "layers": { "transformer.h.0": {} } }'));
  expect(problem!.message).toBe('The model has no layer "transformer.h.0".');
  expect(problem!.fix).toBeUndefined();
});

test("bits out of range are found in runs and layers", () => {
  const problems = problemsOf(withRun('{ "weights": 1, "activations": 9, "firstLast": 16, "layers": { "fc": { "weights": 3.5 } } }'));
  expect(problems.map((problem) => [problem.code, problem.at])).toEqual([
    ["bits", "1"],
    ["bits", "9"],
    ["bits", "16"],
    ["bits", "3.5"],
  ]);
  expect(problems[1]!.fixed).toContain('"activations": 8');
});

test("a limit that no choice of bits meets is told with the smallest size", () => {
  // 1,000 weights at 2 bits and 200 in the first and last layer at 8 bits: 250 + 200 bytes.
  const [problem] = problemsOf(withRun('{ "search": { "limit": { "size": "0.4 kB" } } }'));
  expect(problem).toMatchObject({ code: "limit", at: '"0.4 kB"' });
  expect(problem!.message).toContain("450 B");
  expect(problemsOf(problem!.fixed!)).toEqual([]);
  expect(problemsOf(withRun('{ "search": { "limit": { "size": "450" } } }'))).toEqual([]);
});

test("overrides and candidates count for the smallest size", () => {
  const run = '{ "firstLast": 2, "layers": { "fc": { "weights": "fp32" } }, "search": { "candidates": [4, 8], "limit": { "size": "900 B" } } }';
  // 100 × 2 + 1,000 × 4 + 100 × 32 bits = 925 bytes.
  expect(problemsOf(withRun(run))[0]!.message).toContain("925 B");
});

test("a limit without a bound, without a table or unreadable is an error", () => {
  expect(problemsOf(withRun('{ "search": { "limit": {} } }'))[0]!.message).toContain("needs a limit");
  expect(problemsOf(withRun('{ "search": { "limit": { "latency": 3 } } }'))[0]!.message).toContain("needs a `table`");
  expect(problemsOf(withRun('{ "search": { "limit": { "size": "small" } } }'))[0]!.message).toContain('"small" is no size');
});

test("missing paths are told with the nearest name beside them", () => {
  const text =
    '{ "model": "resnet2.onnx", "calibration": { "images": "calib" }, "evaluation": { "images": "e", "labels": "labels.txt" }, "runs": {} }';
  expect(namedPaths(parseConfigDocument(text)).map((path) => [path.value, path.kind])).toEqual([
    ["resnet2.onnx", "file"],
    ["calib", "folder"],
    ["e", "folder"],
    ["labels.txt", "file"],
  ]);
  const problems = problemsOf(text, {
    found: new Map<string, "file" | "folder" | "missing">([
      ["resnet2.onnx", "missing"],
      ["calib", "file"],
      ["e", "folder"],
      ["labels.txt", "missing"],
    ]),
    neighbours: new Map([["resnet2.onnx", ["resnet20.onnx", "notes.md"]]]),
  });
  expect(problems.map((problem) => problem.message)).toEqual([
    'There is no file "resnet2.onnx" beside this file. Did you mean "resnet20.onnx"?',
    '"calib" is a file, and a folder is needed here.',
    'There is no file "labels.txt" beside this file.',
  ]);
  expect(problems[0]!.fixed).toContain('"model": "resnet20.onnx"');
});

test("a reconstructing run without calibration data is an error, nearest rounding is not", () => {
  const text = '{ "model": "a.onnx", "runs": { "w4": {}, "plain": { "method": "nearest" }, "a8": { "method": "nearest", "activations": 8 } } }';
  expect(problemsOf(text).map((problem) => problem.at)).toEqual(['"w4"', '"a8"']);
});

test("an unreadable model is told at its name, and unsupported operators are warnings", () => {
  const text = withRun("{}");
  expect(problemsOf(text, { ...nothingMissing, modelError: "This is no ONNX file." })[0]).toMatchObject({
    at: '"a.onnx"',
    message: "This is no ONNX file.",
  });
  const unsupported = [{ op: "Loop", domain: "", count: 2, nodes: [], reason: "control flow." }];
  expect(problemsOf(text, { ...nothingMissing, inspection: { ...inspection, unsupported } })[0]).toMatchObject({ severity: "warning" });
});

test("half-typed texts give what can be read", () => {
  expect(problemsOf("")).toEqual([]);
  expect(problemsOf('{ "calibration": {}, "runs": { "r": { "layers": { "x')).toEqual([]);
  expect(problemsOf('{ "model": 3, "runs": [1] }')).toEqual([]);
});
