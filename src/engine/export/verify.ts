/** @file Does the exported file compute what was promised, at every optimization level of ONNX Runtime? */
import type { Verification } from "../../config/result.ts";
import { UserError } from "../errors.ts";
import type { ModelProto } from "../onnx/onnx_pb.ts";
import type { Tensor } from "../onnx/tensor.ts";
import type { OptimizationLevel, Runtime, Session, SessionOptions } from "../runtime/runtime.ts";
import { faithfulDifference } from "./faithfulLevel.ts";
import { outputDifference } from "./outputDifference.ts";

export const optimizationLevels: readonly OptimizationLevel[] = ["disabled", "basic", "extended", "all"];

/** Stops ONNX Runtime from making integer operators out of quantized ones; DequantizeLinear of constants is folded then. */
export const withoutIntegerOperators = { "session.disable_quant_qdq": "1" } as const;

type Feeds = Readonly<Record<string, Tensor>>;

/** An exported model in a file or in memory. */
type ExportedModel = { readonly path: string } | { readonly model: ModelProto };

export type ExportVerification = ExportedModel & {
  readonly runtime: Runtime;
  /** What was promised; it runs without optimizations. */
  readonly simulated: ModelProto;
  readonly feeds: Feeds;
};

/**
 * Loads the exported model at each level and compares its outputs with the simulated network's. A level at which it does not load,
 * does not run, or differs is an entry with a message, not an error. Known reasons are in docs/export.md.
 * @throws UserError where the simulated network does not run
 */
export async function verifyExport(verification: ExportVerification): Promise<Verification[]> {
  const { runtime, simulated, feeds } = verification;
  const promised = await runOnce(runtime.createSession(simulated, { optimization: "disabled" }), feeds);
  const difference = async (options: SessionOptions) => {
    const loading = "path" in verification ? runtime.openSession(verification.path, options) : runtime.createSession(verification.model, options);
    return outputDifference(promised, await runOnce(loading, feeds));
  };
  const levels: Verification[] = [];
  for (const level of optimizationLevels) levels.push(await verifyLevel(level, difference));
  return levels;
}

type MeasureDifference = (options: SessionOptions) => Promise<number>;

async function verifyLevel(level: OptimizationLevel, difference: MeasureDifference): Promise<Verification> {
  try {
    const maxDifference = await difference({ optimization: level });
    if (maxDifference < faithfulDifference) return { level, loads: true, maxDifference };
    const cure = await cureOf(level, difference, maxDifference / 10);
    if (!Number.isFinite(maxDifference))
      return { level, loads: true, message: `The outputs are not comparable with the simulated network's.${cure}` };
    return cure === "" ? { level, loads: true, maxDifference } : { level, loads: true, maxDifference, message: `${integerReason}${cure}` };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { level, loads: false, message: `${error.message}${await cureOf(level, difference, faithfulDifference)}` };
  }
}

const integerReason = "At this level ONNX Runtime computes with integers and rounds biases.";

/** The sentence that says how to load the model, where its difference is below `limit` without integer operators; else "". */
async function cureOf(level: OptimizationLevel, difference: MeasureDifference, limit: number): Promise<string> {
  if (level === "disabled") return "";
  try {
    const cured = await difference({ optimization: level, config: withoutIntegerOperators });
    if (!(cured < limit)) return "";
    return ` With the session option session.disable_quant_qdq=1 the difference is ${cured.toExponential(1)}.`;
  } catch (error) {
    if (error instanceof UserError) return "";
    throw error;
  }
}

async function runOnce(loading: Promise<Session>, feeds: Feeds): Promise<Record<string, Tensor>> {
  const session = await loading;
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}
