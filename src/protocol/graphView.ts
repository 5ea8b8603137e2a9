/** @file Messages between the extension host and the graph view. */
import { z } from "zod";
import { layerDetailsSchema } from "../config/layerDetails.ts";
import { groupNodeSchema, layerFactsSchema, operatorNodeSchema } from "../config/networkGraph.ts";
import { activationResultSchema, blockResultSchema, layerResultSchema } from "../config/result.ts";
import { sensitivitySchema } from "../config/sensitivity.ts";

const bits = z.union([z.int().min(2).max(8), z.literal("fp32")]);
export const layerBitsSchema = z.object({ weights: bits, activations: bits });

/** The nodes of the visible level: closed groups and the operators of open ones; open groups are frames around their children. */
export const visibleGraphSchema = z.object({
  nodes: z.array(
    z.discriminatedUnion("type", [
      z.object({ type: z.literal("operator"), ...operatorNodeSchema.shape }),
      z.object({ type: z.literal("group"), open: z.boolean(), ...groupNodeSchema.shape }),
      z.object({
        type: z.literal("terminal"),
        id: z.string(),
        name: z.string(),
        direction: z.enum(["input", "output"]),
        shape: z.array(z.union([z.number(), z.string()])),
      }),
    ]),
  ),
  edges: z.array(z.object({ id: z.string(), from: z.string(), to: z.string(), label: z.string().optional() })),
});

/** One value a node for colouring, e.g. from a file that the user brought (as Model Explorer reads it). */
export const nodeDataSchema = z.object({
  name: z.string(),
  values: z
    .record(z.string(), z.object({ value: z.number(), text: z.string().optional(), colour: z.string().optional() }))
    .describe("By layer, operator or output name."),
  /** 0 is the least value and 1 the greatest. */
  gradient: z.array(z.object({ stop: z.number(), colour: z.string() })).optional(),
});

/** What the view shows of one run, or of the config alone. */
export const shownRunSchema = z.object({
  run: z.string().optional().describe("Absent where the model has no config, or FP32 is shown."),
  bits: z.record(z.string(), layerBitsSchema).describe("By layer, as the config says now."),
  firstLast: z.array(z.string()).describe("Layers whose bits come from `firstLast`."),
  layers: z.array(layerResultSchema).describe("Results of the last run; empty before."),
  activations: z.array(activationResultSchema).describe("What that run quantized between the layers."),
  blocks: z.array(blockResultSchema),
});

/** Host → view. */
export const toGraphViewSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("model"),
    name: z.string(),
    opset: z.number(),
    fp32Bytes: z.number(),
    layers: z.array(layerFactsSchema),
    groups: z.array(groupNodeSchema).describe('All stages and blocks: the table and "apply to" need them.'),
    config: z.string().optional().describe("Name of the config whose bits are shown."),
    configFile: z.string().optional().describe("Its path, by which the view asks for it again after the window was reloaded."),
    runs: z.array(z.string()),
    unprepared: z.string().optional().describe("Why only the operators of the file are known: a sentence for the user."),
    warnings: z.array(z.string()).optional().describe("Sentences for the user about what of the network could not be read."),
    translations: z.record(z.string(), z.string()).optional(),
  }),
  z.object({ type: z.literal("graph"), graph: visibleGraphSchema, focus: z.string().optional().describe("Node to bring into view.") }),
  z.object({
    type: z.literal("run"),
    shown: shownRunSchema,
    other: shownRunSchema.optional().describe("The second pane's, while two are compared."),
  }),
  z.object({ type: z.literal("sensitivity"), sensitivity: sensitivitySchema.optional(), running: z.boolean(), progress: z.string().optional() }),
  z.object({ type: z.literal("node-data"), data: nodeDataSchema }),
  z.object({ type: z.literal("details"), details: layerDetailsSchema }),
  z.object({
    type: z.literal("found"),
    query: z.string(),
    hits: z.array(z.object({ id: z.string(), name: z.string(), op: z.string(), shape: z.string(), layers: z.array(z.string()) })),
  }),
  z.object({ type: z.literal("trace"), from: z.string(), direction: z.enum(["up", "down"]), ids: z.array(z.string()) }),
  z.object({ type: z.literal("select"), layers: z.array(z.string()).describe("The config's text was clicked, or a command asks.") }),
  z.object({ type: z.literal("failed"), message: z.string() }),
]);

/** View → host. */
export const fromGraphViewSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("ready"),
    shown: z
      .object({ config: z.string().optional(), run: z.string().optional(), other: z.string().optional() })
      .optional()
      .describe("What a view that was there before showed; without a run, FP32."),
  }),
  z.object({ type: z.literal("open"), groups: z.array(z.string()).describe("Ids of all groups that are to be open."), focus: z.string().optional() }),
  z.object({ type: z.literal("edit"), layers: z.array(z.string()), which: z.enum(["weights", "activations"]), bits }),
  z.object({ type: z.literal("show-run"), run: z.string().optional(), other: z.string().optional() }),
  z.object({ type: z.literal("measure-sensitivity") }),
  z.object({ type: z.literal("cancel-sensitivity") }),
  z.object({ type: z.literal("details"), layer: z.string() }),
  z.object({ type: z.literal("find"), query: z.string() }),
  z.object({ type: z.literal("trace"), from: z.string(), direction: z.enum(["up", "down"]) }),
  z.object({ type: z.literal("select"), layers: z.array(z.string()).describe("The config's text follows.") }),
  z.object({ type: z.literal("choose-node-data") }),
  z.object({ type: z.literal("create-config") }),
  z.object({ type: z.literal("save"), format: z.enum(["svg", "png", "csv", "html"]), content: z.string().describe("Text; of a PNG its base64.") }),
]);

export type VisibleGraph = z.infer<typeof visibleGraphSchema>;
export type ShownRun = z.infer<typeof shownRunSchema>;
export type NodeData = z.infer<typeof nodeDataSchema>;
export type ToGraphView = z.infer<typeof toGraphViewSchema>;
export type FromGraphView = z.infer<typeof fromGraphViewSchema>;
