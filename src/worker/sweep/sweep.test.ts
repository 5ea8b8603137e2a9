import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { smallData, smallModel, sweepWorkplace, writeSweep } from "../../../test/support/sweepWorkplace.ts";
import { bundledWorker } from "../../../test/support/workerScript.ts";
import { CancelledError, type UserError } from "../../engine/errors.ts";
import type { Progress } from "../../protocol/progress.ts";
import { runtimeSettingsSchema } from "../../protocol/worker.ts";
import { localRunner } from "./doPlan.ts";
import { measureTogether } from "./measureTogether.ts";
import { runKey } from "./planSweep.ts";
import { listSweep, runSweep, type SweepOptions } from "./runSweep.ts";

vi.setConfig({ testTimeout: 120_000 });
const { worker } = bundledWorker();
const never = new AbortController().signal;

const runtime = runtimeSettingsSchema.parse({ threads: 1 });
const sweep = (file: string, own: Partial<SweepOptions> = {}, signal = never, report: (event: Progress) => void = () => {}) =>
  runSweep({ file, runner: localRunner({ script: worker, runtime, workers: 2 }), ...own }, { report, signal });

async function keys(folder: string, content: object): Promise<string[]> {
  return (await listSweep(writeSweep(folder, content))).map(runKey);
}

describe("the runs of a sweep", () => {
  it("are models × matrix × seeds, less what is excluded", async () => {
    const { folder } = sweepWorkplace();
    const matrix = { weights: [2, 4], method: ["nearest", "brecq"] };
    const all = await keys(folder, { matrix, seeds: 2 });
    expect(all).toHaveLength(2 * 4 * 2);
    expect(all[0]).toBe("net/w2-nearest-steps2-1005");
    const some = await keys(folder, {
      matrix,
      seeds: [7, 9],
      exclude: [
        { method: "nearest", seed: 9 },
        { model: "other", weights: 4 },
      ],
    });
    expect(some).toHaveLength(16 - 4 - 4 + 1);
    expect(some).not.toContain("net/w2-nearest-steps2-9");
    expect(some).not.toContain("other/w4-brecq-steps2-7");
  });

  it("keep their names when the sweep grows, and are one where settings are the same", async () => {
    const { folder } = sweepWorkplace();
    const few = await keys(folder, { matrix: { weights: [2] } });
    const more = await keys(folder, { matrix: { weights: [2, 3], loss: ["mse", "fisher"] }, seeds: 3 });
    expect(more).toEqual(expect.arrayContaining(few));
    const variants = { a: { method: "brecq" }, b: { method: "brecq", granularity: "block" }, c: { method: "adaround", granularity: "layer" } };
    expect(await keys(folder, { variants })).toHaveLength(2 * 2);
  });

  it("are refused with a sentence and a line where there are too many, none, or a mistake", async () => {
    const { folder } = sweepWorkplace();
    const failure = (content: object) => keys(folder, content).catch((error: UserError) => error.toLine());
    expect(await failure({ matrix: { weights: [2, 3] }, limits: { jobs: 3 } })).toMatch(/^The sweep would be 4 runs, and its limit is 3\./);
    expect(await failure({ exclude: [{ weights: 4 }] })).toMatch(/all of its combinations are excluded/);
    expect(await failure({ exclude: [{ model: "nett" }] })).toMatch(/There is no model "nett" to exclude.*Did you mean "net"\?/);
    expect(await failure({ matrix: { weigths: [2] } })).toMatch(
      /Unknown key "weigths" in "sweep\.matrix".*s\.brecq\.json:1.*Did you mean "weights"\?/,
    );
    expect(await failure({ matrix: { weights: [9] } })).toMatch(/"sweep\.matrix\.weights\.0" is not valid/);
  });
});

