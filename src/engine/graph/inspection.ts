/** @file What `brecq inspect` tells about a network. */
import type { Inspection } from "../../config/inspection.ts";
import type { ValueInfoProto } from "../onnx/onnx_pb.ts";
import type { Layer } from "./layers.ts";
import type { Network } from "./prepare.ts";

/** Describes a prepared network. Blocks without layers are left out. */
export function describeNetwork(network: Network, modelPath: string): Inspection {
  const { graph, source, layers, unsupported } = network;
  const blocks = network.blocks.flatMap(({ kind, ...block }) => (kind === "glue" ? [] : [{ ...block, kind }]));
  const blockOf = new Map(blocks.flatMap((block) => block.layers.map((layer) => [layer, block.name] as const)));
  const opset = source.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx")?.version;
  return {
    model: modelPath,
    opset: Number(opset ?? 1n),
    inputs: graph.inputs.map((input) => describeValue(network, input)),
    outputs: graph.outputs.map((output) => describeValue(network, output)),
    layers: layers.map((layer) => describeLayer(network, layer, blockOf.get(layer)!)),
    blocks: blocks.map(({ name, kind, layers, inputs, outputs }) => ({
      name,
      kind,
      layers: layers.map((layer) => layer.name),
      inputs: [...inputs],
      outputs: [...outputs],
    })),
    unsupported: unsupported.map((entry) => ({ ...entry, nodes: [...entry.nodes] })),
    parameters: layers.reduce((sum, layer) => sum + layer.parameters, 0),
    macs: layers.reduce((sum, layer) => sum + layer.macs, 0),
  };
}

function describeValue({ shapes }: Network, { name }: ValueInfoProto): Inspection["inputs"][number] {
  if (!shapes.has(name)) return { name, type: "unknown", shape: [] };
  return { name, type: shapes.typeOf(name), shape: shapes.displayDims(name) };
}

function describeLayer({ shapes }: Network, layer: Layer, block: string): Inspection["layers"][number] {
  const { name, op, shape, parameters, macs, node } = layer;
  const value = node.output[0]!;
  return { name, op, shape: [...shape], parameters, macs, block, output: shapes.has(value) ? shapes.displayDims(value) : [] };
}
