import { fork } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { startWorker } from "../worker/workerProcess.ts";

const folder = mkdtempSync(join(tmpdir(), "brecq-telemetry-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A worker that loads ONNX Runtime, tells the protocol so, and lives on for as long as the library needs to write its files. */
const script = join(folder, "loadsOrt.cjs");
writeFileSync(
  script,
  `process.once("message", () => {
     const ort = require(${JSON.stringify(createRequire(import.meta.url).resolve("onnxruntime-node"))});
     ort.InferenceSession.create(Buffer.from("no model")).catch(() => undefined).then(() => setTimeout(() => {
       process.send({ type: "failed", message: String(process.env.ORT_DISABLE_TELEMETRY), expected: true }, () => process.exit(0));
     }, 300));
   });`,
);

// ONNX Runtime writes nothing where it finds itself in continuous integration, and nothing would be tested.
for (const name of ["CI", "TF_BUILD", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "JENKINS_URL", "TEAMCITY_VERSION"]) delete process.env[name];

const onLinux = test.runIf(process.platform === "linux");

/** Files below a fresh home folder after `act` has run with it. */
async function filesWrittenAtHome(name: string, act: (environment: Record<string, string>) => Promise<void>): Promise<string[]> {
  const home = join(folder, name);
  mkdirSync(home);
  await act({ HOME: home, XDG_CACHE_HOME: join(home, ".cache"), XDG_DATA_HOME: join(home, ".local/share") });
  return existsSync(home) ? readdirSync(home, { recursive: true, encoding: "utf8" }) : [];
}

onLinux("a worker's ONNX Runtime writes no device id and no events", async () => {
  const files = await filesWrittenAtHome("switched-off", async (environment) => {
    const saved = { ...process.env };
    Object.assign(process.env, environment);
    const job = { job: "inspect", model: "a.onnx", runtime: { provider: "cpu", threads: 1, backend: "auto" } } as const;
    const options = { script, nodePath: process.execPath, heartbeatLimitSeconds: 30, cancelLimitMs: 1000 };
    const worker = startWorker(job, { ...options, onProgress: () => undefined, onLog: () => undefined });
    process.env = saved;
    expect(await worker.finished).toMatchObject({ kind: "failed", message: "1" });
  });
  expect(files).toEqual([]);
});

onLinux("it would write them otherwise", async () => {
  const files = await filesWrittenAtHome("switched-on", (environment) => {
    const { ORT_DISABLE_TELEMETRY: _, ...inherited } = process.env;
    const child = fork(script, [], { env: { ...inherited, ...environment }, silent: true });
    child.send("go");
    return new Promise((resolve) => child.once("exit", () => resolve()));
  });
  expect(files.length).toBeGreaterThan(0);
});
