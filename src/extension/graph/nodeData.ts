/** @file Values a node from a file that the user brings, in the format that Model Explorer reads. */
import { z } from "zod";
import type { NetworkGraph } from "../../config/networkGraph.ts";
import type { NodeData } from "../../protocol/graphView.ts";

/** More is no file of values. */
export const largestNodeDataBytes = 16 * 2 ** 20;

const colourSchema = z
  .string()
  .max(64)
  .regex(/^(#[0-9a-f]{3,8}|[a-z]+|(rgb|hsl)a?\([\d\s.,%/]+\))$/i, "is no colour");

const graphDataSchema = z.object({
  results: z.record(z.string(), z.object({ value: z.union([z.number(), z.string()]), bgColor: colourSchema.optional() })),
  thresholds: z.array(z.object({ value: z.number(), bgColor: colourSchema })).optional(),
  gradient: z.array(z.object({ stop: z.number().min(0).max(1), bgColor: colourSchema.optional() })).optional(),
});

type GraphData = z.infer<typeof graphDataSchema>;

/**
 * Reads `{results, thresholds | gradient}`, also as `{graph id: {…}}`. Keys may be names of operators, layers or values; the answer has them by layer, or by
 * operator where that is none.
 * @throws Error with a sentence for the user
 */
export function parseNodeData(text: string, name: string, graph: NetworkGraph): NodeData {
  const parts = readParts(text, name);
  const nodeOf = nodeNames(graph);
  const values: NodeData["values"] = {};
  let given = 0;
  for (const { results, thresholds } of parts) {
    for (const [key, { value, bgColor }] of Object.entries(results)) {
      given++;
      const node = nodeOf.get(key);
      const number = Number(value);
      if (node === undefined || value === "" || !Number.isFinite(number)) continue;
      const isText = typeof value === "string" && value !== String(number);
      const colour = bgColor ?? thresholdColour(thresholds, number);
      values[node] = { value: number, ...(isText && { text: value }), ...(colour && { colour }) };
    }
  }
  if (Object.keys(values).length === 0) {
    throw new Error(`None of the ${given} names in ${name} is an operator, layer or value of this network, or none has a number.`);
  }
  const gradient = parts.find((part) => part.gradient)?.gradient?.flatMap(({ stop, bgColor }) => (bgColor ? [{ stop, colour: bgColor }] : []));
  return { name, values, ...(gradient && gradient.length > 1 && { gradient: gradient.sort((a, b) => a.stop - b.stop) }) };
}

function readParts(text: string, name: string): GraphData[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`${name} is no JSON: ${(error as Error).message}`);
  }
  const isBare = typeof json === "object" && json !== null && "results" in json;
  const parsed = isBare
    ? graphDataSchema.transform((part) => [part]).safeParse(json)
    : z.record(z.string(), graphDataSchema).transform(Object.values).safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const place = issue.path.join(".");
  throw new Error(`${name} is not in the format { "results": { "node": { "value": 1 } } }: ${place ? `${place}: ` : ""}${issue.message}`);
}

/** The first threshold that is not below the value, as Model Explorer does it. */
function thresholdColour(thresholds: GraphData["thresholds"], value: number): string | undefined {
  return thresholds?.toSorted((a, b) => a.value - b.value).find((threshold) => value <= threshold.value)?.bgColor;
}

/** By every name that a node may have in such a file, the one that the view knows. */
function nodeNames({ operators, edges, layers, aliases }: NetworkGraph): Map<string, string> {
  const names = new Map<string, string>();
  const byId = new Map(operators.map((operator) => [operator.id, operator.layer ?? operator.name]));
  for (const { from, value } of edges) {
    const node = byId.get(from);
    if (node !== undefined) names.set(value, node);
  }
  for (const [layer, others] of Object.entries(aliases)) for (const alias of others) names.set(alias, layer);
  for (const { id, name } of operators) names.set(name, byId.get(id)!);
  for (const { name } of layers) names.set(name, name);
  return names;
}
