/** @file Models exported for one batch size are made to run on any. */
import { UserError } from "../errors.ts";
import type { NodeProto, ValueInfoProto } from "../onnx/onnx_pb.ts";
import { floatTensor, int64Tensor, type Tensor, toNumbers } from "../onnx/tensor.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { attributeOf, removeAttribute } from "./attributes.ts";
import { computesTheSame } from "./batchCheck.ts";
import { type Graph, nodeReads } from "./graph.ts";
import { graphInputs, imageInputIndex } from "./graphInputs.ts";
import { resizeScales } from "./resizeScales.ts";
import { observeShapes, type Shapes } from "./shapes.ts";
import { isOperator, takeName, usedNames } from "./subgraphs.ts";

/**
 * A copy of a graph of fixed batch that runs on any batch, with its shapes; undefined where there is none. The first axis of the inputs
 * becomes free and constants that hold the batch are mended; then the copy must give the same outputs as the graph, and for two samples
 * together the same as for each alone.
 */
export async function freeBatch(graph: Graph, shapes: Shapes, runtime: Runtime): Promise<{ graph: Graph; shapes: Shapes } | undefined> {
  const fixedBatch = shapes.fixedBatch!;
  const freed = graph.clone();
  if (!freeInputs(freed, fixedBatch)) return undefined;
  mendTargets(freed, shapes, fixedBatch);
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

/** Rewrites constant Reshape, Expand and Resize targets that hold the batch. */
function mendTargets(graph: Graph, shapes: Shapes, batch: number): void {
  const varying = new Set(graph.inputs.map(({ name }) => name));
  const taken = usedNames(graph);
  const setInput = (node: NodeProto, position: number, suffix: string, tensor: Tensor) => {
    const name = takeName(taken, `${node.output[0]}.${suffix}`);
    graph.setConstant(name, tensor);
    node.input[position] = name;
  };
  for (const node of graph.nodes) {
    if (!nodeReads(node).some((value) => varying.has(value))) continue;
    for (const output of node.output) varying.add(output);
    const [input = "", target = ""] = node.input;
    if (!varying.has(input) || !shapes.has(input) || !shapes.has(node.output[0]!)) continue;
    const dims = shapes.shapeOf(node.output[0]!, batch);
    if (isOperator(node, "Reshape") && holdsBatch(graph, target, batch) && !dims.includes(0)) {
      setInput(node, 1, "target", int64Tensor([-1, ...dims.slice(1)]));
      removeAttribute(node, "allowzero");
    } else if (isOperator(node, "Expand") && holdsBatch(graph, target, batch)) {
      const entries = toNumbers(graph.constant(target)!);
      setInput(node, 1, "target", int64Tensor([1, ...entries.slice(1)]));
    } else if (isOperator(node, "Resize") && node.input[3] && graph.constant(node.input[3]) && !attributeOf(node, "axes")) {
      setInput(node, 2, "scales", floatTensor(resizeScales(shapes.shapeOf(input, batch), dims)));
      node.input = node.input.slice(0, 3);
    }
  }
}

/** Whether a target's first entry is a multiple of the batch. */
function holdsBatch(graph: Graph, target: string, batch: number): boolean {
  const tensor = graph.constant(target);
  const first = tensor && toNumbers(tensor)[0];
  return first !== undefined && first > 0 && first % batch === 0;
}
