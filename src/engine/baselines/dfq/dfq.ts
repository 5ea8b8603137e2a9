/**
 * @file Data-free quantization (Nagel et al., ICCV 2019, arXiv 1906.04721): equalization, bias absorption, nearest rounding
 * and bias correction. It needs no data where the model carries BatchNormalization statistics.
 */
import type { Dataset } from "../../data/dataset.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Layer } from "../../graph/layers.ts";
import type { Network } from "../../graph/prepare.ts";
import { prepareGraph } from "../../graph/prepareGraph.ts";
import { floatData, floatTensor } from "../../onnx/tensor.ts";
import { type QuantizedWeights, type QuantizeOptions, quantizeNearest } from "../../reconstruction/quantizeNetwork.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { type Absorbed, absorbHighBiases, absorptionObstacle } from "./absorb.ts";
import { analyticCorrection, type BiasCorrections, empiricalCorrections } from "./biasCorrection.ts";
import { type Equalization, equalize } from "./equalize.ts";
import { measureMoments } from "./measuredMoments.ts";
import { batchNormMoments, type ChannelMoments } from "./statistics.ts";
import { type DfqStructure, dfqStructure } from "./structure.ts";

export interface DfqOptions extends QuantizeOptions {
  /** Stands in for statistics that the model lacks. */
  readonly calibration: Dataset | undefined;
  /** Absorb high biases: it narrows activations, so it only pays where those are quantized. */
  readonly absorb: boolean;
}

export interface DfqResult {
  /** The network that was rounded: its biases are corrected already. */
  readonly network: Network;
  readonly quantized: QuantizedWeights;
  /** Sentences for the user about what could not be done. */
  readonly warnings: readonly string[];
}

/**
 * Quantizes by DFQ; the options' network is not changed.
 * @throws CancelledError when the signal is aborted
 */
export async function quantizeDfq(options: DfqOptions): Promise<DfqResult> {
  const { runtime, report, calibration, signal } = options;
  const structure = await dfqStructure(options.network, runtime);
  const { network } = structure;
  const equalization = equalize(structure);
  report({ type: "phase", phase: "reconstruction", message: equalizationMessage(structure, equalization) });
  const statistics = await sourceMoments(options.network, runtime);
  const absorbed = options.absorb ? await absorb(options, structure, equalization, statistics) : new Map<string, Float64Array>();
  const quantized = await quantizeNearest({ ...options, network });
  const weights = new Map(quantized.weights.map((weight) => [weight.layer, weight]));
  const corrections: BiasCorrections = new Map();
  const left: Layer[] = [];
  for (const layer of network.layers.filter(({ name, bias }) => bias !== undefined && weights.has(name))) {
    const mean = inputMean(layer, statistics, equalization, absorbed);
    if (mean)
      corrections.set(layer.name, analyticCorrection(layer, floatData(network.graph.constant(layer.weight)!), weights.get(layer.name)!, mean));
    else left.push(layer);
  }
  if (calibration && left.length > 0) {
    report({ type: "phase", phase: "calibration", message: `Correcting ${left.length} biases with calibration data` });
    const found = await empiricalCorrections({
      runtime,
      network,
      weights: quantized.weights,
      layers: left,
      known: corrections,
      data: calibration,
      signal,
    });
    for (const [name, correction] of found) corrections.set(name, correction);
  }
  correctBiases(network, corrections);
  return { network, quantized, warnings: calibration ? [] : missingStatistics(left.filter(({ node }) => !network.graph.isInput(node.input[0]!))) };
}

/**
 * The FP32 form of a network that DFQ exported: the original's structure with the biases, bounds and other constants that lie in the exported file.
 */
export async function restoreDfq(original: Network, runtime: Runtime, exportedGraph: Graph): Promise<Network> {
  const { network } = await dfqStructure(original, runtime);
  for (const name of network.graph.initializers.keys()) {
    const exported = exportedGraph.constant(name);
    if (exported && exported.dims.join() === network.graph.constant(name)!.dims.join()) network.graph.setConstant(name, exported);
  }
  return network;
}

function equalizationMessage({ pairs, network, skipped }: DfqStructure, { sweeps }: Equalization): string {
  const [first] = skipped;
  const reason = first ? ` (${first.layer}: ${first.reason}${skipped.length > 1 ? ", …" : ""})` : "";
  return `Equalized the outputs of ${pairs.length} of ${network.layers.length} layers in ${sweeps} sweeps${reason}`;
}

/** Moments that the model's BatchNormalization nodes give, by value, as they are before equalization. */
async function sourceMoments(network: Network, runtime: Runtime): Promise<ReadonlyMap<string, ChannelMoments>> {
  const hasStatistics = network.source.graph?.node.some(({ opType }) => opType === "BatchNormalization") || network.source.functions.length > 0;
  if (!hasStatistics) return new Map();
  const { graph, shapes } = await prepareGraph(network.source, runtime, { fold: false });
  return batchNormMoments(graph, shapes);
}

async function absorb(
  { runtime, calibration, report, signal }: DfqOptions,
  structure: DfqStructure,
  { outputs }: Equalization,
  statistics: ReadonlyMap<string, ChannelMoments>,
): Promise<Absorbed> {
  const firsts = structure.pairs.filter((pair) => absorptionObstacle(pair) === undefined).map(({ first }) => first);
  const value = ({ node }: Layer) => node.output[0]!;
  const unknown = calibration ? firsts.filter((layer) => !statistics.has(value(layer))).map(value) : [];
  const measured = calibration ? await measureMoments(runtime, structure.network, unknown, calibration, signal) : new Map();
  const moments = new Map<string, ChannelMoments>();
  for (const layer of firsts) {
    const factors = outputs.get(layer.name)!;
    const known = statistics.get(value(layer))?.map(({ mean, variance }, i) => ({ mean: mean / factors[i]!, variance: variance / factors[i]! ** 2 }));
    const found = known ?? measured.get(value(layer));
    if (found) moments.set(layer.name, found);
  }
  const absorbed = absorbHighBiases(structure, moments);
  const message = `Absorbed high biases into ${absorbed.size} layers (${moments.size} of ${firsts.length} activations have statistics)`;
  report({ type: "phase", phase: "reconstruction", message });
  return absorbed;
}

/** Mean of each of a layer's input channels in the equalized network; undefined where no statistics reach it. */
function inputMean(
  layer: Layer,
  statistics: ReadonlyMap<string, ChannelMoments>,
  { inputs }: Equalization,
  absorbed: Absorbed,
): Float64Array | undefined {
  const factors = inputs.get(layer.name)!;
  const moments = statistics.get(layer.node.input[0]!);
  if (moments?.length !== factors.length) return undefined;
  const amounts = absorbed.get(layer.name);
  return factors.map((factor, i) => moments[i]!.mean / factor - (amounts?.[i] ?? 0));
}

function correctBiases({ graph, layers }: Network, corrections: BiasCorrections): void {
  for (const { name, bias } of layers) {
    const correction = corrections.get(name);
    if (!correction || !bias) continue;
    const present = floatData(graph.constant(bias)!);
    graph.setConstant(bias, floatTensor(present.map((value, i) => value + correction[i]!)));
  }
}

function missingStatistics(layers: readonly Layer[]): string[] {
  if (layers.length === 0) return [];
  const names = layers.slice(0, 3).map(({ name }) => name);
  const what = `${names.join(", ")}${layers.length > names.length ? ` and ${layers.length - names.length} more` : ""}`;
  return [
    `DFQ corrected no biases in ${what}: the model has no BatchNorm statistics of their inputs, and there is no calibration data. Name "calibration" data to have them corrected.`,
  ];
}
