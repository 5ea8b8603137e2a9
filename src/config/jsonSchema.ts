/** @file The JSON Schema of `.brecq.json`, made from the zod schema for editors. */
import { z } from "zod";
import { configSchema } from "./schema.ts";

/** What an editor offers where a run is typed. */
const runSnippets = [
  { label: "4-bit weights", body: { w4: { weights: 4 } } },
  { label: "2-bit weights, first and last layer 8 bits", body: { w2: { weights: 2 } } },
  { label: "4-bit weights and activations", body: { w4a4: { weights: 4, activations: 4 } } },
  { label: "Mixed precision under a size limit", body: { mixed: { search: { candidates: [2, 4, 8], limit: { size: "$1 MB" } } } } },
];

/** The schema as the text of `schemas/brecq.schema.json`. */
export function jsonSchemaText(): string {
  const schema = z.toJSONSchema(configSchema, { io: "input", target: "draft-7", override: ({ jsonSchema }) => addEditorHints(jsonSchema) });
  const runs = schema.properties?.runs as Record<string, unknown>;
  runs.defaultSnippets = runSnippets;
  const document = { title: "BRECQ quantization config", allowComments: true, allowTrailingCommas: true, ...schema };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** VS Code shows Markdown descriptions, so that `code` in them is set as code. */
function addEditorHints(schema: { description?: string } & Record<string, unknown>): void {
  if (schema.description) schema.markdownDescription = schema.description;
}
