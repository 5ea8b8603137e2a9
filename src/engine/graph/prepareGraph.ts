/** @file From a model as exported to a graph that every later step can rely on. */
import { UserError } from "../errors.ts";
import { shallowCopy } from "../onnx/messages.ts";
import { GraphProtoSchema, type ModelProto, ModelProtoSchema, type TypeProto_Tensor } from "../onnx/onnx_pb.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { valueInfo } from "./builder.ts";
import { requireFiniteWeights } from "./checkWeights.ts";
import { constantNodesToInitializers } from "./constantNodes.ts";
import { foldAffine } from "./foldAffine.ts";
import { foldConstants } from "./foldConstants.ts";
import { fixInputs, freeBatch } from "./freeBatch.ts";
import { Graph } from "./graph.ts";
import { declaredInput } from "./graphInputs.ts";
import { inlineFunctions } from "./inlineFunctions.ts";
import { normalizeOpset, opsetUsesShapes, requireReadableOpset } from "./opset.ts";
import { observeShapes, type Shapes } from "./shapes.ts";
import { mergePads, removeNoOps } from "./simplify.ts";
import { unshareWeights } from "./unshareWeights.ts";

/** A prepared graph with the shapes of its values. */
export interface PreparedGraph {
  readonly graph: Graph;
  readonly shapes: Shapes;
  readonly warnings: readonly string[];
}

/** Older graphs are brought to this operator set. */
const oldestPreparedOpset = 17;

/** The lowest IR version in which initializers need not be graph inputs too. */
const initializersApart = 4;

/** No model has one like it: a number beyond it is damage, and may not even be one that can be written again. */
const impossibleIrVersion = 1000n;

/**
 * Copies a model's graph and brings it into plain form: operator set 17 or later, functions inlined, constants as initializers, nothing computed that could
 * be a constant, BatchNormalization in the layer before it, and a free batch where possible.
 * @param options `fold: false` keeps BatchNormalization as it is; values have the same names either way
 * @throws UserError where the model is unfit
 */
export async function prepareGraph(model: ModelProto, runtime: Runtime, { fold = true }: { fold?: boolean } = {}): Promise<PreparedGraph> {
  const copy = copyGraph(model);
  requireReadableOpset(copy);
  inlineFunctions(copy);
  constantNodesToInitializers(copy);
  copy.removeUnused();
  requireFiniteWeights(copy);
  await modernize(copy, runtime);
  const { graph, shapes, warnings } = await withFreeBatch(copy, runtime);
  removeNoOps(graph);
  mergePads(graph);
  if (fold) foldAffine(graph);
  const sharing = unshareWeights(graph);
  declareShapes(graph, shapes);
  return { graph, shapes, warnings: [...warnings, ...sharing] };
}

/** A copy without declared shapes but those of the inputs: the others would go stale. */
function copyGraph(model: ModelProto): Graph {
  if (model.irVersion > impossibleIrVersion) {
    throw new UserError(`The model is of the IR version ${model.irVersion}, which does not exist.`, { hint: "Export or download it again." });
  }
  const bare = shallowCopy(ModelProtoSchema, model, { graph: model.graph && shallowCopy(GraphProtoSchema, model.graph, { valueInfo: [] }) });
  const graph = new Graph(bare).clone();
  graph.irVersion = Math.max(graph.irVersion, initializersApart);
  for (const { name, type } of model.graph?.valueInfo ?? []) {
    const input = graph.inputs.find((candidate) => candidate.name === name);
    if (input?.type?.value.case === "tensorType" && type?.value.case === "tensorType") completeDims(input.type.value.value, type.value.value);
  }
  for (const output of graph.outputs) {
    if (output.type?.value.case === "tensorType") output.type.value.value.shape = undefined;
  }
  return graph;
}

/** Where an input leaves an axis but the first open, and the exporter noted its length among the inner values, takes that. */
function completeDims(input: TypeProto_Tensor, noted: TypeProto_Tensor): void {
  input.shape?.dim.forEach((dim, axis) => {
    const length = noted.shape?.dim[axis]?.value;
    if (axis > 0 && dim.value.case !== "dimValue" && length?.case === "dimValue") dim.value = { ...length };
  });
}

async function modernize(graph: Graph, runtime: Runtime): Promise<void> {
  const shapes = opsetUsesShapes(graph, oldestPreparedOpset) ? await observeShapes(graph, runtime) : undefined;
  normalizeOpset(graph, oldestPreparedOpset, shapes);
}

async function withFreeBatch(graph: Graph, runtime: Runtime): Promise<PreparedGraph> {
  const shapes = await observeShapes(graph, runtime);
  await foldConstants(graph, shapes, runtime);
  if (shapes.fixedBatch === undefined) return { graph, shapes, warnings: [] };
  fixInputs(graph, shapes.fixedBatch);
  const freed = await freeBatch(graph, shapes, runtime);
  if (freed) return { ...freed, warnings: [] };
  const warning = `The model runs on batches of ${shapes.fixedBatch} only, which makes every step slower; export it with a free batch axis.`;
  return { graph, shapes, warnings: [warning] };
}

/** Declares the outputs' shapes as they were seen, with the name that the inputs give to the batch. */
function declareShapes(graph: Graph, shapes: Shapes): void {
  const firstDims = graph.inputs.map((input) => declaredInput(input).dims[0]);
  const batchName = firstDims.find((dim) => typeof dim === "string" && dim !== "?") ?? "batch";
  graph.outputs.forEach((output, i) => {
    if (!shapes.has(output.name)) return;
    const dims = shapes.displayDims(output.name).map((dim) => (dim === "batch" ? batchName : dim));
    graph.outputs[i] = valueInfo(output.name, shapes.typeOf(output.name), dims);
  });
}
