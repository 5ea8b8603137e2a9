/** @file Does the exported file compute what was promised, at every optimization level of ONNX Runtime? */
import type { Verification } from "../../config/result.ts";
import { errorMessage } from "../errors.ts";
import type { ModelProto } from "../onnx/onnx_pb.ts";
import { floatData, type Tensor } from "../onnx/tensor.ts";
import type { OptimizationLevel, Runtime, Session } from "../runtime/runtime.ts";

export const optimizationLevels: readonly OptimizationLevel[] = ["disabled", "basic", "extended", "all"];

type Feeds = Readonly<Record<string, Tensor>>;

/**
 * Loads the exported file at each level and compares its outputs with the simulated network's, which runs
 * without optimizations. Known: at "extended" and "all" ONNX Runtime builds integer operators that it lacks
 * for 2-bit types, and refuses the file; the result says so.
 */
export async function verifyExport({
  runtime,
  path,
  simulated,
  feeds,
}: {
  runtime: Runtime;
  path: string;
  simulated: ModelProto;
  feeds: Feeds;
}): Promise<Verification[]> {
  const session = await runtime.createSession(simulated, { optimization: "disabled" });
  const promised = await runAndRelease(session, feeds);
  const verifications: Verification[] = [];
  for (const level of optimizationLevels) verifications.push(await verifyLevel(runtime, path, level, promised, feeds));
  return verifications;
}

async function verifyLevel(
  runtime: Runtime,
  path: string,
  level: OptimizationLevel,
  promised: Record<string, Tensor>,
  feeds: Feeds,
): Promise<Verification> {
  try {
    const found = await runAndRelease(await runtime.openSession(path, { optimization: level }), feeds);
    return { level, loads: true, maxDifference: relativeDifference(promised, found) };
  } catch (error) {
    return { level, loads: false, message: errorMessage(error) };
  }
}

async function runAndRelease(session: Session, feeds: Feeds): Promise<Record<string, Tensor>> {
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Greatest difference of any float output, relative to the largest value of that output. */
function relativeDifference(promised: Record<string, Tensor>, found: Record<string, Tensor>): number {
  let worst = 0;
  for (const [name, tensor] of Object.entries(promised)) {
    const other = found[name];
    if (tensor.type !== "float" || !other) continue;
    const a = floatData(tensor);
    const b = floatData(other);
    let largest = 1e-12;
    let difference = 0;
    for (let i = 0; i < a.length; i++) {
      largest = Math.max(largest, Math.abs(a[i]!));
      difference = Math.max(difference, Math.abs(a[i]! - b[i]!));
    }
    worst = Math.max(worst, difference / largest);
  }
  return worst;
}
