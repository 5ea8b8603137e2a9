import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { bundledCommand } from "../support/commandLine.ts";

const brecq = bundledCommand();
const commands = ["inspect", "init", "run", "quantize", "evaluate", "compare", "baselines", "sweep", "distill", "export"];

describe("brecq", () => {
  it("lists its commands, on standard output", async () => {
    for (const args of [[], ["--help"]]) {
      const { code, stdout, stderr } = await brecq(args);
      expect([code, stderr]).toEqual([0, ""]);
      for (const command of commands) expect(stdout).toContain(`brecq ${command} `);
    }
  });

  it.each(commands)("explains %s with all options that its usage names", async (command) => {
    const { code, stdout } = await brecq([command, "--help"]);
    expect(code).toBe(0);
    const [usage, ...lines] = stdout.split("\n");
    expect(usage).toMatch(new RegExp(`^brecq ${command} `));
    for (const option of [...(usage!.match(/--[a-z-]+/g) ?? []), "--json", "--threads", "--provider", "--backend", "--cache"]) {
      expect(lines.some((line) => line.startsWith(`  ${option} `))).toBe(true);
    }
  });

  it("tells its version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
    expect(await brecq(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  it.each([
    [["inspec"], 'There is no command "inspec". Did you mean "inspect"?'],
    [["frobnicate"], 'There is no command "frobnicate". See brecq --help.'],
    [["inspect", "--jsno", "m.onnx"], "There is no option --jsno. Did you mean --json?"],
    [["inspect"], "The model's path is missing. See --help."],
    [["inspect", "a.onnx", "b.onnx"], 'Unexpected argument "b.onnx". See --help.'],
    [["inspect", "a.onnx", "--threads", "many"], '--threads takes a whole number, not "many".'],
    [["inspect", "a.onnx", "--cache", "much"], '--cache takes a size such as "1 GB", not "much".'],
    [["inspect", "a.onnx", "--provider", "gpu"], "--provider gpu is not known. See --help."],
    [["quantize", "a.onnx", "--calibration", "c", "--count", "0"], "--count must be at least 1."],
    [["quantize", "a.onnx", "--calibration", "c", "--method", "magic"], "--method is not valid"],
    [["quantize", "a.onnx", "--calibration", "c", "--weights", "9"], "--weights is not valid"],
    [["quantize", "a.onnx", "--calibration", "c", "--weights", "1"], "--weights is not valid"],
    [["quantize", "a.onnx"], "--calibration is missing."],
    [["evaluate", "a.onnx"], "--data is missing."],
    [["export", "r.json", "--format", "zip", "--output", "o"], '--format must be native or portable, not "zip".'],
  ])("answers %j with one line", async (args, message) => {
    const { code, stdout, stderr } = await brecq(args);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(`brecq: ${message}`);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });
});
