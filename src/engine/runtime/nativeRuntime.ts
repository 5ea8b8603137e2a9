/** @file ONNX Runtime's native build for Node.js. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../errors.ts";
import { fitsInOneFile, saveModel, serializeModel } from "../onnx/modelFile.ts";
import type { ModelProto } from "../onnx/onnx_pb.ts";
import { loadError } from "./ortErrors.ts";
import { ortSessionOptions, wrapSession } from "./ortSession.ts";
import { probeModel } from "./probeModel.ts";
import { providerUnavailable } from "./providers.ts";
import type { ExecutionProvider, Runtime, Session, SessionOptions } from "./runtime.ts";

type Ort = typeof import("onnxruntime-node");

/** Platforms for which onnxruntime-node carries a binary (for Linux: with glibc, not musl). */
const platformsWithBinary = new Set(["linux-x64", "linux-arm64", "darwin-arm64", "win32-x64", "win32-arm64"]);

/** Whether onnxruntime-node carries a binary for this platform; on musl it does, but that binary does not load. */
export function hasNativeBinary(): boolean {
  return platformsWithBinary.has(`${process.platform}-${process.arch}`);
}

/** @throws whatever stops the native binary from loading. */
export async function loadNativeOrt(): Promise<Ort> {
  // ONNX Runtime reads it once, when its library loads.
  process.env.ORT_DISABLE_TELEMETRY = "1";
  const ort = await import("onnxruntime-node");
  ort.env.logLevel = "fatal";
  return ort;
}

/**
 * The native runtime.
 * @param threads threads of one operator
 * @throws UserError where the provider is not in this build or does not start on this machine
 */
export async function createNativeRuntime(ort: Ort, provider: ExecutionProvider, threads: number): Promise<Runtime> {
  const backends = ort.listSupportedBackends();
  // The others, such as CUDA, need files that the package does not bring along.
  const bundled = backends.filter((backend) => backend.bundled).map(({ name }) => name);
  if (!backends.some(({ name }) => name === provider)) {
    throw providerUnavailable(provider, bundled, "this build of ONNX Runtime does not have it");
  }
  const runtime = new NativeRuntime(ort, provider, threads);
  if (provider !== "cpu") await probe(runtime, bundled);
  return runtime;
}

/** Runs a tiny model, for a provider may be in the build while its driver or library is not on the machine. */
async function probe(runtime: NativeRuntime, bundled: readonly string[]): Promise<void> {
  try {
    const { model, feeds } = probeModel();
    const session = await runtime.createSession(model);
    await session.run(feeds);
    await session.release();
  } catch (error) {
    throw providerUnavailable(runtime.provider, bundled, "it does not start on this machine", error);
  }
}

/**
 * As measured with onnxruntime-node 1.30: `run` waits one turn of the event loop and then blocks the JavaScript thread
 * until the model is done, so progress can be sent between runs only. Feeds are read in place. Outputs are copied into
 * new arrays, even those for which an array is given beforehand, so giving one saves nothing and is not offered.
 */
class NativeRuntime implements Runtime {
  readonly kind = "native";
  readonly version: string;
  readonly #ort: Ort;

  constructor(
    ort: Ort,
    readonly provider: ExecutionProvider,
    readonly threads: number,
  ) {
    this.#ort = ort;
    this.version = ort.env.versions.node!;
  }

  async createSession(model: ModelProto | Uint8Array, options: SessionOptions = {}): Promise<Session> {
    if (!(model instanceof Uint8Array) && !fitsInOneFile(model)) return this.#createFromDisk(model, options);
    const bytes = model instanceof Uint8Array ? model : serializeModel(model);
    if (bytes.length === 0) throw new UserError("The model is empty.");
    return this.#open(bytes, options);
  }

  /** A model over 2 GiB cannot be passed as bytes: it goes by way of a temporary folder, as a file with external data. */
  async #createFromDisk(model: ModelProto, options: SessionOptions): Promise<Session> {
    const folder = await mkdtemp(join(tmpdir(), "brecq-"));
    const removeFolder = () => rm(folder, { recursive: true, force: true });
    try {
      const path = join(folder, "model.onnx");
      await saveModel(model, path);
      const session = await this.openSession(path, options);
      // ONNX Runtime may keep the data mapped into memory: Windows then removes the files only after the session.
      await removeFolder().catch(() => undefined);
      const release = () => session.release().then(removeFolder);
      const { inputNames, outputNames, outputTypes } = session;
      return { inputNames, outputNames, outputTypes, run: session.run.bind(session), release };
    } catch (error) {
      await removeFolder().catch(() => undefined);
      throw error;
    }
  }

  async openSession(path: string, options: SessionOptions = {}): Promise<Session> {
    return this.#open(path, options, path);
  }

  async #open(source: string | Uint8Array, options: SessionOptions, file?: string): Promise<Session> {
    const ortOptions = { ...ortSessionOptions(options, this.provider), intraOpNumThreads: this.threads, interOpNumThreads: 1 };
    const create = this.#ort.InferenceSession.create;
    try {
      const session = await (typeof source === "string" ? create(source, ortOptions) : create(source, ortOptions));
      return await wrapSession(session, this.#ort.Tensor);
    } catch (error) {
      throw loadError(error, file);
    }
  }
}
