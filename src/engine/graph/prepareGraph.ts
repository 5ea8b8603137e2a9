/** @file From a model as exported to a graph that every later step can rely on. */

import { shallowCopy } from "../onnx/messages.ts";
import type { ModelProto } from "../onnx/onnx_pb.ts";
import { GraphProtoSchema, ModelProtoSchema } from "../onnx/onnx_pb.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { constantNodesToInitializers } from "./constantNodes.ts";
import { Graph } from "./graph.ts";
import { observeShapes, type Shapes } from "./shapes.ts";

/** A prepared graph with the shapes of its values. */
export interface PreparedGraph {
  readonly graph: Graph;
  readonly shapes: Shapes;
  readonly warnings: readonly string[];
}

/** The lowest IR version in which initializers need not be graph inputs too. */
const initializersApart = 4;

/**
 * Copies a model's graph and brings it into plain form.
 * @throws UserError where the model is unfit
 */
export async function prepareGraph(model: ModelProto, runtime: Runtime): Promise<PreparedGraph> {
  const graph = copyGraph(model);
  constantNodesToInitializers(graph);
  graph.removeUnused();
  const shapes = await observeShapes(graph, runtime);
  return { graph, shapes, warnings: [] };
}

/** A copy without the exporter's shape annotations, which would go stale. */
function copyGraph(model: ModelProto): Graph {
  const bare = shallowCopy(ModelProtoSchema, model, { graph: model.graph && shallowCopy(GraphProtoSchema, model.graph, { valueInfo: [] }) });
  const graph = new Graph(bare).clone();
  graph.irVersion = Math.max(graph.irVersion, initializersApart);
  return graph;
}
