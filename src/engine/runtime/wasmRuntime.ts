/** @file ONNX Runtime's WebAssembly build, run by Node.js, for machines without a native binary. */
import { UserError } from "../errors.ts";
import { fitsInOneFile, loadModel, serializeModel } from "../onnx/modelFile.ts";
import type { ModelProto } from "../onnx/onnx_pb.ts";
import { loadError } from "./ortErrors.ts";
import { ortSessionOptions, wrapSession } from "./ortSession.ts";
import { providerUnavailable } from "./providers.ts";
import type { ExecutionProvider, Runtime, Session, SessionOptions } from "./runtime.ts";

type Ort = typeof import("onnxruntime-web");

/** Threads that the WebAssembly module was started with; it cannot be changed afterwards. */
let startedThreads: number | undefined;

/**
 * The WebAssembly runtime. Its thread pool belongs to the process: every runtime must ask for the same number of threads.
 * @throws UserError where the provider is not "cpu"
 */
export async function createWasmRuntime(provider: ExecutionProvider, threads: number): Promise<Runtime> {
  if (provider !== "cpu") throw providerUnavailable(provider, ["cpu"], "the WebAssembly build of ONNX Runtime has only the CPU");
  if (startedThreads !== undefined && startedThreads !== threads) {
    throw new Error(`internal: the WebAssembly runtime was started with ${startedThreads} threads and cannot change to ${threads}`);
  }
  startedThreads = threads;
  const ort = await import("onnxruntime-web");
  ort.env.logLevel = "fatal";
  ort.env.wasm.numThreads = threads;
  return new WasmRuntime(ort, threads);
}

class WasmRuntime implements Runtime {
  readonly kind = "wasm";
  readonly provider = "cpu";
  readonly version: string;
  readonly #ort: Ort;

  constructor(
    ort: Ort,
    readonly threads: number,
  ) {
    this.#ort = ort;
    this.version = ort.env.versions.web!;
  }

  async createSession(model: ModelProto | Uint8Array, options: SessionOptions = {}): Promise<Session> {
    return this.#open(model instanceof Uint8Array ? model : serialize(model), options);
  }

  async openSession(path: string, options: SessionOptions = {}): Promise<Session> {
    // WebAssembly sees no files: external data is put into the model.
    return this.#open(serialize(await loadModel(path), path), options, path);
  }

  async #open(bytes: Uint8Array, options: SessionOptions, file?: string): Promise<Session> {
    if (bytes.length === 0) throw new UserError("The model is empty.");
    try {
      const session = await this.#ort.InferenceSession.create(bytes, ortSessionOptions(options, "wasm"));
      return await wrapSession(session, this.#ort.Tensor);
    } catch (error) {
      throw loadError(error, file);
    }
  }
}

function serialize(model: ModelProto, file?: string): Uint8Array {
  if (fitsInOneFile(model)) return serializeModel(model);
  throw new UserError("The model is over 2 GiB, which the WebAssembly build of ONNX Runtime cannot hold.", {
    hint: "Use a machine for which there is a native build: Linux with glibc, Windows, or macOS on Apple silicon.",
    place: { file },
  });
}
