import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The figures of bench/durability.mjs, which does the same at hundreds of moments. */
async function durability(args: readonly string[]): Promise<{ code: number | null; figures: Record<string, unknown>[]; problems: string }> {
  const child = spawn(process.execPath, ["bench/durability.mjs", ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, problems] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    problems += text;
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  const figures = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { code, figures, problems };
}

it("a run that is killed goes on to the same file, writes nothing by halves, and lets no other do the same run", async () => {
  const { code, figures, problems } = await durability(["--quick", "--random", "2", "--every", "61"]);
  expect({ code, problems }).toEqual({ code: 0, problems: "" });
  const [run, ...kinds] = figures;
  expect(run!.renames).toBeGreaterThanOrEqual(13);
  expect(run!.flushedBeforeAndAfter).toBe(run!.renames);
  expect(kinds.map(({ tried, same }) => [tried, same])).toEqual([
    [2, 2],
    [expect.any(Number), kinds[1]!.tried],
    [1, 1],
  ]);
  expect(kinds[1]!.tried).toBeGreaterThanOrEqual(3);
}, 120_000);
