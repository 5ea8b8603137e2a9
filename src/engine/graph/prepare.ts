/** @file A model as the engine works on it: prepared graph, layers and blocks. */
import { UserError } from "../errors.ts";
import type { ModelProto } from "../onnx/onnx_pb.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { type Block, firstLastLayers, partition } from "./blocks.ts";
import type { Graph } from "./graph.ts";
import { findLayers, type Layer } from "./layers.ts";
import { prepareGraph } from "./prepareGraph.ts";
import type { Shapes } from "./shapes.ts";
import { findUnsupported, type Unsupported } from "./unsupported.ts";

export interface Network {
  /** The model as it was given, unchanged. */
  readonly source: ModelProto;
  /** The prepared copy: constants and BatchNorm folded, opset 17 or later. */
  readonly graph: Graph;
  readonly shapes: Shapes;
  readonly layers: readonly Layer[];
  readonly blocks: readonly Block[];
  /** Names of the layers in the first and the last block, where those are single layers. */
  readonly firstLast: ReadonlySet<string>;
  readonly unsupported: readonly Unsupported[];
  /** Sentences for the user about what preparation could not do. */
  readonly warnings: readonly string[];
}

/**
 * Prepares a model for quantization; `model` is not changed.
 * @throws UserError where the model is unfit
 */
export async function prepareNetwork(model: ModelProto, runtime: Runtime): Promise<Network> {
  const { graph, shapes, warnings } = await prepareGraph(model, runtime);
  const layers = findLayers(graph, shapes);
  const blocks = partition(graph, layers, shapes);
  return {
    source: model,
    graph,
    shapes,
    layers,
    blocks,
    firstLast: firstLastLayers(blocks),
    unsupported: findUnsupported(graph, layers),
    warnings,
  };
}

/** @throws UserError where the network has no layer to quantize */
export function requireLayers(network: Network): void {
  if (network.layers.length > 0) return;
  throw new UserError("The model has no layer to quantize.", {
    hint: "Quantization works on Conv, ConvTranspose, Gemm and MatMul with constant weights.",
  });
}
