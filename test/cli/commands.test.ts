import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { inspectionSchema } from "../../src/config/inspection.ts";
import { resultSchema } from "../../src/config/result.ts";
import { parseConfig } from "../../src/worker/readConfig.ts";
import { bundledCommand, sampleFolder } from "../support/commandLine.ts";
import { temporaryFolder } from "../support/fixtures.ts";
import { sharedModelPath, sharedModels } from "../support/sharedModels.ts";

const brecq = bundledCommand();
const model = join(sampleFolder, "resnet20.onnx");
const tiny = ["--threads", "2"];

/** A folder with the sample's network, its images by reference, and a config with tiny runs. */
function sampleCopy(): { folder: string; config: string } {
  const runs = { w2: { weights: 2, steps: 20 }, "w4-nearest": { weights: 4, method: "nearest" } };
  const input = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
  const calibration = { images: "calibration", count: 8 };
  const evaluation = { images: "evaluation", labels: "folders", count: 20 };
  const folder = temporaryFolder({ "net.brecq.json": JSON.stringify({ model: "net.onnx", input, calibration, evaluation, runs }) });
  cpSync(model, join(folder, "net.onnx"));
  for (const images of ["calibration", "evaluation"]) symlinkSync(join(sampleFolder, images), join(folder, images));
  return { folder, config: join(folder, "net.brecq.json") };
}

describe("inspect", () => {
  it("describes the sample by the contract, as JSON and nothing else", async () => {
    const { code, stdout, stderr } = await brecq(["inspect", model, "--json"]);
    expect([code, stderr]).toEqual([0, ""]);
    const raw = JSON.parse(stdout) as Record<string, unknown>;
    const { opset, layers, blocks, unsupported } = inspectionSchema.strict().parse(raw);
    expect(opset).toBeGreaterThanOrEqual(7);
    expect(layers).toHaveLength(20);
    expect(blocks.filter(({ kind }) => kind === "residual")).toHaveLength(9);
    expect(new Set(blocks.flatMap((block) => block.layers))).toEqual(new Set(layers.map(({ name }) => name)));
    expect(unsupported).toEqual([]);
  });

  it.skipIf(!sharedModels.includes("mnist-8.onnx"))("describes mnist-8, whose weights are listed as inputs (needs ../shared)", async () => {
    const { code, stdout } = await brecq(["inspect", sharedModelPath("mnist-8.onnx"), "--json"]);
    expect(code).toBe(0);
    const { inputs, layers } = inspectionSchema.parse(JSON.parse(stdout));
    expect(inputs.map(({ name }) => name)).toEqual(["Input3"]);
    expect(layers.map(({ op }) => op)).toEqual(["Conv", "Conv", "MatMul"]);
  });
});

