import { cpSync, existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { resultSchema } from "../../src/config/result.ts";
import { searchResultSchema } from "../../src/config/searchResult.ts";
import { sensitivitySchema } from "../../src/config/sensitivity.ts";
import { bundledCommand, sampleFolder } from "../support/commandLine.ts";
import { temporaryFolder } from "../support/fixtures.ts";

const brecq = bundledCommand();
const few = ["--threads", "2"];

/** The sample's network with 4 images. Only 8 bits are searched, which need no training. */
function sampleCopy(): { folder: string; config: string } {
  const search = { candidates: [8], limit: { size: "300 kB" } };
  const config = {
    model: "net.onnx",
    input: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    calibration: { images: "calibration", count: 4 },
    runs: {
      mixed: { method: "nearest", search, layers: { "layer1.0.conv1": { weights: 4 } } },
      tight: { method: "nearest", export: "native", search: { ...search, limit: { size: "100 kB" } } },
    },
  };
  const folder = temporaryFolder({ "net.brecq.json": `// Kept.\n${JSON.stringify(config, undefined, 2)}` });
  cpSync(join(sampleFolder, "resnet20.onnx"), join(folder, "net.onnx"));
  symlinkSync(join(sampleFolder, "calibration"), join(folder, "calibration"));
  return { folder, config: join(folder, "net.brecq.json") };
}

describe("sensitivity, search and run", () => {
  it("measures once, searches, writes the bits into the config, and quantizes with searched bits", async () => {
    const { folder, config } = sampleCopy();
    const measured = await brecq(["sensitivity", config, "--candidates", "8", "--json", ...few]);
    expect([measured.code, measured.stderr.includes("Measuring the sensitivity of 20 layers")]).toEqual([0, true]);
    const sensitivity = sensitivitySchema.strict().parse(JSON.parse(measured.stdout));
    expect(sensitivity).toMatchObject({ complete: true, candidates: [8], samples: 4 });
    // 9 pairs in blocks, and all others of 20 layers.
    expect([sensitivity.layers.length, sensitivity.pairs.length, sensitivity.crossings.length]).toEqual([20, 9, 190 - 9]);
    expect(JSON.parse(readFileSync(join(folder, "net.results/sensitivity.json"), "utf8"))).toEqual(sensitivity);
    expect(existsSync(join(folder, "net.results/sensitivity.changes"))).toBe(false);

    const searched = await brecq([
      "search",
      config,
      "--limit-size",
      "300kB",
      "--candidates",
      "8",
      "--front",
      "size",
      "--write",
      "found",
      "--json",
      ...few,
    ]);
    expect(searched.stderr).toContain("Sensitivities are taken from");
    const { front, ...search } = JSON.parse(searched.stdout);
    expect(searchResultSchema.strict().parse(search)).toMatchObject({ fixed: ["conv1", "linear"], limits: { size: 300_000 } });
    expect(front.points).toHaveLength(1);
    const text = readFileSync(config, "utf8");
    expect(text.startsWith("// Kept.\n")).toBe(true);
    expect(text).toMatch(/"layer3.2.conv2": \{\s+"weights": 8/);

    const run = await brecq(["run", config, "mixed", "--json", ...few]);
    expect(run.code).toBe(0);
    const result = resultSchema.parse(JSON.parse(run.stdout));
    expect(result.search).toMatchObject({
      fixed: ["conv1", "layer1.0.conv1", "linear"],
      bits: { conv1: 8, "layer1.0.conv1": 4, "layer3.2.conv2": 8 },
    });
    expect(result.layers.map(({ name, weightBits }) => [name, weightBits])).toEqual(Object.entries(result.search!.bits));
    expect(result.config).toMatchObject({ search: { candidates: [8] }, layers: { "layer1.0.conv1": { weights: 4 } } });

    const tight = await brecq(["run", config, "tight", ...few]);
    expect(tight.code).toBe(1);
    expect(tight.stderr).toMatch(/No choice of bits keeps the size limit of 100000 B: the least possible is \d+ B\./);
  });

  it("tells mistakes in one line", async () => {
    const { config } = sampleCopy();
    const cases: [string[], RegExp][] = [
      [["sensitivity"], /The config's path is missing/],
      [["sensitivity", config, "--candidates", "1,4"], /--candidates takes numbers of bits from 2 to 8/],
      [["sensitivity", config, "none"], /The config has no run "none"/],
      [["search", config, "--limit-bops", "many"], /--limit-bops takes a number above 0, not "many"/],
      [["search", config, "--table", "roofline"], /--table goes with --limit-latency/],
      [["search", config, "--front", "weight"], /--front takes size, bops, latency, not "weight"/],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await brecq(args);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(message);
      expect(stderr.trim().split("\n")).toHaveLength(1);
    }
  });
});
