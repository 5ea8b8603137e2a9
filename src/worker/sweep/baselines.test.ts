import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { smallData, sweepWorkplace } from "../../../test/support/sweepWorkplace.ts";
import { bundledWorker } from "../../../test/support/workerScript.ts";
import { runSchema } from "../../config/schema.ts";
import type { RunFigures } from "../../config/sweepResult.ts";
import { UserError } from "../../engine/errors.ts";
import { runtimeSettingsSchema } from "../../protocol/worker.ts";
import { baselineMarkdown } from "./baselineMarkdown.ts";
import { type BaselineRun, expandRuns, methodVariants, namedVariants, paperColumns } from "./baselineRuns.ts";
import { baselineSvg } from "./baselineSvg.ts";
import { type BaselineOutcome, summarize } from "./baselineTable.ts";
import { localRunner } from "./doPlan.ts";
import { runBaselines } from "./runBaselines.ts";

vi.setConfig({ testTimeout: 60_000 });
const base = runSchema.parse({ steps: 7 });
const names = (runs: readonly BaselineRun[]) => runs.map(({ name }) => name);

describe("the runs of a comparison", () => {
  it("are the paper's by default", () => {
    const runs = expandRuns({ variants: methodVariants, columns: paperColumns, seeds: 1, base });
    // Six methods at five widths, and QDrop where activations are quantized.
    expect(runs).toHaveLength(6 * 5 + 2);
    expect(names(runs)).toContain("w2-brecq-stage-1005");
    expect(names(runs)).toContain("w2a4-qdrop-1005");
    expect(names(runs)).not.toContain("w2-qdrop-1005");
    const net = runs.find(({ name }) => name === "w4a4-brecq-net-1005")!;
    expect(net.settings).toMatchObject({ method: "brecq", granularity: "net", weights: 4, activations: 4, seed: 1005, steps: 7 });
  });

  it("count seeds up, but for what is not random", () => {
    const columns = [{ weights: 2, activations: "fp32" }] as const;
    const runs = expandRuns({ variants: namedVariants(["nearest", "brecq"]), columns, seeds: 3, base });
    expect(names(runs)).toEqual(["w2-nearest-1005", "w2-brecq-block-1005", "w2-brecq-block-1006", "w2-brecq-block-1007"]);
  });

  it("know layer-wise BRECQ as AdaRound, and no methods that are not there", () => {
    expect(namedVariants(["brecq-layer", "adaround"]).map(({ key }) => key)).toEqual(["adaround"]);
    expect(() => namedVariants(["brek"])).toThrow(UserError);
  });
});

/** An outcome with what the summary reads. */
function outcome(run: BaselineRun, top1: number, seconds: number): BaselineOutcome {
  const metrics = { fp32: { top1: 80 }, quantized: { top1 }, images: 100, source: "evaluation" };
  return { run, figures: { metrics, seconds, steps: 70 } as unknown as RunFigures };
}

describe("the table", () => {
  const axes = { variants: namedVariants(["nearest", "brecq-block"]), columns: [{ weights: 2, activations: "fp32" }] as const, seeds: 2, base };
  const runs = expandRuns(axes);
  const outcomes = [outcome(runs[0]!, 20, 1), outcome(runs[1]!, 70, 10), outcome(runs[2]!, 74, 20)];
  const table = summarize("net.onnx", axes, outcomes, 512);

  it("has mean and sample deviation over seeds, and costs", () => {
    expect(table).toMatchObject({ metric: "top-1", fp32: 80, columns: ["W2"] });
    const [nearest, block] = table.rows.map(({ cells }) => cells[0]!);
    expect(nearest).toMatchObject({ mean: 20, deviation: undefined, images: 0 });
    expect(block).toMatchObject({ mean: 72, steps: 70, seconds: 15, images: 512 });
    expect(block!.deviation).toBeCloseTo(Math.sqrt(8), 12);
  });

  it("is written as Markdown, with what is quoted marked as such", () => {
    const text = baselineMarkdown(table);
    expect(text).toContain("| BRECQ, block | 72.00 ± 2.83 |");
    expect(text).toContain("| FP32 | 80.00 |");
    expect(text).toContain("| BRECQ, block | 512 | 70 | 15 |");
    expect(text).toMatch(/quoted, not measured here[\s\S]*LSQ \(QAT\)/);
  });

  it("is drawn with a point a cell, a bar a deviation and a line for FP32", () => {
    const svg = baselineSvg({ ...table, model: "a<b>.onnx" });
    expect(svg.match(/<circle[^>]*cy="[^"]*" r="4"/g)).toHaveLength(2 + 2);
    expect(svg.match(/stroke-width="2"/g)).toHaveLength(1);
    expect(svg).toContain("FP32 80.00");
    expect(svg).toContain("a&lt;b&gt;.onnx");
  });

  it("names what could not be done, and leaves other cells empty", () => {
    const failed = summarize("net.onnx", axes, [{ run: runs[1]!, error: "No." }], 512);
    expect(baselineMarkdown(failed)).toContain("- BRECQ, block, W2: No.");
    expect(baselineMarkdown(failed)).toContain("| Nearest | – |");
  });
});

const { worker } = bundledWorker();

describe("doing a comparison", () => {
  it("goes on where it was broken off, and does again what has changed", async () => {
    const { folder, configFile } = sweepWorkplace();
    const columns = [{ weights: 2, activations: "fp32" }] as const;
    const axes = { variants: namedVariants(["nearest", "dfq", "brecq-block"]), columns, seeds: 1, base: runSchema.parse({ steps: 2 }) };
    const runner = localRunner({ script: worker, runtime: runtimeSettingsSchema.parse({}) });
    const compare = (own = axes) => runBaselines({ runner, configFile, axes: own }, { report: () => {}, signal: new AbortController().signal });
    const first = await compare();
    expect(first.reused).toBe(0);
    for (const { cells } of first.table.rows) expect(cells[0]!.mean).toBeTypeOf("number");
    const result = join(folder, "net.results/baselines.results/w2-brecq-block-1005/result.json");
    const written = statSync(result).mtimeMs;
    for (const file of Object.values(first.files)) expect(existsSync(file)).toBe(true);
    expect(JSON.parse(readFileSync(first.files.json, "utf8"))).toMatchObject({ columns: ["W2"] });

    const again = await compare();
    expect(again.reused).toBe(3);
    expect(statSync(result).mtimeMs).toBe(written);

    // Other steps concern all runs; other data too.
    expect((await compare({ ...axes, base: runSchema.parse({ steps: 3 }) })).reused).toBe(0);
    writeFileSync(join(folder, "x.npy"), smallData(6));
    expect((await compare({ ...axes, base: runSchema.parse({ steps: 3 }) })).reused).toBe(0);
  });
});
