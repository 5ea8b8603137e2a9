/** @file Execution providers that are asked for but not there. */
import { errorMessage, UserError } from "../errors.ts";
import type { ExecutionProvider } from "./runtime.ts";

const known: readonly ExecutionProvider[] = ["cpu", "cuda", "webgpu", "dml", "coreml"];

const needs: Record<ExecutionProvider, string> = {
  cpu: "",
  cuda: "It needs an NVIDIA GPU with CUDA 12 and cuDNN 9 on Linux x64 or Windows x64, and the CUDA files of onnxruntime-node (npm install onnxruntime-node --onnxruntime-node-install=cuda12).",
  webgpu: "It needs a GPU with a Vulkan, Metal or Direct3D 12 driver.",
  dml: "It needs Windows with DirectX 12.",
  coreml: "It needs macOS on Apple silicon.",
};

/** `offered`: what the build has, by ONNX Runtime's names. */
export function providerUnavailable(provider: ExecutionProvider, offered: readonly string[], reason: string, cause?: unknown): UserError {
  const others = known.filter((name) => name !== provider && offered.includes(name));
  const detail = cause === undefined ? "" : ` (${errorMessage(cause)})`;
  return new UserError(`The execution provider "${provider}" is not available: ${reason}${detail}.`, {
    hint: `${needs[provider]} This build offers: ${others.join(", ")}. Choose "cpu" to run on any machine.`,
    cause,
  });
}
