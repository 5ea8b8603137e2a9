/** @file Execution providers that are asked for but not there. */
import { errorMessage, UserError } from "../errors.ts";
import type { ExecutionProvider } from "./runtime.ts";

const known: readonly ExecutionProvider[] = ["cpu", "cuda", "webgpu", "dml", "coreml"];

const needs: Record<ExecutionProvider, string> = {
  cpu: "",
  cuda: "It needs an NVIDIA GPU with CUDA 12 and cuDNN 9 on Linux x64, and onnxruntime-node installed with ONNXRUNTIME_NODE_INSTALL=cuda12.",
  webgpu: "It needs a GPU with a Vulkan, Metal or Direct3D 12 driver.",
  dml: "It needs Windows with DirectX 12.",
  coreml: "It needs macOS on Apple silicon.",
};

/** `bundled`: the providers that the build brings along, by ONNX Runtime's names. */
export function providerUnavailable(provider: ExecutionProvider, bundled: readonly string[], reason: string, cause?: unknown): UserError {
  const others = known.filter((name) => name !== provider && bundled.includes(name));
  const detail = cause === undefined ? "" : ` (${errorMessage(cause).replace(/^ONNX Runtime cannot [^:]*: |\.$/g, "")})`;
  return new UserError(`The execution provider "${provider}" is not available: ${reason}${detail}.`, {
    hint: `${needs[provider]} This build offers: ${others.join(", ")}. Choose "cpu" to run on any machine.`,
    cause,
  });
}
