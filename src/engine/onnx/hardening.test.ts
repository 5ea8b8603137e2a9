import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { UserError } from "../errors.ts";
import { parseModel, serializeModel } from "./modelFile.ts";
import { tensorsOf } from "./modelTensors.ts";
import { TensorProtoSchema } from "./onnx_pb.ts";
import { decodeTensor } from "./tensorCodec.ts";

const shared = fileURLToPath(new URL("../../../../shared/models/", import.meta.url));

/** Numbers in [0, limit) from a linear congruential generator, so that a failure repeats. */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** Where the tensors begin: type, shape and length lie there. */
function tensorStarts(bytes: Uint8Array): number[] {
  const buffer = Buffer.from(bytes);
  return [...tensorsOf(parseModel(bytes))].map((tensor) => buffer.indexOf(toBinary(TensorProtoSchema, tensor).subarray(0, 64)));
}

/** Two thirds of the damage is done where it hurts most: in the structure at the file's start, and at the start of tensors. */
function mutate(bytes: Uint8Array, starts: readonly number[], random: (limit: number) => number): Uint8Array {
  const place = () => [random(bytes.length), random(2000), starts[random(starts.length)]! + random(24) - 6][random(3)]!;
  const copy = bytes.slice();
  switch (random(5)) {
    case 0:
      return copy.subarray(0, place());
    case 1:
      for (let n = 1 + random(8); n > 0; n--) copy[place()]! ^= 1 << random(8);
      return copy;
    case 2:
      for (let n = 1 + random(8); n > 0; n--) copy[place()] = random(2) ? 0xff : random(256);
      return copy;
    case 3: {
      const from = place();
      return Buffer.concat([copy.subarray(0, from), copy.subarray(from + 1 + random(50))]);
    }
    default: {
      const [to, from] = [place(), place()];
      return Buffer.concat([copy.subarray(0, to), copy.subarray(from, from + 1 + random(500)), copy.subarray(to)]);
    }
  }
}

/** What becomes of a damaged file: anything but success and a UserError is thrown on. */
function outcome(bytes: Uint8Array): "parsed" | "refused" | "tensor refused" {
  let model: ReturnType<typeof parseModel>;
  try {
    model = parseModel(bytes, "damaged.onnx");
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return "refused";
  }
  let result: "parsed" | "tensor refused" = "parsed";
  for (const tensor of tensorsOf(model)) {
    try {
      decodeTensor(tensor);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      result = "tensor refused";
    }
  }
  parseModel(serializeModel(model));
  return result;
}

describe.skipIf(!existsSync(shared))("150 damaged copies (needs ../shared/models)", () => {
  it.each(["mnist-8.onnx", "cifar10_resnet20.onnx"])("of %s give a model or a UserError, each in little time", (name) => {
    const bytes = new Uint8Array(readFileSync(shared + name));
    const starts = tensorStarts(bytes);
    expect(Math.min(...starts)).toBeGreaterThan(0);
    const random = generator(1005);
    const counts = { parsed: 0, refused: 0, "tensor refused": 0 };
    for (let i = 0; i < 150; i++) {
      const damaged = mutate(bytes, starts, random);
      const start = performance.now();
      counts[outcome(damaged)]++;
      expect(performance.now() - start).toBeLessThan(2000);
    }
    // The damage must reach all ways out, or the test shows little.
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(3);
  });
});
