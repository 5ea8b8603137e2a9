import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../errors.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { loadModel, parseModel, saveModel, serializeModel } from "./modelFile.ts";
import { type ModelProto, StringStringEntryProtoSchema, TensorProto_DataLocation } from "./onnx_pb.ts";
import { floatTensor } from "./tensor.ts";
import { decodeTensor } from "./tensorCodec.ts";

const ramp = (length: number, factor: number) => Float32Array.from({ length }, (_, i) => i * factor);

/** y = x W + b with W of 20 x 50, b of 50 and, reading W too, z = x W. */
function linearModel(): ModelProto {
  const b = new GraphBuilder();
  const x = b.input("x", "float", [1, 20]);
  const weight = b.constant(floatTensor(ramp(1000, 0.01), [20, 50]), "weight");
  const product = b.op("MatMul", [x, weight]);
  const large = b.constant(floatTensor(ramp(600, 1), [600]), "large");
  const bias = b.op("Slice", [large, b.ints([0]), b.ints([50])]);
  b.output(b.op("Add", [product, bias]), "y", "float", [1, 50]);
  return b.model({ opset: 17, irVersion: 8 });
}

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "brecq-test-"));
  path = join(folder, "m.onnx");
});
afterEach(() => rm(folder, { recursive: true }));

describe("saving with external data", () => {
  it("moves large initializers to pages of the data file, and loads to the same model", async () => {
    const model = linearModel();
    const before = serializeModel(model);
    await saveModel(model, path, { externalDataThreshold: 1000 });
    expect(serializeModel(model)).toEqual(before);
    expect((await readdir(folder)).sort()).toEqual(["m.onnx", "m.onnx.data"]);
    const stored = parseModel(await readFile(path));
    const entries = stored.graph!.initializer.map((tensor) => [tensor.name, ...tensor.externalData.map(({ value }) => value)]);
    expect(entries).toEqual([["weight", "m.onnx.data", "0", "4000"], ["large", "m.onnx.data", "4096", "2400"], ["const_1"], ["const_2"]]);
    const data = await readFile(`${path}.data`);
    expect(data.length).toBe(4096 + 2400);
    expect(data.subarray(4, 8)).toEqual(Buffer.from(Float32Array.of(0.01).buffer));
    expect(() => decodeTensor(stored.graph!.initializer[0]!)).toThrow(/"weight" has its data in another file/);
    const loaded = await loadModel(path);
    expect(loaded.graph!.initializer.map(decodeTensor)).toEqual(model.graph!.initializer.map(decodeTensor));
    expect(loaded.graph!.initializer[0]!.dataLocation).toBe(TensorProto_DataLocation.DEFAULT);
    // A loaded model saves as a single file again.
    await saveModel(loaded, join(folder, "single.onnx"));
    expect((await loadModel(join(folder, "single.onnx"))).graph!.initializer.map(decodeTensor)).toEqual(model.graph!.initializer.map(decodeTensor));
  });

  it("stores tensors that share their memory once", async () => {
    const model = linearModel();
    const [weight] = model.graph!.initializer;
    model.graph!.initializer.push({ ...weight!, name: "tied" });
    await saveModel(model, path, { externalDataThreshold: 1000 });
    expect((await readFile(`${path}.data`)).length).toBe(4096 + 2400);
    const loaded = await loadModel(path);
    expect(loaded.graph!.initializer.at(-1)!.rawData).toBe(loaded.graph!.initializer[0]!.rawData);
  });

  it("stays in one file at the threshold", async () => {
    const size = serializeModel(linearModel()).length;
    await saveModel(linearModel(), path, { externalDataThreshold: size + 100 });
    expect(await readdir(folder)).toEqual(["m.onnx"]);
  });

  it.each(["native", "wasm"] as const)("is read by ONNX Runtime (%s)", async (backend) => {
    await saveModel(linearModel(), path, { externalDataThreshold: 1000 });
    const runtime = await createRuntime({ backend, threads: 1 });
    const feeds = { x: floatTensor(ramp(20, 1), [1, 20]) };
    const session = await runtime.openSession(path);
    const expected = await runtime.createSession(linearModel());
    expect(await session.run(feeds)).toEqual(await expected.run(feeds));
    await session.release();
    await expected.release();
  });
});

