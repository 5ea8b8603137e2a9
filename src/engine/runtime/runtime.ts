/** @file One interface over ONNX Runtime's native and WebAssembly builds. */
import type { ModelProto } from "../onnx/onnx_pb.ts";
import type { DataType, Tensor } from "../onnx/tensor.ts";

export type ExecutionProvider = "cpu" | "cuda" | "webgpu" | "dml" | "coreml";

/** ONNX Runtime's graph optimization levels. */
export type OptimizationLevel = "disabled" | "basic" | "extended" | "all";

export interface SessionOptions {
  /** Default "all". */
  optimization?: OptimizationLevel;
  /** Session configuration entries, such as `session.disable_quant_qdq`. */
  config?: Readonly<Record<string, string>>;
}

/** A loaded model. Calls of `run` must not overlap. */
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Element types of the outputs, in the order of their names. */
  readonly outputTypes: readonly DataType[];
  /** Runs the model; `fetches` picks outputs (all by default). Feeds are not copied where the build allows it. */
  run(feeds: Readonly<Record<string, Tensor>>, fetches?: readonly string[]): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

/** A build of ONNX Runtime with its settings: provider and threads are fixed when it is made. */
export interface Runtime {
  readonly kind: "native" | "wasm";
  readonly version: string;
  readonly provider: ExecutionProvider;
  readonly threads: number;
  /** Loads a model from memory. */
  createSession(model: ModelProto | Uint8Array, options?: SessionOptions): Promise<Session>;
  /** Loads a model from a file, with its external data. */
  openSession(path: string, options?: SessionOptions): Promise<Session>;
}
