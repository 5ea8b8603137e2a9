/** @file The JSON Schema of `.brecq.json`, made from the zod schema for editors. */
import { z } from "zod";
import { configSchema } from "./schema.ts";
import { sweepFileSchema } from "./sweepSchema.ts";

/** What an editor offers where a run is typed. */
const runSnippets = [
  { label: "4-bit weights", body: { w4: { weights: 4 } } },
  { label: "2-bit weights, first and last layer 8 bits", body: { w2: { weights: 2 } } },
  { label: "4-bit weights and activations", body: { w4a4: { weights: 4, activations: 4 } } },
  { label: "Mixed precision under a size limit", body: { mixed: { search: { candidates: [2, 4, 8], limit: { size: "$1 MB" } } } } },
];

/** What an editor offers where a sweep is typed. */
const sweepSnippets = [
  {
    label: "Models × bits × seeds",
    body: { models: { $1: "$2.brecq.json" }, matrix: { weights: [4, 3, 2] }, seeds: 2 },
  },
];

/**
 * The schema as the text of `schemas/brecq.schema.json`. A file with the key `sweep` is a sweep and any other a config, so that the editor
 * needs no name of its own for sweeps.
 */
export function jsonSchemaText(): string {
  const config = schemaOf(configSchema);
  const runs = config.properties?.runs as Record<string, unknown>;
  runs.defaultSnippets = runSnippets;
  const sweep = schemaOf(sweepFileSchema);
  const offered = { description: "Makes this file a sweep: many runs of several models.", defaultSnippets: sweepSnippets };
  const document = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "BRECQ quantization config",
    allowComments: true,
    allowTrailingCommas: true,
    properties: { sweep: offered },
    if: { type: "object", required: ["sweep"] },
    // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema
    then: sweep,
    else: config,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function schemaOf(schema: z.ZodType): z.core.JSONSchema.BaseSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    target: "draft-7",
    override: ({ jsonSchema }) => addEditorHints(jsonSchema),
  });
  return rest;
}

/** VS Code shows Markdown descriptions, so that `code` in them is set as code. */
function addEditorHints(schema: { description?: string } & Record<string, unknown>): void {
  if (schema.description) schema.markdownDescription = schema.description;
}
