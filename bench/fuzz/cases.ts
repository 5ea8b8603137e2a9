/** @file One damaged file a seed, and what the engine makes of it. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { decodeImage } from "../../src/engine/data/decode.ts";
import { readNpy } from "../../src/engine/data/npy.ts";
import { readZip } from "../../src/engine/data/zip.ts";
import { errorMessage, UserError } from "../../src/engine/errors.ts";
import { describeNetwork } from "../../src/engine/graph/inspection.ts";
import { prepareNetwork } from "../../src/engine/graph/prepare.ts";
import { loadModel, parseModel, serializeModel } from "../../src/engine/onnx/modelFile.ts";
import { tensorsOf } from "../../src/engine/onnx/modelTensors.ts";
import { type ModelProto, ModelProtoSchema, TensorProtoSchema } from "../../src/engine/onnx/onnx_pb.ts";
import { decodeTensor } from "../../src/engine/onnx/tensorCodec.ts";
import type { Runtime } from "../../src/engine/runtime/runtime.ts";
import { parseConfig } from "../../src/worker/readConfig.ts";
import { TestRandom } from "../../test/support/random.ts";
import { mutateBytes } from "./byteMutations.ts";
import { modelMutationNames, modelMutations } from "./modelMutations.ts";

export type Kind = "onnx" | "image" | "array" | "config";

/** What became of a damaged file. */
export interface CaseResult {
  readonly seed: number;
  readonly kind: Kind;
  /** What was done to which file. */
  readonly what: string;
  readonly bytes: number;
  /** "defect": an error that is not the user's; "outside": bytes of a file outside the folder were read. */
  readonly end: "accepted" | "refused" | "defect" | "outside";
  readonly message?: string | undefined;
  /** Processor time, which other work on the machine does not change. */
  readonly seconds: number;
  /** By how much reading the file, and then preparing the network, raised the process's highest memory use. */
  readonly readGrowth: number;
  readonly prepareGrowth: number;
}

interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Where damage hurts most. */
  readonly places: readonly number[];
}

const marker = "this file lies outside the model's folder";
/** Every name as often as it shall be drawn: small networks mostly. */
const models = [
  ...Array<string>(15).fill("mnist-8.onnx"),
  ...Array<string>(6).fill("mlperf_tiny_resnet8_cifar10.onnx"),
  ...Array<string>(3).fill("super_resolution.onnx"),
  ...[
    "cifar10_resnet20_bn.onnx",
    "cifar10_resnet20_dynamo.onnx",
    "mobilenet_v1_025_224.onnx",
    "version-RFB-320.onnx",
    "yolox_nano.onnx",
    "deeplab_v3_1_default_1.onnx",
  ],
];

const largeModelBytes = 200_000;

/** Makes damaged files in a folder of its own, and reads them. */
export class Cases {
  readonly #runtime: Runtime;
  readonly #root = mkdtempSync(join(tmpdir(), "brecq-fuzz-"));
  readonly #folder = join(this.#root, "inside");
  readonly #samples = new Map<string, Sample>();
  readonly #fixtures: string;
  readonly #models: string;

