/** @file Calibration images made from the statistics that BatchNormalization holds (ZeroQ, Cai et al., CVPR 2020, arXiv 2001.00281). */
import type { InputConfig } from "../../../config/schema.ts";
import type { ReportProgress } from "../../../protocol/progress.ts";
import { CancelledError } from "../../errors.ts";
import { prepareGraph } from "../../graph/prepareGraph.ts";
import type { ModelProto } from "../../onnx/onnx_pb.ts";
import { type FloatTensor, floatData, floatTensor, int64Tensor, sizeOf, type Tensor } from "../../onnx/tensor.ts";
import { adamFactors } from "../../reconstruction/adam.ts";
import type { Runtime, Session } from "../../runtime/runtime.ts";
import { planPreprocessing } from "../preprocess.ts";
import { createRandom, normal } from "../random.ts";
import { batchNormLayers } from "./batchNormLayers.ts";
import { distillModel, type ImageSpace } from "./distillModel.ts";

/** Images whose statistics are matched together. */
const batchSize = 64;
/** Adam's rate at the beginning, in deviations of a pixel; it falls to 0 along half a cosine. */
const startRate = 0.25;
/** Mean and deviation of pixels in photographs, as a share of the range (ImageNet's, to two digits). */
const pixelMean = 0.45;
const pixelDeviation = 0.225;
/** Steps of one call: short enough to show progress and to cancel. */
const stepsPerCall = 5;

export interface DistillOptions {
  readonly runtime: Runtime;
  /** The model as it was given, with its BatchNormalization nodes. */
  readonly model: ModelProto;
  /** The config's `input`: it tells the range of the input's values. */
  readonly input: InputConfig | undefined;
  readonly count: number;
  readonly seed: number;
  /** Steps a batch of images. */
  readonly steps: number;
  readonly report: ReportProgress;
  readonly signal?: AbortSignal | undefined;
}

export interface Distilled {
  /** [count, …]: inputs of the network. */
  readonly samples: FloatTensor;
  /** The loss at the first and at the last step, averaged over batches. */
  readonly loss: { readonly before: number; readonly after: number };
}

/**
 * Makes images whose activations have, batch by batch, the mean and deviation that the BatchNormalization nodes hold.
 * @throws UserError where the model has no such nodes
 * @throws CancelledError when the signal is aborted
 */
export async function distill(options: DistillOptions): Promise<Distilled> {
  const { runtime, model, count, steps, seed, report, signal } = options;
  const network = await prepareGraph(model, runtime, { fold: false });
  const layers = batchNormLayers(network);
  const input = network.graph.inputs[0]!.name;
  const batch = network.shapes.fixedBatch ?? Math.min(batchSize, count);
  const dims = network.shapes.shapeOf(input, batch);
  const size = sizeOf(dims) / batch;
  const space = imageSpace(options.input, dims);
  const session = await runtime.createSession(distillModel({ network, input, layers, space, batch }));
  const samples = new Float32Array(count * size);
  const batches = Math.ceil(count / batch);
  const loss = { before: 0, after: 0 };
  try {
    for (let index = 0; index < batches; index++) {
      const found = await distillBatch(session, dims, index);
      samples.set(found.samples.subarray(0, Math.min(samples.length - index * batch * size, batch * size)), index * batch * size);
      loss.before += found.losses[0]! / batches;
      loss.after += found.losses.at(-1)! / batches;
    }
  } finally {
    await session.release();
  }
  return { samples: floatTensor(samples, [count, ...dims.slice(1)]), loss };

  async function distillBatch(own: Session, shape: readonly number[], index: number) {
    const random = createRandom(seed, index);
    const zeros = () => floatTensor(new Float32Array(batch * size), shape);
    let state: Record<string, Tensor> = {
      images: floatTensor(
        Float32Array.from({ length: batch * size }, () => normal(random)),
        shape,
      ),
      mean: zeros(),
      square: zeros(),
    };
    const losses: number[] = [];
    let last = new Float32Array();
    for (let step = 0; step < steps; step += stepsPerCall) {
      if (signal?.aborted) throw new CancelledError();
      const now = Math.min(stepsPerCall, steps - step);
      const results = await own.run({ ...state, ...scheduleFeeds(step, now, steps) });
      state = Object.fromEntries(["images", "mean", "square"].map((name) => [name, results[`${name}_out`]!]));
      losses.push(...floatData(results.losses!));
      last = new Float32Array(floatData(results.samples!));
      report({ type: "count", label: "Making images: step", done: index * steps + step + now, total: batches * steps });
      // Gives the event loop a turn: cancel requests come in between calls.
      await new Promise(setImmediate);
    }
    return { samples: last, losses };
  }
}

function scheduleFeeds(start: number, count: number, steps: number): Record<string, Tensor> {
  const rows = Array.from({ length: count }, (_, i) => {
    const t = start + i;
    const { step, correction } = adamFactors((startRate / 2) * (1 + Math.cos((Math.PI * t) / steps)), t + 1);
    return [step, correction];
  });
  return { factors: floatTensor(rows.flat(), [count, 2]), steps: int64Tensor([count], []) };
}

/** Images are trained in units of a pixel's deviation; other inputs as they are. */
function imageSpace(input: InputConfig | undefined, dims: readonly number[]): ImageSpace {
  const whole = (value: number) =>
    floatTensor(
      [value],
      dims.map(() => 1),
    );
  if (dims.length !== 4) return { centre: whole(0), spread: whole(1), bounds: undefined, positions: [] };
  const plan = planPreprocessing(input, [1, ...dims.slice(1)]);
  const channelAxis = plan.layout === "NCHW" ? 1 : 3;
  const perChannel = (f: (values: Float32Array) => number) =>
    floatTensor(
      plan.values.map(f),
      dims.map((_, axis) => (axis === channelAxis ? plan.values.length : 1)),
    );
  const range = (values: Float32Array) => values[255]! - values[0]!;
  return {
    centre: perChannel((values) => values[0]! + pixelMean * range(values)),
    spread: perChannel((values) => pixelDeviation * range(values)),
    bounds: { low: whole(-pixelMean / pixelDeviation), high: whole((1 - pixelMean) / pixelDeviation) },
    positions: plan.layout === "NCHW" ? [2, 3] : [1, 2],
  };
}
