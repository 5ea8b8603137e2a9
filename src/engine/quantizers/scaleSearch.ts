/**
 * @file The search of a quantizer's scale and zero point, for all channels at once, as one ONNX graph. Each candidate shrinks both
 * ends of a channel's range by a factor; the one with the least mean |w - w_q|^2.4 wins (the search of the published BRECQ code, with
 * the range made to contain 0 so that the zero point is always representable). Weights have its 80 factors 1 - 0.01 i.
 */
import { create } from "@bufbuild/protobuf";
import { GraphBuilder, graphAttribute } from "../graph/builder.ts";
import { NodeProtoSchema } from "../onnx/onnx_pb.ts";
import { floatData, floatScalar, floatTensor, int64Tensor } from "../onnx/tensor.ts";
import type { Runtime, Session } from "../runtime/runtime.ts";

/** Single precision, as the graph computed them when the schedule was chosen. */
const weightFactors = Float32Array.from({ length: 80 }, (_, i) => 1 - Math.fround(i * Math.fround(0.01)));
const errorPower = 2.4;
/** Keeps an all-zero channel's scale positive. */
const smallestScale = 1e-8;

/** Scale and zero point of each channel. */
export interface Grid {
  readonly bits: number;
  readonly scale: Float32Array;
  readonly zeroPoint: Uint8Array;
}

/** The search, loaded once and used for every layer. */
export class ScaleSearch {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  static async create(runtime: Runtime): Promise<ScaleSearch> {
    return new ScaleSearch(await runtime.createSession(searchModel()));
  }

  /** Finds the grid for `weights`, channel-major [channels, weights a channel], among the ranges that `factors` give. */
  async search(weights: Float32Array, channels: number, bits: number, factors: Float32Array = weightFactors): Promise<Grid> {
    const { scale, zeroPoint } = await this.#session.run({
      w: floatTensor(weights, [channels, weights.length / channels]),
      levels: floatScalar(2 ** bits - 1),
      factors: floatTensor(factors),
      candidates: int64Tensor([factors.length], []),
    });
    return { bits, scale: floatData(scale!), zeroPoint: Uint8Array.from(floatData(zeroPoint!)) };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

function searchModel() {
  const b = new GraphBuilder();
  const w = b.input("w", "float", ["channels", "size"]);
  const levels = b.input("levels", "float", []);
  const factors = b.input("factors", "float", ["candidates"]);
  const trips = b.input("candidates", "int64", []);
  const zero = b.scalar(0);
  const high = b.op("Max", [b.op("ReduceMax", [w], { axes: [1] }), zero]);
  const low = b.op("Min", [b.op("ReduceMin", [w], { axes: [1] }), zero]);
  const start = b.op("Mul", [high, zero]);
  const worst = b.op("Add", [start, b.scalar(3e38)]);
  const [, scale, zeroPoint] = ["best", "scale", "zero"].map((name) => b.fresh(name));
  b.add(
    create(NodeProtoSchema, {
      opType: "Loop",
      input: [trips, "", worst, start, start],
      output: [b.fresh("best"), scale!, zeroPoint!],
      attribute: [graphAttribute("body", candidateBody({ w, low, high, levels, factors }))],
    }),
  );
  b.output(b.op("Reshape", [scale!, b.ints([-1])]), "scale", "float", ["channels"]);
  b.output(b.op("Reshape", [zeroPoint!, b.ints([-1])]), "zeroPoint", "float", ["channels"]);
  return b.model({ opset: 17, irVersion: 8 });
}

/** One candidate: states are the least error so far and its scale and zero point, each [channels, 1]. */
function candidateBody({ w, low, high, levels, factors }: Record<"w" | "low" | "high" | "levels" | "factors", string>) {
  const b = new GraphBuilder("candidate/");
  const column = ["channels", 1];
  const index = b.input("candidate/index", "int64", []);
  const goOn = b.input("candidate/continue", "bool", []);
  const best = b.input("candidate/best", "float", column);
  const bestScale = b.input("candidate/scale", "float", column);
  const bestZero = b.input("candidate/zero", "float", column);

  const shrink = b.op("Gather", [factors, index], { axis: 0 });
  const range = b.op("Mul", [b.op("Sub", [high, low]), shrink]);
  const scale = b.op("Max", [b.op("Div", [range, levels]), b.scalar(smallestScale)]);
  const zeroReal = b.op("Round", [b.op("Div", [b.op("Neg", [b.op("Mul", [low, shrink])]), scale])]);
  const zeroPoint = b.op("Min", [b.op("Max", [zeroReal, b.scalar(0)]), levels]);

  const rounded = b.op("Add", [b.op("Round", [b.op("Div", [w, scale])]), zeroPoint]);
  const q = b.op("Clip", [rounded, b.scalar(0), levels]);
  const distance = b.op("Abs", [b.op("Sub", [w, b.op("Mul", [b.op("Sub", [q, zeroPoint]), scale])])]);
  // exp(p log d) is vectorized in ONNX Runtime, Pow is not; the least float keeps log(0) finite.
  const power = b.op("Exp", [b.op("Mul", [b.op("Log", [b.op("Max", [distance, b.scalar(1e-30)])]), b.scalar(errorPower)])]);
  const error = b.op("ReduceSum", [power, b.ints([1])]);

  const better = b.op("Less", [error, best]);
  b.output(goOn, "candidate/continue_out", "bool", []);
  b.output(b.op("Where", [better, error, best]), "candidate/best_out", "float", column);
  b.output(b.op("Where", [better, scale, bestScale]), "candidate/scale_out", "float", column);
  b.output(b.op("Where", [better, zeroPoint, bestZero]), "candidate/zero_out", "float", column);
  return b.graph("candidate");
}
