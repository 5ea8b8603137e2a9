import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { jsonSchemaText } from "./jsonSchema.ts";

test("the JSON Schema in git is the one that the zod schema gives", () => {
  const committed = readFileSync(join(import.meta.dirname, "../../schemas/brecq.schema.json"), "utf8");
  expect(committed, "run `npm run build` and commit schemas/brecq.schema.json").toBe(jsonSchemaText());
});

test("the schema lets defaults be left out, refuses unknown keys and describes every setting of a run", () => {
  const { else: schema } = JSON.parse(jsonSchemaText());
  expect(schema.required).toEqual(["model", "runs"]);
  expect(schema.additionalProperties).toBe(false);
  const run = schema.properties.runs.additionalProperties;
  expect(run.required ?? []).toEqual([]);
  for (const [key, value] of Object.entries<{ description?: string }>(run.properties)) expect(value.description, key).toBeTruthy();
  expect(run.properties.method.enum).toContain("brecq");
});

test("a file with the key `sweep` is held against the sweep's schema, whose settings have no defaults and are all described", () => {
  const { if: condition, then: schema } = JSON.parse(jsonSchemaText());
  expect(condition.required).toEqual(["sweep"]);
  expect(schema.required).toEqual(["sweep"]);
  const { settings, matrix } = schema.properties.sweep.properties;
  expect(Object.keys(settings.properties)).toEqual(Object.keys(matrix.properties));
  for (const [key, value] of Object.entries<{ description?: string; default?: unknown }>(settings.properties)) {
    expect(value.description, key).toBeTruthy();
    expect(value.default, key).toBeUndefined();
  }
  expect(matrix.properties.weights).toMatchObject({ type: "array", minItems: 1 });
  expect(settings.properties).not.toHaveProperty("seed");
});
