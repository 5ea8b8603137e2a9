/** @file What layers are called: by the module that they were in the framework that exported the model, where the model tells it. */
import type { NodeProto } from "../onnx/onnx_pb.ts";

/** A layer's name, and what else it may be called in a config. */
export interface LayerName {
  readonly name: string;
  readonly aliases: readonly string[];
}

/** A layer's node with the initializer that holds its weights. */
export interface NamedWeight {
  readonly node: NodeProto;
  readonly weight: string;
}

/**
 * Names layers, each once: after the weight (`layer1.0.conv1.weight`), the scope in the node's name (`/layer1/layer1.0/conv1/Conv`), the
 * module in the node's metadata, else after the node or its output. No alias of one layer is a name or an alias of another.
 */
export function nameLayers(layers: readonly NamedWeight[]): LayerName[] {
  const candidates = layers.map(candidateNames);
  const names = uniqueNames(candidates.map(([best]) => best!));
  const uses = new Map<string, number>();
  for (const name of names) uses.set(name, 1);
  const others = candidates.map((list, i) => [...new Set(list)].filter((alias) => alias !== names[i]));
  for (const alias of others.flat()) uses.set(alias, (uses.get(alias) ?? 0) + 1);
  return names.map((name, i) => ({ name, aliases: others[i]!.filter((alias) => uses.get(alias) === 1) }));
}

/** Names as they are, but `_2`, `_3`, … behind those that were there before. */
export function uniqueNames(names: readonly string[]): string[] {
  const given = new Set(names);
  const counts = new Map<string, number>();
  return names.map((name) => {
    let count = (counts.get(name) ?? 0) + 1;
    let unique = name;
    while (count > 1 && given.has(unique)) unique = `${name}_${count++}`;
    counts.set(name, Math.max(count - 1, 1));
    given.add(unique);
    return unique;
  });
}

/** The part of two names that is the scope of both, without a separator at its end; "" where they have none. */
export function commonScope(a: string, b: string): string {
  let end = 0;
  for (let i = 0; i <= a.length && i <= b.length; i++) {
    if (isBoundary(a, i) && isBoundary(b, i)) end = i;
    if (a[i] !== b[i]) break;
  }
  return a.slice(0, end);
}

/** The scope that a layer lies in: `layer1.0` of `layer1.0.conv1`; "" where its name tells none. */
export function scopeOf(name: string): string {
  return name.slice(0, Math.max(name.lastIndexOf("."), name.lastIndexOf("/"), 0));
}

function isBoundary(name: string, at: number): boolean {
  return at === name.length || name[at] === "." || name[at] === "/";
}

/** Everything that the layer may be called, the best first. */
function candidateNames({ node, weight }: NamedWeight): string[] {
  const names = [moduleOfWeight(weight), moduleOfScope(node), moduleOfMetadata(node), moduleOfTensorFlowName(node.name), node.name, node.output[0]];
  return [...names, weight].filter((name): name is string => name !== undefined && name !== "");
}

/** `layer1.0.conv1` of `layer1.0.conv1.weight`, also where a pass has put a number or a word behind it. */
function moduleOfWeight(weight: string): string | undefined {
  return /^([A-Za-z_]\w*(?:[./]\w+)*)[./](?:weight|kernel)(?:[._]\w+)?$/.exec(weight)?.[1];
}

/** PyTorch's TorchScript exporter: `layer1.0.conv1` of `/layer1/layer1.0/conv1/Conv_1`. Members of containers repeat the container's name. */
function moduleOfScope({ name, opType }: NodeProto): string | undefined {
  const parts = name.split("/");
  const last = parts.pop()!;
  if (!name.startsWith("/") || !last.startsWith(opType)) return undefined;
  const path: string[] = [];
  for (const part of parts.slice(1)) {
    if (path.length > 0 && part.startsWith(`${path.at(-1)}.`)) path.pop();
    path.push(part);
  }
  return path.join(".");
}

/** PyTorch's newer exporter: the innermost module of `['', 'layer1', 'layer1.0', 'layer1.0.conv1', 'conv2d_1']`, the last entry being the operator. */
function moduleOfMetadata(node: NodeProto): string | undefined {
  const scopes = node.metadataProps.find(({ key }) => key === "pkg.torch.onnx.name_scopes")?.value;
  if (!scopes) return undefined;
  return [...scopes.matchAll(/'([^']*)'/g)].at(-2)?.[1];
}

/** Operators that TensorFlow puts behind a layer's scope. */
const tensorFlowOperators = /\/(Relu6?|BiasAdd|Conv2D|DepthwiseConv2dNative|conv2d_transpose|MatMul|BatchNorm|FusedBatchNorm(V\d)?)(_\d+)?$/;

/** `MobilenetV2/expanded_conv_1/expand` of `MobilenetV2/expanded_conv_1/expand/Relu6`. */
function moduleOfTensorFlowName(name: string): string | undefined {
  let module = name.replace(/^(StatefulPartitionedCall\/)+/, "");
  while (tensorFlowOperators.test(module)) module = module.replace(tensorFlowOperators, "");
  return module === name ? undefined : module;
}
