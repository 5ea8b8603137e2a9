/**
 * @file Breaks off a short run in every way and goes on with it: each time the file must be the one of an uninterrupted run.
 * `node bench/durability.mjs [--random 50] [--every 1]` prints one JSON line a figure and exits with 1 where something did not hold.
 * `--random` is the number of random moments, `--every N` takes each Nth of the calls that change files; `--quick`
 * does kills and the lock alone; `--verbose` says how runs under limits ended.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundle, digest, finish, makeRun, removeRun, start, wrongAfterResume } from "./durability/shortRun.mjs";

const { values } = parseArgs({
  options: {
    random: { type: "string", default: "50" },
    every: { type: "string", default: "1" },
    seed: { type: "string", default: "1005" },
    quick: { type: "boolean" },
    verbose: { type: "boolean" },
  },
});
const faults = fileURLToPath(new URL("durability/fileFaults.mjs", import.meta.url));
const random = generator(Number(values.seed));
const problems = [];

await bundle();
const reference = makeRun();
const begun = Date.now();
const { calls, flushed } = await recordedRun(reference);
const seconds = (Date.now() - begun) / 1000;
const expected = digest(reference.model);
figure("uninterrupted run", { seconds, calls: calls.length, renames: flushed.renames, flushedBeforeAndAfter: flushed.good });
if (flushed.good !== flushed.renames) problems.push("a rename is not flushed");

await killedAtRandom(Number(values.random));
await killedAtCalls(Number(values.every));
if (!values.quick) {
  await fullAtCalls(Number(values.every) * 4);
  await fullDisk();
  await limits("memory limit (ulimit -d)", [150, 200, 250, 300, 350, 400, 500, 700], (mib) => ({ shell: `ulimit -d ${mib * 1024}` }));
  await limits("heap limit", [8, 12, 16, 24, 32], (mib) => ({ nodeArguments: [`--max-old-space-size=${mib}`] }));
  await limits("file size limit (ulimit -f, blocks)", [1, 8, 16, 64, 128, 512], (blocks) => ({ shell: `ulimit -f ${blocks}` }));
}
await twoAtOnce(values.quick ? 1 : 10);
removeRun(reference);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

/** A run with a log of its file calls, and whether each rename had its file flushed before it and its folder after it. */
async function recordedRun(run) {
  const log = path.join(run.folder, "fault-log");
  const { code, stderr } = await finish(run, faultOptions("log", { BRECQ_FAULT_LOG: log }));
  if (code !== 0) throw new Error(`the uninterrupted run failed: ${stderr}`);
  const list = readFileSync(log, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const renames = list.filter(({ name, path: file }) => name === "rename" && file.endsWith(".tmp"));
  const good = renames.filter(({ call, path: from }) => {
    const last = list.filter((entry) => entry.path === from && entry.call < call).at(-1);
    return last?.name === "sync" && list.some((entry) => entry.call > call && entry.name === "sync" && entry.path === path.dirname(from));
  });
  return { calls: list, flushed: { renames: renames.length, good: good.length } };
}

async function killedAtRandom(count) {
  const outcome = tally();
  for (let i = 0; i < count; i++) {
    const run = makeRun();
    const { child, ended } = start(run);
    setTimeout(() => child.kill("SIGKILL"), random() * seconds * 1000);
    const { signal } = await ended;
    outcome.add(signal === "SIGKILL" ? "killed" : "had ended before", await wrongAfterResume(run, expected), run);
  }
  outcome.print("kill -9 at random moments");
}

async function killedAtCalls(every) {
  const outcome = tally();
  for (let call = 1; call <= calls.length; call += every) {
    const run = makeRun();
    const { signal } = await finish(run, faultOptions(`kill ${call}`));
    outcome.add(signal === "SIGKILL" ? "killed" : "had ended before", await wrongAfterResume(run, expected), run, `call ${call}`);
  }
  outcome.print("kill -9 before a call that changes a file");
}

async function fullAtCalls(every) {
  const outcome = tally();
  for (let call = 1; call <= calls.length; call += every) {
    const run = makeRun();
    const { code, stderr } = await finish(run, faultOptions(`full ${call}`));
    const clear = code === 0 || (code === 1 && /^brecq: The disk is full\./m.test(stderr));
    const wrong = clear ? undefined : `unclear end (${code}): ${stderr.slice(-300)}`;
    outcome.add(code === 0 ? "ended well" : "refused", wrong ?? (await wrongAfterResume(run, expected)), run, `full from call ${call}`);
  }
  outcome.print("no space from a call on");
}

/** A small file system of its own, where this machine lets one be mounted. */
async function fullDisk() {
  const mount = mkdtempSync(path.join(tmpdir(), "brecq-small-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", mount], { stdio: "pipe" });
  } catch {
    figure("full disk (tmpfs)", { skipped: "this user may not mount a file system" });
    return rmSync(mount, { recursive: true });
  }
  const outcome = tally();
  try {
    for (const free of [0, 8, 32, 64, 96, 128, 160, 200, 240, 300, 400, 500]) {
      const run = makeRun(mount);
      writeFileSync(path.join(mount, "filler"), Buffer.alloc(2 ** 21 - (free + 24) * 1024));
      const { code, stderr } = await finish(run);
      rmSync(path.join(mount, "filler"));
      const clear = code === 0 || (code === 1 && /^brecq: The disk is full\./m.test(stderr));
      outcome.add(
        code === 0 ? "ended well" : "refused",
        clear ? await wrongAfterResume(run, expected) : `unclear end: ${stderr.slice(-300)}`,
        run,
        `${free} KiB free`,
      );
    }
  } finally {
    execFileSync("umount", [mount]);
    rmSync(mount, { recursive: true });
  }
  outcome.print("full disk (tmpfs)");
}

async function limits(name, limits, optionsOf) {
  const outcome = tally();
  for (const limit of limits) {
    const run = makeRun();
    const { code, signal, stderr } = await finish(run, optionsOf(limit));
    const end = code === 0 ? "ended well" : (signal ?? `exit ${code}`);
    if (values.verbose) console.error(`${name} ${limit}: ${end} ${stderr.trim().split("\n").at(-1)}`);
    outcome.add(end, await wrongAfterResume(run, expected), run, limit);
  }
  outcome.print(name);
}

async function twoAtOnce(count) {
  const outcome = tally();
  for (let i = 0; i < count; i++) {
    const run = makeRun();
    const ends = await Promise.all([finish(run), finish(run), finish(run)]);
    const refused = ends.filter(({ code, stderr }) => code === 1 && /is being done already, by process \d+ on /.test(stderr));
    const done = ends.filter(({ code }) => code === 0);
    const wrong = refused.length !== 2 || done.length !== 1 ? JSON.stringify(ends) : undefined;
    outcome.add("one of three went on", wrong ?? (await wrongAfterResume(run, expected)), run);
  }
  outcome.print("three at once");
}

function faultOptions(fault, env = {}) {
  return { nodeArguments: ["--import", faults], env: { BRECQ_FAULT: fault, ...env } };
}

function tally() {
  const ends = {};
  let [tried, same] = [0, 0];
  return {
    add(end, wrong, run, label = "") {
      tried++;
      ends[end] = (ends[end] ?? 0) + 1;
      if (wrong) problems.push(`${label} (${end}): ${wrong}, in ${run.folder}`);
      else {
        same++;
        removeRun(run);
      }
    },
    print: (name) => figure(name, { tried, same, ends }),
  };
}

function figure(name, values) {
  console.log(JSON.stringify({ benchmark: "durability", name, ...values }));
}

function generator(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
