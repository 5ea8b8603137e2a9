/** @file Choosing a build of ONNX Runtime. */
import { availableParallelism } from "node:os";
import { errorMessage, UserError } from "../errors.ts";
import { createNativeRuntime, hasNativeBinary, loadNativeOrt } from "./nativeRuntime.ts";
import type { ExecutionProvider, Runtime } from "./runtime.ts";
import { createWasmRuntime } from "./wasmRuntime.ts";

export interface RuntimeOptions {
  /** "auto" (the default): native where its binary exists and loads, else WebAssembly. */
  backend?: "auto" | "native" | "wasm";
  /** Default "cpu". */
  provider?: ExecutionProvider;
  /** Threads of one operator; 0 (the default): all cores. */
  threads?: number;
}

/**
 * Loads ONNX Runtime.
 * @throws UserError where the build or the provider that was asked for is not available; it says which are.
 */
export async function createRuntime(options: RuntimeOptions = {}): Promise<Runtime> {
  const { backend = "auto", provider = "cpu" } = options;
  const threads = options.threads || availableParallelism();
  if (!Number.isInteger(threads) || threads < 1) throw new UserError(`The number of threads must be a whole number, 0 or more, not ${threads}.`);
  if (backend === "native" && !hasNativeBinary()) throw noNative(`There is no native build of ONNX Runtime for ${platform()}.`);
  if (backend === "wasm" || !hasNativeBinary()) return createWasmRuntime(provider, threads);
  const ort = await loadNativeOrt().catch((error: unknown) => nativeFailed(backend, error));
  return ort ? createNativeRuntime(ort, provider, threads) : createWasmRuntime(provider, threads);
}

/** Where "auto" may go on with WebAssembly: says why, because that is several times slower. */
function nativeFailed(backend: "auto" | "native", error: unknown): undefined {
  const what = `The native build of ONNX Runtime does not load on ${platform()} (${errorMessage(error)})`;
  if (backend === "native") throw noNative(`${what}.`, error);
  process.emitWarning(`${what}; using WebAssembly, which is slower.`);
  return undefined;
}

function noNative(message: string, cause?: unknown): UserError {
  return new UserError(message, { hint: 'Choose the backend "wasm" or "auto".', cause });
}

function platform(): string {
  return `${process.platform}-${process.arch}`;
}
