/** @file Models exported for one batch size are made to run on any. */
import { UserError } from "../errors.ts";
import type { ValueInfoProto } from "../onnx/onnx_pb.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { computesTheSame } from "./batchCheck.ts";
import { openBatch } from "./batchConstants.ts";
import type { Graph } from "./graph.ts";
import { graphInputs, imageInputIndex } from "./graphInputs.ts";
import { observeShapes, type Shapes } from "./shapes.ts";

/**
 * A copy of a graph of fixed batch that runs on any batch, with its shapes; undefined where there is none. The first axis of the inputs
 * becomes free and constants that hold the batch are replaced; then the copy must give the same outputs as the graph, and for two samples
 * together the same as for each alone.
 */
export async function freeBatch(graph: Graph, shapes: Shapes, runtime: Runtime): Promise<{ graph: Graph; shapes: Shapes } | undefined> {
  const fixedBatch = shapes.fixedBatch!;
  const freed = graph.clone();
  if (!freeInputs(freed, fixedBatch)) return undefined;
  openBatch(freed, shapes, fixedBatch);
  try {
    const freedShapes = await observeShapes(freed, runtime);
    if (freedShapes.fixedBatch !== undefined || !(await computesTheSame(graph, freed, freedShapes, fixedBatch, runtime))) return undefined;
    return { graph: freed, shapes: freedShapes };
  } catch (error) {
    // ONNX Runtime cannot run the copy: the batch is held in some other place.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** Sets the first axis of inputs where it is free. */
export function fixInputs(graph: Graph, batch: number): void {
  for (const input of graph.inputs) {
    const first = firstDim(input);
    if (first && first.value.case !== "dimValue") first.value = { case: "dimValue", value: BigInt(batch) };
  }
}

/** Frees the first axis of the image input, and of others of rank 2 or more that have the same length there. */
function freeInputs(graph: Graph, batch: number): boolean {
  const inputs = graphInputs(graph);
  const image = inputs[imageInputIndex(inputs)];
  if (!image || image.dims.length < 2 || image.dims[0] !== batch) return false;
  inputs.forEach(({ dims }, i) => {
    if (dims.length >= 2 && dims[0] === batch) firstDim(graph.inputs[i]!)!.value = { case: "dimParam", value: "batch" };
  });
  return true;
}

function firstDim(input: ValueInfoProto) {
  return input.type?.value.case === "tensorType" ? input.type.value.value.shape?.dim[0] : undefined;
}
