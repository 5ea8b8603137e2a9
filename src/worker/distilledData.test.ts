import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../../test/support/fixtures.ts";
import { readNpy } from "../engine/data/npy.ts";
import { HeldError } from "../engine/errors.ts";
import { GraphBuilder } from "../engine/graph/builder.ts";
import { serializeModel } from "../engine/onnx/modelFile.ts";
import { floatTensor, sizeOf } from "../engine/onnx/tensor.ts";
import { createRuntime } from "../engine/runtime/createRuntime.ts";
import { runtimeSettingsSchema } from "../protocol/worker.ts";
import { distillConfigured } from "./distillConfigured.ts";
import { runConfigured } from "./jobs.ts";
import { measureConfigured } from "./measureConfigured.ts";

vi.setConfig({ testTimeout: 60_000 });
const runtime = await createRuntime({ threads: 1 });
const context = { report: () => {}, signal: new AbortController().signal };

/** Three convolutions with BatchNormalization, and a config without data. */
function workplace({ norm = true, steps = 3 } = {}): { folder: string; configFile: string } {
  const g = new GraphBuilder();
  const vector = (values: number[]) => g.constant(floatTensor(values));
  let value = g.input("image", "float", ["n", 3, 8, 8]);
  for (const [i, inputs] of [3, 4, 4].entries()) {
    const dims = [4, inputs, 3, 3];
    const data = Float32Array.from({ length: sizeOf(dims) }, (_, k) => Math.sin(k * 1.7 + i) / 3);
    value = g.op("Conv", [value, g.constant(floatTensor(data, dims), `conv${i}.weight`)], { pads: [1, 1, 1, 1] }, { name: `conv${i}` });
    if (norm) value = g.op("BatchNormalization", [value, vector([1, 1, 1, 1]), vector([0, 0, 0, 0]), vector([0.1, 0, 0, 0.1]), vector([1, 1, 1, 1])]);
    value = g.op("Relu", [value]);
  }
  g.output(value, "output", "float");
  const config = {
    model: "net.onnx",
    calibration: { distill: { count: 40, steps } },
    runs: { a: { weights: 4, steps: 2, seed: 1 }, b: { weights: 2, steps: 2, seed: 2 } },
  };
  const folder = temporaryFolder({ "net.onnx": serializeModel(g.model({ opset: 17, irVersion: 8 })), "net.brecq.json": JSON.stringify(config) });
  return { folder, configFile: join(folder, "net.brecq.json") };
}

const distilledFiles = (folder: string) => readdirSync(join(folder, "net.results")).filter((name) => name.startsWith("distilled-"));

describe("distilled calibration data", () => {
  it("is made by the first run and shared by the others, whatever their seed", async () => {
    const { folder, configFile } = workplace();
    const run = (name: string) =>
      runConfigured({ runtime, settings: runtimeSettingsSchema.parse({}), configFile, run: name, resume: false }, context);
    const { result } = await run("a");
    expect(result.blocks.length).toBeGreaterThan(0);
    const [file, ...others] = distilledFiles(folder);
    expect(others).toEqual([]);
    const path = join(folder, "net.results", file!);
    const { mtimeMs } = statSync(path);
    expect(readNpy(readFileSync(path)).dims).toEqual([40, 3, 8, 8]);
    await run("b");
    expect(distilledFiles(folder)).toEqual([file]);
    expect(statSync(path).mtimeMs).toBe(mtimeMs);
  });

  it("can be made by itself, and be looked at", async () => {
    const { folder, configFile } = workplace();
    const made = await distillConfigured({ runtime, configFile, pictures: { folder: join(folder, "pictures"), count: 5 } }, context);
    expect(made).toMatchObject({ count: 40, file: join(folder, "net.results", distilledFiles(folder)[0]!) });
    expect(readdirSync(join(folder, "pictures"))).toHaveLength(5);
    expect(readFileSync(made.pictures[0]!).subarray(1, 4).toString()).toBe("PNG");
  });

  it("is refused where the model has no BatchNormalization", async () => {
    const { configFile } = workplace({ norm: false });
    await expect(distillConfigured({ runtime, configFile, pictures: undefined }, context)).rejects.toThrow(/no BatchNormalization left/);
  });
});

describe("two at once on one config", () => {
  /** Starts the same work twice, and gives the message of the one that was refused. */
  async function refusal(work: () => Promise<unknown>): Promise<string> {
    const ends = await Promise.allSettled([work(), work()]);
    expect(ends.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const { reason } = ends.find(({ status }) => status === "rejected") as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(HeldError);
    return (reason as HeldError).message;
  }

  it("make calibration images once", async () => {
    const { folder, configFile } = workplace();
    const message = await refusal(() => distillConfigured({ runtime, configFile, pictures: undefined }, context));
    expect(message).toMatch(/^The making of calibration images is being done already, by process \d+ on /);
    expect(readdirSync(join(folder, "net.results"))).toEqual(distilledFiles(folder));
  });

  it("measure sensitivities once", async () => {
    const { folder, configFile } = workplace();
    await distillConfigured({ runtime, configFile, pictures: undefined }, context);
    const measure = () => measureConfigured({ runtime, cacheBytes: undefined, configFile, run: undefined, candidates: [8] }, context);
    expect(await refusal(measure)).toMatch(/^The measurement of sensitivities is being done already, by process \d+ on /);
    expect(readdirSync(join(folder, "net.results")).toSorted()).toEqual([...distilledFiles(folder), "sensitivity.json"]);
    expect((await measure()).reused).toBe(true);
  });
});