describe("doing a sweep", () => {
  it("gives a table with a front, and takes finished runs as they are until their inputs change", async () => {
    const { folder } = sweepWorkplace();
    const file = writeSweep(folder, { matrix: { weights: [2, 8] } });
    const first = await sweep(file);
    expect(first).toMatchObject({ reused: 0, failed: 0 });
    expect(first.table.complete).toBe(true);
    expect(first.table.rows).toHaveLength(4);
    // The best of the largest and of the smallest are on the front.
    for (const model of ["net", "other"]) {
      const rows = first.table.rows.filter((row) => row.model === model);
      const best = rows.reduce((a, b) => (a.mean! >= b.mean! ? a : b));
      expect(best.best).toBe(true);
      expect(rows.some(({ best: front, weights }) => front && weights === 2)).toBe(true);
    }
    expect(readFileSync(first.files.plot, "utf8").match(/<circle/g)).toHaveLength(4);
    expect(readFileSync(first.files.markdown, "utf8")).toContain("| w2-brecq-steps2 |");
    const result = join(folder, "s.results/net.results/w2-brecq-steps2-1005/result.json");
    const written = statSync(result).mtimeMs;

    // Other times and another place are no change; other contents are.
    utimesSync(join(folder, "x.npy"), 1, 1);
    expect((await sweep(file)).reused).toBe(4);
    expect(statSync(result).mtimeMs).toBe(written);
    writeFileSync(join(folder, "other.onnx"), smallModel(2));
    expect((await sweep(file)).reused).toBe(2);
    writeFileSync(join(folder, "x.npy"), smallData(10));
    expect((await sweep(file)).reused).toBe(0);
    rmSync(result);
    expect((await sweep(file)).reused).toBe(3);
  });

  it("gives the files of `brecq run`, whatever else goes on", async () => {
    const [one, two] = [sweepWorkplace().folder, sweepWorkplace().folder];
    const content = { models: { net: "net.brecq.json" }, seeds: 2 };
    await sweep(writeSweep(one, content));
    const alone = localRunner({ script: worker, runtime: runtimeSettingsSchema.parse({ threads: 1 }), workers: 1 });
    await sweep(writeSweep(two, content), { runner: alone });
    const runs = readdirSync(join(one, "s.results/net.results"));
    expect(runs).toHaveLength(2);
    for (const run of runs) {
      const file = `s.results/net.results/${run}/model.onnx`;
      expect(readFileSync(join(one, file)).equals(readFileSync(join(two, file)))).toBe(true);
    }
  });

  it("leaves a sentence where a run fails, and does the others", async () => {
    const { folder } = sweepWorkplace();
    // Each of them makes its run impossible: a layer that is not there, a limit that cannot be met.
    const search = { limit: { size: "1 B" } };
    const file = writeSweep(folder, {
      models: { net: "net.brecq.json" },
      variants: { good: {}, layer: { layers: { conv9: { weights: 2 } } }, limit: { search, export: "native" } },
    });
    const states: string[] = [];
    const done = await sweep(
      file,
      {},
      never,
      (event) => void (event.type === "job" && event.state !== "going" && states.push(`${event.job}: ${event.state}`)),
    );
    expect(done.failed).toBe(2);
    const errors = done.table.rows.flatMap((row) => row.runs.flatMap(({ error }) => error ?? []));
    expect(errors.join("\n")).toMatch(/conv9/);
    expect(errors.join("\n")).toMatch(/limit|size/i);
    expect(readFileSync(done.files.markdown, "utf8")).toMatch(/## Not done\n\n- net, w4-brecq-.*: /);
    // The run after the failed search was not begun.
    expect(states.filter((state) => /:search: failed$/.test(state))).toHaveLength(1);
    expect(states.filter((state) => /search1B.*-\d{4}: started$/i.test(state))).toHaveLength(0);
  });

  it("measures once for all searches of a seed", async () => {
    const { folder } = sweepWorkplace();
    const searches = ["400 B", "300 B"].map((size) => ({ candidates: size === "400 B" ? [2, 8] : [2, 4, 8], limit: { size } }));
    const file = writeSweep(folder, {
      models: { net: "net.brecq.json" },
      settings: { steps: 2, export: "native", firstLast: 4 },
      matrix: { search: searches },
    });
    const done: string[] = [];
    const { table, failed } = await sweep(file, {}, never, (event) => void (event.type === "job" && event.state === "done" && done.push(event.job)));
    expect(failed, JSON.stringify(table.rows)).toBe(0);
    expect(done.filter((job) => job.endsWith(":sensitivity"))).toHaveLength(1);
    expect(done.filter((job) => /:sensitivity:\d$/.test(job))).toHaveLength(2);
    expect(done.filter((job) => job.endsWith(":search"))).toHaveLength(2);
    for (const row of table.rows) expect(row.weights).toBe("mixed");
    expect(table.rows[0]!.weightBytes!).toBeLessThanOrEqual(400);
    expect(table.rows[1]!.weightBytes!).toBeLessThanOrEqual(300);
  });

  it("measures sensitivities in parts that together are the whole", async () => {
    const { folder } = sweepWorkplace();
    const file = (name: string) => join(folder, `${name}.brecq.json`);
    for (const name of ["one", "parts"]) {
      writeFileSync(file(name), JSON.stringify({ model: "net.onnx", calibration: { arrays: "x.npy" }, runs: { w2: { weights: 2 } } }));
    }
    for (const [name, workers] of [
      ["one", 1],
      ["parts", 3],
    ] as const) {
      await measureTogether(
        { configFile: file(name), run: "w2", candidates: [2, 8], runner: localRunner({ script: worker, runtime, workers }) },
        { report: () => {}, signal: never },
      );
    }
    const of = (name: string) => JSON.parse(readFileSync(join(folder, `${name}.results/sensitivity.json`), "utf8"));
    expect(of("one")).toMatchObject({ complete: true, candidates: [2, 8] });
    expect(of("one").layers).toHaveLength(3);
    expect(of("parts")).toEqual(of("one"));
    expect(existsSync(join(folder, "parts.results/sensitivity.parts"))).toBe(false);
  });

  it("is shared out in parts that together are the whole, and gathered", async () => {
    const { folder } = sweepWorkplace();
    const file = writeSweep(folder, { matrix: { weights: [2, 3] } });
    await sweep(file, { shard: { index: 1, count: 2 } });
    const half = await sweep(file, { gather: true });
    expect(half.reused).toBe(2);
    expect(half.table.complete).toBe(false);
    await sweep(file, { shard: { index: 2, count: 2 } });
    const whole = await sweep(file, { gather: true });
    expect(whole).toMatchObject({ reused: 4, failed: 0 });
    expect(whole.table.complete).toBe(true);
  });

  it("stops when it is cancelled, leaves a table, and goes on later", async () => {
    const { folder } = sweepWorkplace();
    const file = writeSweep(folder, { matrix: { weights: [2, 3, 4] }, settings: { steps: 3 } });
    const abort = new AbortController();
    const stopped = sweep(file, {}, abort.signal, (event) => event.type === "job" && event.state === "done" && abort.abort());
    await expect(stopped).rejects.toThrow(CancelledError);
    expect(readFileSync(join(folder, "s.results/table.md"), "utf8")).toContain("cancelled");
    const rest = await sweep(file);
    expect(rest.reused).toBeGreaterThan(0);
    expect(rest.table.rows.every(({ mean }) => mean !== undefined)).toBe(true);
    expect(existsSync(join(folder, "s.results/net.results/w2-brecq-steps3-1005/checkpoint"))).toBe(false);
  });
});
