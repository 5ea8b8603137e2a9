/** @file A layer's weights and their grid, for looking at. */
import type { LayerDetails } from "../config/layerDetails.ts";
import { UserError } from "../engine/errors.ts";
import { readActivations, readWeights } from "../engine/export/readQuantization.ts";
import type { Layer } from "../engine/graph/layers.ts";
import { layerWeights, rangeOf } from "../engine/graph/networkGraph.ts";
import { prepareNetwork } from "../engine/graph/prepare.ts";
import { loadModel } from "../engine/onnx/modelFile.ts";
import { toChannelMajor } from "../engine/quantizers/channelMajor.ts";
import { type Grid, ScaleSearch } from "../engine/quantizers/scaleSearch.ts";
import type { Runtime } from "../engine/runtime/runtime.ts";

const histogramBins = 96;

export interface LayerQuestion {
  readonly model: string;
  readonly layer: string;
  /** Of the grid; without it there is none. */
  readonly bits?: number;
  /** A model that a run has exported, whose grid and activation range are told. */
  readonly quantized?: string;
}

/**
 * The layer's weights as a histogram, and the grid: that of the exported model, else the one that a run would begin with.
 * @throws UserError where a model cannot be read or has no such layer
 */
export async function layerDetails(runtime: Runtime, { model, layer: name, bits, quantized }: LayerQuestion): Promise<LayerDetails> {
  const network = await prepareNetwork(await loadModel(model), runtime);
  const layer = network.layers.find((candidate) => candidate.name === name);
  if (!layer) throw new UserError(`The model has no layer "${name}".`, { hint: "Open the model again.", place: { file: model, node: name } });
  const weights = layerWeights(network.graph, layer);
  const exported = quantized === undefined ? undefined : await readExported(quantized, layer);
  const grid = exported?.grid ?? (bits === undefined ? undefined : await searchGrid(runtime, layer, weights, bits));
  return { layer: name, histogram: histogram(weights), grid: grid ? gridValues(grid) : [], activation: exported?.activation };
}

async function readExported(file: string, layer: Layer): Promise<{ grid?: Grid; activation?: LayerDetails["activation"] }> {
  const model = await loadModel(file);
  const input = layer.node.input[0]!;
  const activation = readActivations(model, file).find(({ value }) => value === input);
  const step = activation?.scale ?? 0;
  return {
    grid: readWeights(model, file).find((weights) => weights.layer === layer.name),
    activation: activation && { from: -activation.zeroPoint * step, to: (2 ** activation.bits - 1 - activation.zeroPoint) * step },
  };
}

async function searchGrid(runtime: Runtime, layer: Layer, weights: Float32Array, bits: number): Promise<Grid> {
  const search = await ScaleSearch.create(runtime);
  try {
    const major = toChannelMajor(weights, layer.shape, layer.outputAxis);
    return await search.search(major, layer.shape[layer.outputAxis]!, bits);
  } finally {
    await search.release();
  }
}

/** The values of the grid of the channel whose step is the median. */
function gridValues({ bits, scale, zeroPoint }: Grid): number[] {
  const order = [...scale.keys()].sort((a, b) => scale[a]! - scale[b]!);
  const channel = order[Math.floor(order.length / 2)];
  if (channel === undefined) return [];
  return Array.from({ length: 2 ** bits }, (_, level) => scale[channel]! * (level - zeroPoint[channel]!));
}

function histogram(weights: Float32Array): LayerDetails["histogram"] {
  const [from, to] = rangeOf(weights);
  const counts = new Array<number>(histogramBins).fill(0);
  const perBin = (to - from) / histogramBins || 1;
  for (const weight of weights) counts[Math.min(histogramBins - 1, Math.floor((weight - from) / perBin))]!++;
  return { from, to, counts };
}
