import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it, onTestFinished } from "vitest";
import { GraphBuilder } from "../../src/engine/graph/builder.ts";
import { serializeModel } from "../../src/engine/onnx/modelFile.ts";
import { StringStringEntryProtoSchema, TensorProto_DataLocation } from "../../src/engine/onnx/onnx_pb.ts";
import { floatTensor } from "../../src/engine/onnx/tensor.ts";
import { bundledCommand, sampleFolder } from "../support/commandLine.ts";
import { temporaryFolder } from "../support/fixtures.ts";

const brecq = bundledCommand();
const photos = readdirSync(join(sampleFolder, "calibration"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".jpg"))
  .toSorted()
  .map((name) => join(sampleFolder, "calibration", name));

/** Three convolutions on small images; `weights` may spoil the middle one's. */
function network({ channels = 3, weights }: { channels?: number; weights?: (values: Float32Array) => void } = {}) {
  const g = new GraphBuilder();
  let value = g.input("image", "float", ["n", channels, 8, 8]);
  for (const [i, inputs] of [channels, 4, 4].entries()) {
    const data = Float32Array.from({ length: 4 * inputs * 9 }, (_, k) => Math.sin(k * 1.7 + i) / 3);
    if (i === 1) weights?.(data);
    value = g.op("Relu", [
      g.op("Conv", [value, g.constant(floatTensor(data, [4, inputs, 3, 3]), `conv${i}.weight`)], { pads: [1, 1, 1, 1] }, { name: `conv${i}` }),
    ]);
  }
  g.output(value, "output", "float");
  return g.model({ opset: 17, irVersion: 8 });
}

const good = serializeModel(network());

/** The model with its first weights in another file. */
function externalModel(location: string): Uint8Array {
  const model = network();
  const tensor = model.graph!.initializer[0]!;
  tensor.rawData = new Uint8Array();
  tensor.floatData = [];
  tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
  tensor.externalData = [create(StringStringEntryProtoSchema, { key: "location", value: location })];
  return serializeModel(model);
}

/** A folder with `net.onnx` and four photographs in `images`. */
function workplace(model: Uint8Array = good): string {
  const folder = temporaryFolder({ "net.onnx": model });
  mkdirSync(join(folder, "images"));
  for (const [i, photo] of photos.slice(0, 4).entries()) cpSync(photo, join(folder, `images/${i}.jpg`));
  return folder;
}

const quantize = (folder: string, ...more: string[]) =>
  brecq(["quantize", "net.onnx", "--calibration", "images", "--steps", "1", "--output", "out/q.onnx", "--threads", "1", ...more], { cwd: folder });

