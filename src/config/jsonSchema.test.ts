import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { jsonSchemaText } from "./jsonSchema.ts";

test("the JSON Schema in git is the one that the zod schema gives", () => {
  const committed = readFileSync(join(import.meta.dirname, "../../schemas/brecq.schema.json"), "utf8");
  expect(committed, "run `npm run build` and commit schemas/brecq.schema.json").toBe(jsonSchemaText());
});

test("the schema lets defaults be left out, refuses unknown keys and describes every setting of a run", () => {
  const schema = JSON.parse(jsonSchemaText());
  expect(schema.required).toEqual(["model", "runs"]);
  expect(schema.additionalProperties).toBe(false);
  const run = schema.properties.runs.additionalProperties;
  expect(run.required ?? []).toEqual([]);
  for (const [key, value] of Object.entries<{ description?: string }>(run.properties)) expect(value.description, key).toBeTruthy();
  expect(run.properties.method.enum).toContain("brecq");
});
