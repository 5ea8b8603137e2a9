/** @file Running exported models against the simulated network, for tests. */
import { outputDifference } from "../../src/engine/export/outputDifference.ts";
import type { ModelProto } from "../../src/engine/onnx/onnx_pb.ts";
import type { Tensor } from "../../src/engine/onnx/tensor.ts";
import type { OptimizationLevel, Runtime } from "../../src/engine/runtime/runtime.ts";

export type Feeds = Readonly<Record<string, Tensor>>;

/** A model's outputs at an optimization level. */
export async function outputsOf(runtime: Runtime, model: ModelProto, feeds: Feeds, optimization: OptimizationLevel): Promise<Record<string, Tensor>> {
  const session = await runtime.createSession(model, { optimization });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** The greatest difference from the simulated network at each of the levels, relative to the largest output. */
export async function differences(
  runtime: Runtime,
  { model, simulated, feeds }: { model: ModelProto; simulated: ModelProto; feeds: Feeds },
  levels: readonly OptimizationLevel[],
): Promise<number[]> {
  const promised = await outputsOf(runtime, simulated, feeds, "disabled");
  const found: number[] = [];
  for (const level of levels) found.push(outputDifference(promised, await outputsOf(runtime, model, feeds, level)));
  return found;
}