/** One sentence for the user on the last line, nothing on standard output, nothing left behind. */
async function expectRefusal(folder: string, message: string | RegExp, ...more: string[]): Promise<void> {
  const { code, stdout, stderr } = await quantize(folder, ...more);
  const lines = stderr.trim().split("\n");
  expect(lines.at(-1)).toMatch(/^brecq: [A-Z"].*[.?)]$/);
  expect(lines.at(-1)).toMatch(message);
  expect(lines.filter((line) => line.startsWith("brecq: "))).toHaveLength(1);
  expect([code, stdout]).toEqual([1, ""]);
  const left = existsSync(join(folder, "out")) ? readdirSync(join(folder, "out")) : [];
  expect(left).toEqual([]);
}

describe("a bad model", () => {
  it.each<[string, () => Uint8Array, RegExp]>([
    ["a truncated file", () => good.subarray(0, good.length / 2), /truncated|damaged|not an ONNX model/],
    ["a file that is no ONNX", () => new TextEncoder().encode("<html>Not found</html>"), /not an ONNX model/],
    ["an empty file", () => new Uint8Array(), /The model file is empty/],
    ["missing external data", () => externalModel("net.onnx.data"), /net\.onnx\.data/],
    ["a path that leaves the folder", () => externalModel("../secret.bin"), /outside|leaves/],
    ["an absolute path", () => externalModel("/etc/passwd"), /outside|leaves/],
    ["weights that are not numbers", () => serializeModel(network({ weights: (values) => values.fill(Number.NaN, 3, 4) })), /contain NaN/],
    ["another number of channels", () => serializeModel(network({ channels: 5 })), /channels/],
  ])("is refused: %s", async (_, model, message) => {
    await expectRefusal(workplace(model()), message);
  });

  it("is refused: no file at all", async () => {
    const { code, stderr } = await brecq(["inspect", "nowhere.onnx"]);
    expect(code).toBe(1);
    expect(stderr).toBe("brecq: The file does not exist. (nowhere.onnx) Check the path.\n");
  });

  it("is refused: no layer to quantize", async () => {
    const g = new GraphBuilder();
    g.output(g.op("Relu", [g.input("image", "float", ["n", 3, 8, 8])]), "output", "float");
    await expectRefusal(workplace(serializeModel(g.model({ opset: 17, irVersion: 8 }))), /no layer/);
  });

  it.each<[string, (values: Float32Array) => void]>([
    ["all-zero", (values) => values.fill(0, 0, 36)],
    ["constant", (values) => values.fill(0.25, 0, 36)],
  ])("is none that has a channel that is %s", async (_, weights) => {
    const folder = workplace(serializeModel(network({ weights })));
    const { code, stderr } = await quantize(folder);
    expect(stderr).not.toContain("NaN");
    expect(code).toBe(0);
    expect(readdirSync(join(folder, "out"))).toEqual(["q.onnx"]);
  });
});

describe("bad images", () => {
  it("skips a corrupt one among good ones, and names it", async () => {
    const folder = workplace();
    writeFileSync(join(folder, "images/broken.jpg"), readFileSync(photos[0]!).subarray(0, 100));
    const { code, stdout, stderr } = await quantize(folder, "--json");
    expect(code).toBe(0);
    expect(stderr).toMatch(/Warning: .*broken\.jpg/);
    expect((JSON.parse(stdout) as { warnings: string[] }).warnings.join()).toContain("broken.jpg");
  });

  it("refuses an empty folder and a missing one", async () => {
    const folder = workplace();
    mkdirSync(join(folder, "empty"));
    await expectRefusal(folder, /image/, "--calibration", "empty");
    await expectRefusal(folder, /nowhere/, "--calibration", "nowhere");
  });

  it("refuses preprocessing for another number of channels", async () => {
    await expectRefusal(workplace(), /mean|channels/, "--input", '{"resize": [8, 8], "mean": [0, 0]}');
    await expectRefusal(workplace(), /channels/, "--input", '{"resize": [8, 8], "channels": "gray"}');
  });
});

describe("a bad config", () => {
  const run = async (text: string) => {
    const folder = workplace();
    writeFileSync(join(folder, "net.brecq.json"), text);
    return { folder, ...(await brecq(["run", "net.brecq.json"], { cwd: folder })) };
  };

  it.each([
    ['{\n"model": "net.onnx",\n"runs": { "a": { "weights": 9 } } }', /"runs.a.weights" is not valid: .* \(net\.brecq\.json:3\)/],
    ['{\n"model": "net.onnx",\n\n"rnus": {} }', /Unknown key "rnus"\. \(net\.brecq\.json:4\) Did you mean "runs"\?/],
    ['{\n"model": "net.onnx"\n"runs": {} }', /not valid JSON: comma expected\. \(net\.brecq\.json:3\)/],
    ['{\n"model": "net.onnx" }', /"runs" is missing\. \(net\.brecq\.json:1\)/],
    ["", /not valid JSON/],
    ["[]", /The config is not valid/],
    ['{ "model": "net.onnx", "runs": {} }', /no runs/],
    ['{ "model": "other.onnx", "runs": { "a": { "method": "nearest" } } }', /The file does not exist\. \(.*other\.onnx\)/],
    ['{ "model": "net.onnx", "runs": { "a": {} } }', /calibration/],
    ['{ "model": "net.onnx", "runs": { "a": { "activations": 8 } } }', /learns from calibration data, and the config names none/],
    [
      '{ "model": "net.onnx", "runs": { "a": { "method": "nearest", "layers": { "conv11": { "weights": 8 } } } } }',
      /no layer "conv11".* Did you mean "conv1"\?/,
    ],
  ])("is refused: %s", async (text, message) => {
    const { folder, code, stdout, stderr } = await run(text);
    expect(stderr.trim().split("\n").at(-1)).toMatch(message);
    expect(stderr).not.toContain("defect");
    expect([code, stdout]).toEqual([1, ""]);
    expect(existsSync(join(folder, "net.results/a/model.onnx"))).toBe(false);
    expect(existsSync(join(folder, "net.results/a/result.json"))).toBe(false);
  });

  it("names the nearest run", async () => {
    const folder = workplace();
    writeFileSync(join(folder, "net.brecq.json"), '{ "model": "net.onnx", "runs": { "w4": {} } }');
    const { code, stderr } = await brecq(["run", "net.brecq.json", "w5"], { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toContain('The config has no run "w5". (net.brecq.json) Did you mean "w4"?');
    expect(readdirSync(folder)).not.toContain("net.results");
  });
});

describe("a bad result", () => {
  it.each([
    [["export", "nowhere.json", "--format", "native", "--output", "x.onnx"], /The result nowhere\.json can't be read \(ENOENT\)/],
    [["export", "net.onnx", "--format", "native", "--output", "x.onnx"], /net\.onnx is not the result of a run/],
    [["compare", "net.brecq.json"], /No run of this config has finished yet\. \(net\.brecq\.json\)/],
    [["compare"], /Name a config/],
  ])("is refused: %j", async (args, message) => {
    const folder = workplace();
    writeFileSync(join(folder, "net.brecq.json"), '{ "model": "net.onnx", "runs": { "w4": {} } }');
    const { code, stdout, stderr } = await brecq(args, { cwd: folder });
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect([code, stdout]).toEqual([1, ""]);
    expect(existsSync(join(folder, "x.onnx"))).toBe(false);
  });
});

describe("labels that don't fit", () => {
  it("are told, on standard error and in the result", async () => {
    const folder = temporaryFolder();
    for (const name of ["a", "b"]) {
      mkdirSync(join(folder, name));
      cpSync(photos[0]!, join(folder, name, "0.jpg"));
    }
    const model = join(sampleFolder, "resnet20.onnx");
    const args = ["quantize", model, "--method", "nearest", "--evaluation", folder, "--output", join(folder, "q.onnx"), "--json", "--threads", "1"];
    const { code, stdout, stderr } = await brecq(args);
    expect(code).toBe(0);
    expect(stderr).toContain("Warning: The evaluation images lie in 2 folders");
    expect((JSON.parse(stdout) as { warnings: string[] }).warnings.join()).toContain("lie in 2 folders");
  });
});

describe("a place that can't be written to", () => {
  const root = process.getuid?.() === 0 && process.platform === "linux";

  it("is named where a part of the path is a file", async () => {
    const folder = workplace();
    writeFileSync(join(folder, "out"), "");
    const { code, stderr } = await quantize(folder);
    expect(code).toBe(1);
    expect(stderr.trim().split("\n").at(-1)).toMatch(/^brecq: /);
    expect(stderr).not.toContain("defect");
  });

  it.skipIf(!root)("is named where permission lacks (as root only: the command runs as nobody)", async () => {
    const folder = workplace();
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, "out"), { mode: 0o555 });
    const args = ["quantize", "net.onnx", "--method", "nearest", "--output", "out/q.onnx"];
    const { code, stderr } = await brecq(args, { cwd: folder, user: 65534 });
    expect(stderr).toContain("You have no permission to write the file.");
    expect([code, readdirSync(join(folder, "out"))]).toEqual([1, []]);
  });

  it.skipIf(!root)("is named where the disk is full, and no half of a file stays (as root only: a tiny disk is mounted)", async (context) => {
    const folder = workplace();
    const out = join(folder, "out");
    mkdirSync(out);
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=4k", "tmpfs", out]).status === 0;
    if (!mounted) return context.skip("This system does not let root mount a tmpfs.");
    onTestFinished(() => void spawnSync("umount", [out]));
    writeFileSync(join(out, "filler"), new Uint8Array(4096));
    const { code, stderr } = await quantize(folder);
    expect(stderr).toMatch(/brecq: The disk is full\. \(.*q\.onnx\)/);
    expect([code, readdirSync(out)]).toEqual([1, ["filler"]]);

    symlinkSync(join(folder, "net.onnx"), join(out, "net.onnx"));
    const init = await brecq(["init", "out/net.onnx"], { cwd: folder });
    expect(init.stderr).toMatch(/^brecq: The disk is full\. \(out\/net\.brecq\.json\)/);
    expect([init.code, readdirSync(out).toSorted()]).toEqual([1, ["filler", "net.onnx"]]);
  });
});