  /** @param models the folder of networks; @param fixtures this repository's test/fixtures */
  constructor(runtime: Runtime, folders: { models: string; fixtures: string }) {
    this.#runtime = runtime;
    this.#models = folders.models;
    this.#fixtures = folders.fixtures;
    mkdirSync(this.#folder);
    writeFileSync(join(this.#root, "secret.bin"), marker.repeat(1000));
    writeFileSync(join(this.#folder, "data.bin"), new Uint8Array(4096));
    symlinkSync(join(this.#root, "secret.bin"), join(this.#folder, "link"));
    symlinkSync(this.#root, join(this.#folder, "linkdir"));
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  async run(kind: Kind, seed: number): Promise<CaseResult> {
    const random = new TestRandom(seed);
    const { what, bytes, read, prepare } = this.#make(kind, random);
    const begin = process.cpuUsage();
    const start = peakBytes();
    let [afterRead, end, message]: [number, CaseResult["end"], string | undefined] = [start, "accepted", undefined];
    try {
      const value = await read();
      afterRead = peakBytes();
      if (value === "outside") end = "outside";
      else await prepare?.();
    } catch (error) {
      if (afterRead === start) afterRead = peakBytes();
      end = error instanceof UserError ? "refused" : "defect";
      message = error instanceof UserError ? error.toLine() : error instanceof Error ? error.stack : errorMessage(error);
    }
    const { user, system } = process.cpuUsage(begin);
    return {
      seed,
      kind,
      what,
      bytes,
      end,
      message: message?.slice(0, 2000),
      seconds: (user + system) / 1e6,
      readGrowth: afterRead - start,
      prepareGrowth: peakBytes() - afterRead,
    };
  }

  #make(kind: Kind, random: TestRandom): { what: string; bytes: number; read: () => Promise<unknown>; prepare?: () => Promise<unknown> } {
    switch (kind) {
      case "onnx":
        return this.#makeModel(random);
      case "image": {
        const name = random.pick(readdirSync(join(this.#fixtures, "images")).filter((file) => /\.(jpe?g|png|webp)$/i.test(file)));
        const bytes = this.#damaged(join(this.#fixtures, "images", name), random);
        return { what: name, bytes: bytes.length, read: () => decodeImage(bytes) };
      }
      case "array": {
        const name = random.pick(["arrays.npz", "version2.npy", "version3.npy", "resized.npz"]);
        const bytes = this.#damaged(join(this.#fixtures, name), random);
        return {
          what: name,
          bytes: bytes.length,
          read: async () => (name.endsWith(".npy") ? readNpy(bytes) : readZip(bytes).map((entry) => readNpy(entry.unpack()))),
        };
      }
      case "config": {
        const text = Buffer.from(this.#damaged(join(this.#fixtures, "../../samples/cifar10-resnet20/resnet20.brecq.json"), random)).toString("utf8");
        const nested = random.uniform() < 0.1 ? random.pick(["[", '{"runs":', '{"a":[']).repeat(random.pick([100, 10_000, 200_000])) : text;
        return { what: "config", bytes: nested.length, read: async () => parseConfig(nested, "x.brecq.json") };
      }
    }
  }

  #makeModel(random: TestRandom) {
    const sample = this.#model(random.pick(models));
    const { bytes, what } =
      random.uniform() < 0.5 ? { bytes: mutateBytes(sample.bytes, sample.places, random), what: "bytes" } : mutateModel(sample.bytes, random);
    const path = join(this.#folder, "fuzz.onnx");
    writeFileSync(path, bytes);
    let model: ModelProto;
    const read = async () => {
      model = await loadModel(path);
      let outside = false;
      for (const tensor of tensorsOf(model)) {
        if (hasMarker(tensor.rawData)) outside = true;
        ignoreRefusal(() => decodeTensor(tensor));
      }
      return outside ? "outside" : undefined;
    };
    // Running a large network takes seconds, so of those only one in ten is prepared.
    if (sample.bytes.length > largeModelBytes && random.uniform() > 0.1) return { what: `${sample.name}: ${what}`, bytes: bytes.length, read };
    const prepare = async () => describeNetwork(await prepareNetwork(model, this.#runtime), path);
    return { what: `${sample.name}: ${what}`, bytes: bytes.length, read, prepare };
  }

  #model(name: string): Sample {
    const known = this.#samples.get(name);
    if (known) return known;
    const bytes = Uint8Array.from(readFileSync(join(this.#models, name)));
    const buffer = Buffer.from(bytes.buffer);
    const places = [...tensorsOf(parseModel(bytes))].map((tensor) => buffer.indexOf(toBinary(TensorProtoSchema, tensor).subarray(0, 64)));
    const sample = { name, bytes, places };
    this.#samples.set(name, sample);
    return sample;
  }

  #damaged(path: string, random: TestRandom): Uint8Array {
    return mutateBytes(Uint8Array.from(readFileSync(path)), [0], random);
  }
}

/** One to three kinds of structural damage. */
function mutateModel(original: Uint8Array, random: TestRandom): { bytes: Uint8Array; what: string } {
  const model = parseModel(original);
  const names = Array.from({ length: random.pick([1, 1, 2, 3]) }, () => random.pick(modelMutationNames));
  const done: string[] = [];
  let bytes = original;
  for (const name of names) {
    try {
      modelMutations[name]!(model, random);
      bytes = toBinary(ModelProtoSchema, model);
      done.push(name);
    } catch {
      // What an earlier one took away cannot be damaged, and what no file can hold cannot be written.
      break;
    }
  }
  return { bytes: bytes === original ? serializeModel(parseModel(original)) : bytes, what: done.join(", ") };
}

function ignoreRefusal(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}

function hasMarker(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 5000));
  return start.includes(marker.slice(0, 20)) || start.includes("root:x:0");
}

function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}
