import { describe, expect, it } from "vitest";
import { UserError } from "../engine/errors.ts";
import { parseConfig, runSettings } from "./readConfig.ts";

const file = "net.brecq.json";

function mistake(text: string): UserError {
  try {
    parseConfig(text, file);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("no error");
}

describe("parseConfig", () => {
  it("reads comments and trailing commas and fills in the documented defaults", () => {
    const config = parseConfig('{\n// a net\n"model": "a.onnx", "calibration": { "images": "c" }, "runs": { "w4": {}, }, }', file);
    expect(config.calibration).toEqual({ images: "c", count: 1024 });
    expect(config.runs.w4).toEqual({
      weights: 4,
      activations: "fp32",
      quantizeAlso: ["input"],
      method: "brecq",
      granularity: "block",
      loss: "mse",
      cachePrecision: "single",
      firstLast: 8,
      seed: 1005,
      layers: {},
      export: "portable",
    });
  });

  it("names an unknown key, its line and the nearest known one", () => {
    const error = mistake('{\n"model": "a.onnx",\n"runs": {\n"w4": { "weigths": 4 }\n}}');
    expect(error.message).toBe('Unknown key "weigths" in "runs.w4".');
    expect(error.place).toEqual({ file, line: 4 });
    expect(error.hint).toBe('Did you mean "weights"?');
  });

  it("gives the line of a value out of range, also inside a union", () => {
    expect(mistake('{ "model": "a",\n"runs": { "r": {\n"weights": 9 } } }').place.line).toBe(3);
    const resize = mistake('{ "model": "a", "runs": {},\n"input": {\n"resize": { "letterbox": 416, "padding": 3 } } }');
    expect(resize.place.line).toBe(3);
    expect(resize.message).toContain("padding");
  });

  it("gives the line of broken JSON", () => {
    expect(mistake('{\n"model": \n}').place.line).toBe(3);
    expect(mistake("").message).toContain("not valid JSON");
  });
});

describe("runSettings", () => {
  const config = parseConfig('{ "model": "a", "runs": { "w4": {} } }', file);
  it("suggests a name for a mistyped one, and is not fooled by names that every object has", () => {
    expect(() => runSettings(config, "w5", file)).toThrow('no run "w5"');
    expect(() => runSettings(config, "constructor", file)).toThrow("no run");
  });
});
