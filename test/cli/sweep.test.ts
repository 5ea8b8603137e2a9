import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { bundledCommand } from "../support/commandLine.ts";
import { hasQueueServer, startQueueServer } from "../support/queueServer.ts";
import { sweepWorkplace, writeSweep } from "../support/sweepWorkplace.ts";
import { bundledWorker } from "../support/workerScript.ts";

vi.setConfig({ testTimeout: 120_000 });
const brecq = bundledCommand();
const { cli } = bundledWorker();

describe("brecq sweep", () => {
  it("does a sweep, and prints its table as JSON", async () => {
    const { folder } = sweepWorkplace();
    const file = writeSweep(folder, { models: { net: "net.brecq.json" }, matrix: { method: ["nearest"] } });
    const { code, stdout } = await brecq(["sweep", file, "--json", "--workers", "1"]);
    expect(code).toBe(0);
    const table = JSON.parse(stdout);
    expect(table).toMatchObject({ complete: true, reused: 0, rows: [{ setting: "w4-nearest-steps2" }] });
    expect(existsSync(table.files.plot)).toBe(true);
  });

  it("answers bad input with one sentence", async () => {
    const { folder, configFile } = sweepWorkplace();
    const file = writeSweep(folder, {});
    const sentence = async (...args: string[]) => {
      const { code, stderr } = await brecq(args);
      expect(code).toBe(1);
      expect(stderr.trim().split("\n")).toHaveLength(1);
      return stderr.trim();
    };
    expect(await sentence("sweep", file, "--shard", "3/2")).toMatch(
      /^brecq: --shard takes a part and how many there are, such as 2\/8, not "3\/2"\.$/,
    );
    expect(await sentence("sweep", file, "--folder", folder)).toMatch(/^brecq: --folder goes with --queue\./);
    expect(await sentence("sweep", file, "--queue", "redis://here", "--workers", "2")).toMatch(/--workers is for the workers of the queue/);
    expect(await sentence("sweep", file, "--queue", "redis://:hunter2@here")).toMatch(/^brecq: The queue's address must not hold a password/);
    expect(await sentence("sweep", configFile)).toMatch(/"sweep" is missing|Unknown key/);
    expect(await sentence("run", file)).toMatch(/^brecq: The file is a sweep and no config\. .*brecq sweep/);
    expect(await sentence("worker")).toMatch(/^brecq: The queue's address is missing\./);
  });

  it.runIf(hasQueueServer && process.platform !== "win32")(
    "goes on where one worker may write no files and another is killed, and tells no password",
    async () => {
      const server = await startQueueServer(() => ["--requirepass", "hunter2"]);
      const address = `redis://127.0.0.1:${server.port}`;
      const { folder } = sweepWorkplace();
      const file = writeSweep(folder, { models: { net: "net.brecq.json" }, matrix: { weights: [2, 3] }, settings: { steps: 200 }, seeds: 2 });
      const env = { ...process.env, BRECQ_QUEUE_PASSWORD: "hunter2" };
      let said = "";
      const start = (args: readonly string[], shell = "") => {
        // A worker that may write no files stands for one whose disk is full.
        const child = spawn("bash", ["-c", `${shell} exec "$0" "$@"`, process.execPath, cli, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
        const listen = (text: string) => {
          said += text;
        };
        for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", listen);
        return { child, ended: new Promise<number | null>((resolve) => child.once("close", resolve)) };
      };
      const worker = ["worker", "--queue", address, "--concurrency", "1", "--stall", "2"];
      const full = start(worker, "ulimit -f 0;");
      const sweep = start(["sweep", file, "--queue", address]);
      while (!said.includes("No more jobs for 5 s.")) await delay(50);
      const killed = start(worker);
      while (!/started \(|net\/\S+: started/.test(said.split("No more jobs")[1] ?? "")) await delay(20);
      killed.child.kill("SIGKILL");
      const last = start(worker);
      expect(await sweep.ended, said).toBe(0);
      const table = JSON.parse(readFileSync(join(folder, "s.results/table.json"), "utf8"));
      expect(table.complete).toBe(true);
      expect(table.rows.flatMap(({ runs }: { runs: { state: string }[] }) => runs.map(({ state }) => state))).toEqual([
        "done",
        "done",
        "done",
        "done",
      ]);
      expect(said).toMatch(/The file would be larger than this system allows\./);
      expect(said).not.toContain("hunter2");
      for (const { child } of [full, last]) child.kill("SIGTERM");
      await Promise.all([full.ended, last.ended]);
      await server.close();
    },
  );

  it.runIf(hasQueueServer)(
    "gives the same on a queue as here, searches and their measurement in parts too, also when the submitter comes back",
    async () => {
      const server = await startQueueServer();
      const address = `redis://127.0.0.1:${server.port}`;
      const search = ["400 B", "300 B"].map((size) => ({ candidates: [2, 8], limit: { size } }));
      const content = { models: { net: "net.brecq.json" }, settings: { steps: 2, export: "native", firstLast: 4 }, matrix: { search } };
      const [here, queued] = [sweepWorkplace().folder, sweepWorkplace().folder];
      const [hereFile, queuedFile] = [writeSweep(here, content), writeSweep(queued, content)];
      // With as many threads as each job has on the queue: another number sums in another order.
      expect((await brecq(["sweep", hereFile, "--workers", "1", "--threads", "1"])).code).toBe(0);
      const gone = spawn(process.execPath, [cli, "sweep", queuedFile, "--queue", address], { stdio: ["ignore", "ignore", "pipe"] });
      await new Promise<void>((resolve) => gone.stderr.on("data", (text) => String(text).includes("No worker is connected") && resolve()));
      gone.kill("SIGKILL");
      const worker = spawn(process.execPath, [cli, "worker", "--queue", address, "--concurrency", "2"], { stdio: "ignore" });
      const { code, stderr } = await brecq(["sweep", queuedFile, "--queue", address]);
      expect(code, stderr).toBe(0);
      for (const { run } of JSON.parse(readFileSync(join(here, "s.results/table.json"), "utf8")).rows.flatMap(
        ({ runs }: { runs: object[] }) => runs,
      )) {
        const model = `s.results/net.search-1005.results/${run}/model.onnx`;
        expect(readFileSync(join(queued, model)).equals(readFileSync(join(here, model)))).toBe(true);
      }
      const sensitivity = "s.results/net.search-1005.results/sensitivity.json";
      expect(readFileSync(join(queued, sensitivity), "utf8")).toBe(readFileSync(join(here, sensitivity), "utf8"));
      worker.kill("SIGTERM");
      await new Promise((resolve) => worker.once("close", resolve));
      await server.close();
    },
  );
});