describe("init", () => {
  it("writes a config that runs, and never overwrites one", async () => {
    const { folder } = sampleCopy();
    const config = join(folder, "fresh.brecq.json");
    cpSync(model, join(folder, "fresh.onnx"));
    const { code, stdout } = await brecq(["init", join(folder, "fresh.onnx"), "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ config });
    const text = readFileSync(config, "utf8");
    expect(parseConfig(text, config)).toMatchObject({
      model: "fresh.onnx",
      calibration: { images: "calibration" },
      evaluation: { images: "evaluation" },
    });

    const again = await brecq(["init", join(folder, "fresh.onnx")]);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("exists already");
    expect(readFileSync(config, "utf8")).toBe(text);

    writeFileSync(
      config,
      text.replace('"count": 1024', '"count": 8').replace('"weights": 4', '"weights": 4, "steps": 1').replace('"labels"', '"count": 8, "labels"'),
    );
    const run = await brecq(["run", config, ...tiny, "--json"]);
    expect(run.stderr).not.toContain("brecq:");
    expect(resultSchema.parse(JSON.parse(run.stdout)).run).toBe("w4");
  });
});

describe("quantize", () => {
  it("prints the result alone on standard output, and writes the same loadable file twice", async () => {
    const folder = temporaryFolder();
    const quantize = (output: string) =>
      brecq([
        "quantize",
        model,
        "--calibration",
        join(sampleFolder, "calibration"),
        "--steps",
        "2",
        "--count",
        "8",
        "--output",
        output,
        "--json",
        ...tiny,
      ]);
    const [a, b] = [join(folder, "a.onnx"), join(folder, "b.onnx")];
    const { code, stdout, stderr } = await quantize(a);
    expect(code).toBe(0);
    const result = resultSchema.strict().parse(JSON.parse(stdout));
    expect(result).toMatchObject({ run: "w4", output: a, seed: 1005, metrics: { images: 8, source: "calibration" } });
    expect(result.layers.map(({ weightBits }) => weightBits)).toEqual([8, ...Array<number>(18).fill(4), 8]);
    expect(result.size.quantizedBytes).toBeLessThan(result.size.fp32Bytes);
    expect(result.verification.every(({ loads }) => loads)).toBe(true);
    expect(stderr).toMatch(/Block 1\/11 .*loss/);
    const session = await ort.InferenceSession.create(a);
    const { [session.outputNames[0]!]: logits } = await session.run({
      [session.inputNames[0]!]: new ort.Tensor(new Float32Array(3072), [1, 3, 32, 32]),
    });
    expect(logits!.dims).toEqual([1, 10]);

    expect((await quantize(b)).code).toBe(0);
    expect(readFileSync(b).equals(readFileSync(a))).toBe(true);
    expect(readdirSync(folder).toSorted()).toEqual(["a.onnx", "b.onnx"]);
  });
});

describe("run", () => {
  it("goes on after Ctrl-C where it stopped, to the file of an uninterrupted run; then compare, evaluate and export take it", async () => {
    const whole = sampleCopy();
    const broken = sampleCopy();
    const uninterrupted = await brecq(["run", whole.config, ...tiny, "--json"]);
    expect(uninterrupted.code).toBe(0);
    const results = resultSchema.array().parse(JSON.parse(uninterrupted.stdout));
    expect(results.map(({ run }) => run)).toEqual(["w2", "w4-nearest"]);

    let sent = false;
    const interrupted = await brecq(["run", broken.config, "w2", ...tiny], {
      onStderr: (text, kill) => {
        if (sent || !/Block 1\/11 .*loss/.test(text)) return;
        sent = true;
        kill("SIGINT");
      },
    });
    expect(interrupted).toMatchObject({ code: 130, stdout: "" });
    expect(interrupted.stderr).toContain("--resume");
    const runFolder = join(broken.folder, "net.results/w2");
    expect(readdirSync(join(runFolder, "checkpoint"))).toContain("block-0.bin");
    expect(existsSync(join(runFolder, "model.onnx"))).toBe(false);

    const resumed = await brecq(["run", broken.config, "w2", "--resume", ...tiny, "--json"]);
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toContain("taken from the checkpoint");
    expect(readFileSync(join(runFolder, "model.onnx")).equals(readFileSync(join(whole.folder, "net.results/w2/model.onnx")))).toBe(true);
    expect(readdirSync(runFolder).toSorted()).toEqual(["log.jsonl", "model.onnx", "result.json"]);

    const result = join(whole.folder, "net.results/w2/result.json");
    const markdown = await brecq(["compare", whole.config]);
    expect(markdown.stdout).toMatch(/^\|.*\|$/m);
    expect(markdown.stdout).toContain("w4-nearest");
    const compared = await brecq(["compare", whole.config, result, "--json"]);
    expect((JSON.parse(compared.stdout) as { results: unknown[] }).results).toHaveLength(3);

    const quantized = join(whole.folder, "net.results/w2/model.onnx");
    const data = ["--data", join(sampleFolder, "evaluation"), "--count", "20"];
    const evaluated = await brecq(["evaluate", quantized, ...data, "--reference", join(whole.folder, "net.onnx"), "--json", ...tiny]);
    const { metrics } = JSON.parse(evaluated.stdout) as { metrics: { images: number; agreement: number } };
    expect(metrics.images).toBe(20);
    expect(metrics.agreement).toBeCloseTo(results[0]!.metrics.agreement!, 6);

    const native = join(whole.folder, "native.onnx");
    const exported = await brecq(["export", result, "--format", "native", "--output", native, "--json"]);
    expect(exported.code).toBe(0);
    const { bytes, verification } = JSON.parse(exported.stdout) as { bytes: number; verification: { loads: boolean }[] };
    expect(bytes).toBe(readFileSync(native).length);
    expect(bytes).toBeLessThan(results[0]!.size.quantizedBytes);
    expect(verification.some(({ loads }) => loads)).toBe(true);
  });
});
