/** @file Values that depend on constants and shapes alone are computed once and become constants. */
import type { NodeProto } from "../onnx/onnx_pb.ts";
import { floatTensor, int64Tensor, type Tensor } from "../onnx/tensor.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { attributeOf, removeAttribute, stringAttribute } from "./attributes.ts";
import { type Graph, nodeReads } from "./graph.ts";
import { resizeScales } from "./resizeScales.ts";
import type { Shapes } from "./shapes.ts";
import { evaluateStatic, staticNodes } from "./staticValues.ts";
import { isOperator, takeName, usedNames } from "./subgraphs.ts";

/**
 * Evaluates in ONNX Runtime what depends on constants and shapes alone, such as the Shape → Gather → Concat chains that PyTorch exports
 * before a Reshape. What is the same at every batch becomes an initializer. Targets of Reshape, Expand and Resize that depend on the
 * batch are replaced where another form leaves it open. The rest stays as it is, and so does what would be large: a file should not
 * grow by the constants that it computes.
 */
export async function foldConstants(graph: Graph, shapes: Shapes, runtime: Runtime): Promise<void> {
  const nodes = staticNodes(graph, shapes);
  const wanted = valuesRead(graph, nodes);
  if (wanted.length > 0) {
    const values = await evaluateStatic(graph, shapes, runtime, nodes, wanted, shapes.fixedBatch ?? 1);
    const atTwo = shapes.fixedBatch === undefined ? await evaluateStatic(graph, shapes, runtime, nodes, wanted, 2) : values;
    const same = wanted.filter((value) => isSame(values.get(value)!, atTwo.get(value)!));
    replaceByConstants(graph, nodes, new Map(same.map((value) => [value, values.get(value)!])));
  }
  openTargets(graph, shapes, new Set(wanted));
  graph.removeUnused();
}

/** The values of static nodes that other nodes read. */
function valuesRead(graph: Graph, nodes: readonly NodeProto[]): string[] {
  const made = new Set(nodes.flatMap((node) => node.output));
  const isStatic = new Set(nodes);
  const reads = graph.nodes.filter((node) => !isStatic.has(node)).flatMap(nodeReads);
  return [...new Set(reads)].filter((value) => made.has(value));
}

function isSame(a: Tensor, b: Tensor): boolean {
  if (a.type !== b.type || a.dims.join() !== b.dims.join()) return false;
  const other = b.data;
  return a.data.every((value: unknown, i: number) => Object.is(value, other[i]));
}

/** Makes initializers of values. A node that is still needed for its other outputs makes them under a name that nobody reads. */
function replaceByConstants(graph: Graph, nodes: readonly NodeProto[], values: ReadonlyMap<string, Tensor>): void {
  const taken = usedNames(graph);
  for (const node of nodes) {
    node.output = node.output.map((output) => (values.has(output) ? takeName(taken, `${output}.folded`) : output));
  }
  for (const [value, tensor] of values) graph.setConstant(value, tensor);
  graph.touch();
}

/** Gives Reshape, Expand and Resize nodes that read a batch-dependent target of the given values one that leaves the batch open. */
function openTargets(graph: Graph, shapes: Shapes, targets: ReadonlySet<string>): void {
  const taken = usedNames(graph);
  const setInput = (node: NodeProto, position: number, suffix: string, tensor: Tensor) => {
    const name = takeName(taken, `${node.output[0]}.${suffix}`);
    graph.setConstant(name, tensor);
    node.input[position] = name;
  };
  const isOpen = (value: string | undefined) => value !== undefined && targets.has(value) && !graph.initializers.has(value);
  for (const node of graph.nodes) {
    const output = node.output[0]!;
    if (isOperator(node, "Reshape") && isOpen(node.input[1])) {
      const target = reshapeTarget(shapes, output);
      if (!target) continue;
      setInput(node, 1, "target", int64Tensor(target));
      removeAttribute(node, "allowzero");
    } else if (isOperator(node, "Expand") && isOpen(node.input[1])) {
      const target = expandTarget(shapes, node.input[0]!, output);
      if (target) setInput(node, 1, "target", int64Tensor(target));
    } else if (isOperator(node, "Resize") && isOpen(node.input[3])) {
      const scales = openResizeScales(shapes, node);
      if (!scales) continue;
      setInput(node, 2, "scales", floatTensor(scales));
      node.input = node.input.slice(0, 3);
    }
  }
  graph.touch();
}

/** The axes of a value whose length depends on the batch. */
function batchAxes(shapes: Shapes, value: string): number[] {
  const [one, two] = [shapes.shapeOf(value, 1), shapes.shapeOf(value, 2)];
  return one.flatMap((dim, axis) => (dim === two[axis] ? [] : [axis]));
}

/** The output's dims with -1 where they depend on the batch; undefined where that is in several places, or an axis is empty. */
function reshapeTarget(shapes: Shapes, output: string): number[] | undefined {
  if (!shapes.has(output)) return undefined;
  const dims = shapes.shapeOf(output, 1);
  const open = batchAxes(shapes, output);
  return open.length <= 1 && !dims.includes(0) ? dims.map((dim, axis) => (open.includes(axis) ? -1 : dim)) : undefined;
}

/** The output's dims with 1, which keeps the input's, where they depend on the batch and the input's do in the same way. */
function expandTarget(shapes: Shapes, input: string, output: string): number[] | undefined {
  if (!shapes.has(input) || !shapes.has(output)) return undefined;
  const dims = shapes.shapeOf(output, 1);
  const open = batchAxes(shapes, output);
  const [from, to] = [shapes.shapeOf(input, 2), shapes.shapeOf(output, 2)];
  const isInherited = open.every((axis) => from[axis - to.length + from.length] === to[axis]);
  return isInherited ? dims.map((dim, axis) => (open.includes(axis) ? 1 : dim)) : undefined;
}

function openResizeScales(shapes: Shapes, node: NodeProto): number[] | undefined {
  const [input, output] = [node.input[0]!, node.output[0]!];
  if (!shapes.has(input) || !shapes.has(output) || attributeOf(node, "axes")) return undefined;
  if (stringAttribute(node, "keep_aspect_ratio_policy", "stretch") !== "stretch") return undefined;
  const [from, to] = [shapes.shapeOf(input, 2), shapes.shapeOf(output, 2)];
  const isKept = batchAxes(shapes, output).every((axis) => from[axis] === to[axis]);
  return isKept ? resizeScales(from, to) : undefined;
}
