import { describe, expect, it } from "vitest";
import { paretoSvg } from "../../config/paretoSvg.ts";
import { runSchema } from "../../config/schema.ts";
import { sweepCsv, sweepMarkdown } from "../../config/sweepMarkdown.ts";
import type { RunFigures } from "../../config/sweepResult.ts";
import { runNameOf } from "./runNames.ts";
import { type RunOutcome, sweepTable } from "./sweepTable.ts";

function outcome(weights: number, seed: number, top1: number | undefined, own: Partial<RunOutcome> = {}): RunOutcome {
  const settings = runSchema.parse({ weights, seed });
  const metrics = { fp32: { top1: 80 }, quantized: { top1 }, agreement: 90, images: 100, source: "evaluation" as const };
  const figures = { metrics, weightBytes: weights * 10_000, averageBits: weights, fp32Bytes: 320_000, seconds: 5 } as RunFigures;
  return { run: { model: "a<b", name: runNameOf(settings), settings }, state: "done", ...(top1 !== undefined && { figures }), ...own };
}

const table = sweepTable("s", [
  outcome(2, 1, 70),
  outcome(3, 1, 66),
  outcome(4, 1, 79),
  outcome(8, 1, undefined, { state: "failed", error: "The disk is full." }),
  outcome(2, 2, 74),
  outcome(3, 2, undefined, { state: "waiting" }),
]);

describe("the table of a sweep", () => {
  it("averages over seeds, and tells what is on the front: as small and as good as no other", () => {
    expect(table.rows.map(({ setting }) => setting)).toEqual(["w2-brecq", "w3-brecq", "w4-brecq", "w8-brecq"]);
    expect(table.rows[0]).toMatchObject({ mean: 72, values: [70, 74], weightBytes: 20_000, best: true });
    expect(table.rows[0]!.deviation).toBeCloseTo(Math.sqrt(8), 12);
    // Three bits are larger than two and worse; four are larger and better.
    expect(table.rows.map(({ best }) => best)).toEqual([true, false, true, false]);
    expect(table.complete).toBe(false);
    expect(table.models[0]).toMatchObject({ metric: "top-1", unit: "%", fp32: 80, fp32Bytes: 320_000 });
  });

  it("is written as Markdown and CSV, with what failed and why", () => {
    const text = sweepMarkdown(table);
    expect(text).toContain("| w2-brecq | 72.00 ± 2.83 | 90.00 | – | 20.0 kB | 2.00 | 5.0 | 2/2 | ● |");
    expect(text).toContain("| w8-brecq | failed |");
    expect(text).toContain("- a<b, w8-brecq-1: The disk is full.");
    const [header, first] = sweepCsv({ ...table, rows: [{ ...table.rows[0]!, setting: 'x,"y"' }] }).split("\n");
    expect(header!.split(",")).toHaveLength(15);
    expect(first).toContain('"x,""y"""');
  });

  it("is drawn with a dot a setting and the front as a line, and no name becomes markup", () => {
    const svg = paretoSvg(table);
    expect(svg.match(/<circle/g)).toHaveLength(3);
    expect(/class="front" points="([^"]*)"/.exec(svg)![1]!.split(" ")).toHaveLength(2);
    expect(svg).toContain("a&lt;b: top-1");
    expect(svg).not.toContain("a<b");
    expect(svg).not.toMatch(/NaN|Infinity/);
    const single = paretoSvg(sweepTable("s", [outcome(2, 1, 70)]));
    expect(single).not.toMatch(/NaN|Infinity/);
  });
});

it("names of runs differ wherever a setting does", () => {
  const settings = [
    {},
    { weights: 3 },
    { activations: 4 },
    { steps: 7 },
    { loss: "fisher" },
    { firstLast: 4 },
    { export: "native" },
    { layers: { a: { weights: 2 } } },
    { seed: 7 },
  ];
  const searches = ["1 MB", "2 MB"].map((size) => ({ search: { limit: { size } } }));
  const names = [...settings, ...searches].map((own) => runNameOf(runSchema.parse(own)));
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[\w.-]+$/);
});