describe("loading external data", () => {
  const entries = (values: Record<string, string>) =>
    Object.entries(values).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));

  /** Saves a model whose tensor "weight" (4000 bytes) has these external data entries, beside a data file of 5000 bytes. */
  async function saveReferring(values: Record<string, string>): Promise<void> {
    const model = linearModel();
    const [weight] = model.graph!.initializer;
    weight!.rawData = new Uint8Array(0);
    weight!.dataLocation = TensorProto_DataLocation.EXTERNAL;
    weight!.externalData = entries(values);
    await writeFile(path, serializeModel(model));
    await writeFile(
      join(folder, "data"),
      Uint8Array.from({ length: 5000 }, (_, i) => i % 251),
    );
  }

  async function refusal(values: Record<string, string>): Promise<string> {
    await saveReferring(values);
    const error = await loadModel(path).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(UserError);
    const line = (error as UserError).toLine();
    expect(line).toContain('"weight"');
    expect(line).toContain(folder);
    return line;
  }

  it("takes offset and length from the model, or the length from the shape", async () => {
    const cases: Record<string, string>[] = [
      { location: "data", offset: "10", length: "4000" },
      { location: "./data", offset: "10" },
    ];
    for (const values of cases) {
      await saveReferring(values);
      const { rawData, externalData } = (await loadModel(path)).graph!.initializer[0]!;
      expect([rawData.length, rawData[0], rawData[3999]]).toEqual([4000, 10, 4009 % 251]);
      expect(externalData).toEqual([]);
    }
  });

  it("reads from folders below the model's, written either way", async () => {
    await mkdir(join(folder, "sub"));
    await saveReferring({ location: "data" });
    await rename(join(folder, "data"), join(folder, "sub", "data"));
    for (const location of ["sub/data", "sub\\data"]) {
      await saveReferring({ location });
      await loadModel(path);
    }
  });

  it("refuses places outside the model's folder", async () => {
    const outside = await mkdtemp(join(tmpdir(), "brecq-outside-"));
    await writeFile(join(outside, "secret"), new Uint8Array(5000));
    const locations = [
      join(outside, "secret"),
      "../secret",
      "sub/../../secret",
      "..\\secret",
      "C:\\secret",
      "C:secret",
      "\\\\host\\share",
      "/etc/passwd",
    ];
    for (const location of locations) expect(await refusal({ location })).toContain("outside the model's folder");
    await symlink(join(outside, "secret"), join(folder, "link"));
    expect(await refusal({ location: "link" })).toContain("outside the model's folder");
    await symlink(outside, join(folder, "linked"));
    expect(await refusal({ location: "linked/secret" })).toContain("outside the model's folder");
    await rm(outside, { recursive: true });
  });

  it("follows a link that stays inside", async () => {
    await symlink("data", join(folder, "link"));
    await saveReferring({ location: "link" });
    expect((await loadModel(path)).graph!.initializer[0]!.rawData.length).toBe(4000);
  });

  it("refuses what is missing, not a file, or not said", async () => {
    expect(await refusal({ location: "none" })).toMatch(/cannot be read\. The file does not exist\. .*Put it beside the model/);
    expect(await refusal({ location: "none/data" })).toContain("The file does not exist");
    expect(await refusal({ location: "." })).toContain("outside");
    expect(await refusal({})).toContain("does not say in which");
    expect(await refusal({ location: "da\0ta" })).toContain("outside");
    await mkdir(join(folder, "sub"));
    expect(await refusal({ location: "sub" })).toContain("not a file");
  });

  it.skipIf(process.platform === "win32")("does not wait for a pipe", async () => {
    execFileSync("mkfifo", [join(folder, "pipe")]);
    expect(await refusal({ location: "pipe" })).toContain("not a file");
  });

  it("refuses ranges that do not fit the file or the shape", async () => {
    expect(await refusal({ location: "data", offset: "1001" })).toContain("needs bytes 1001 to 5001 of its data file, which has only 5000");
    expect(await refusal({ location: "data", offset: "9007199254740991" })).toContain("which has only 5000");
    expect(await refusal({ location: "data", length: "3999" })).toContain("should take 4000 bytes by its shape, but the model says 3999");
    for (const text of ["-1", "1e3", "0x10", " 5", "99999999999999999999", "9007199254740993", ""]) {
      expect(await refusal({ location: "data", offset: text })).toContain("impossible external data offset");
      expect(await refusal({ location: "data", length: text })).toContain("impossible external data length");
    }
  });

  it("takes no memory for a declared size", async () => {
    const model = linearModel();
    const [weight] = model.graph!.initializer;
    weight!.dims = [2n ** 40n];
    weight!.rawData = new Uint8Array(0);
    weight!.dataLocation = TensorProto_DataLocation.EXTERNAL;
    weight!.externalData = entries({ location: "data" });
    await writeFile(path, serializeModel(model));
    await writeFile(join(folder, "data"), "");
    await truncate(join(folder, "data"), 1000);
    await expect(loadModel(path)).rejects.toThrow("which has only 1000");
  });

  it("refuses overlapping tensors, which would take more memory than the file has", async () => {
    await saveReferring({ location: "data" });
    const model = parseModel(await readFile(path));
    const [weight] = model.graph!.initializer;
    model.graph!.initializer.push({ ...weight!, name: "shifted", externalData: entries({ location: "./data", offset: "4" }) });
    await writeFile(path, serializeModel(model));
    await expect(loadModel(path)).rejects.toThrow('"shifted" overlaps other tensors');
  });
});
