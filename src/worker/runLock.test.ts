import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../test/support/fixtures.ts";
import { UserError } from "../engine/errors.ts";
import { ownIdentity, stateOf } from "./processIdentity.ts";
import { RunLock } from "./runLock.ts";

const token = "00000000-0000-4000-8000-000000000000";

/** A folder with a lock that some other process wrote, `silent` seconds ago. */
function lockedFolder(change: Record<string, unknown>, silent = 0): string {
  const folder = temporaryFolder();
  const content = { ...ownIdentity(), token, since: "2026-01-02T03:04:05.000Z", ...change };
  writeFileSync(join(folder, "lock"), JSON.stringify(content));
  const time = Date.now() / 1000 - silent;
  utimesSync(join(folder, "lock"), time, time);
  return folder;
}

async function isTaken(folder: string): Promise<boolean> {
  try {
    await (await RunLock.acquire(folder, "The run")).release();
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return true;
  }
}

/** The pid of a process that has ended. */
async function endedPid(): Promise<number> {
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "exit");
  return child.pid!;
}

describe("RunLock", () => {
  it("is refused while held, by a sentence that names the process, and free after its release", async () => {
    const folder = temporaryFolder();
    const lock = await RunLock.acquire(folder, 'The run "w4"');
    const error = await RunLock.acquire(folder, 'The run "w4"').catch((thrown: unknown) => thrown as UserError);
    expect((error as UserError).message).toMatch(
      new RegExp(`^The run "w4" is being done already, by process ${process.pid} on .+, since 2\\d{3}-.+\\.$`),
    );
    expect(() => lock.requireHeld()).not.toThrow();
    await lock.release();
    expect(await isTaken(folder)).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is taken over from a process that has ended, or whose pid another one has now", async () => {
    expect(await isTaken(lockedFolder({ pid: await endedPid() }))).toBe(false);
    expect(await isTaken(lockedFolder({ started: "1" }))).toBe(false);
    expect(await isTaken(lockedFolder({}))).toBe(true);
  });

  it("is taken over from a process that lives but is silent, where a patience is given and has run out", async () => {
    const take = (folder: string, takeOverSeconds?: number) =>
      RunLock.acquire(folder, "The run", { takeOverSeconds }).then(
        (lock) => lock.release().then(() => true),
        () => false,
      );
    expect(await take(lockedFolder({}, 60))).toBe(false);
    expect(await take(lockedFolder({}, 60), 90)).toBe(false);
    expect(await take(lockedFolder({}, 60), 30)).toBe(true);
    // Another machine's process is not seen: it keeps its lock for two minutes, whatever the patience.
    expect(await take(lockedFolder({ host: "elsewhere" }, 60), 30)).toBe(false);
    expect(await take(lockedFolder({ host: "elsewhere" }, 130), 30)).toBe(true);
  });

  it.runIf(process.platform === "linux")("is taken over after a restart of the machine", async () => {
    expect(await isTaken(lockedFolder({ boot: "another" }))).toBe(false);
  });

  it("of another machine or container is held while it is touched, and no longer", async () => {
    for (const change of [{ host: "elsewhere" }, { namespace: "pid:[1]" }]) {
      expect(await isTaken(lockedFolder(change, 30))).toBe(true);
      expect(await isTaken(lockedFolder(change, 300))).toBe(false);
    }
  });

  it("that is empty or damaged, as after a power loss, is taken over once it is old", async () => {
    for (const text of ["", "{", '{"pid":1}', "\0\0\0"]) {
      const folder = temporaryFolder({ lock: text });
      expect(await isTaken(folder)).toBe(true);
      utimesSync(join(folder, "lock"), 1, 1);
      expect(await isTaken(folder)).toBe(false);
    }
  });

  it("left behind goes to exactly one of many that want it", async () => {
    for (let round = 0; round < 10; round++) {
      const folder = lockedFolder({ pid: await endedPid() });
      const attempts = await Promise.allSettled(Array.from({ length: 12 }, () => RunLock.acquire(folder, "The run")));
      const won = attempts.filter((attempt) => attempt.status === "fulfilled");
      expect(won).toHaveLength(1);
      for (const attempt of attempts) if (attempt.status === "rejected") expect(attempt.reason).toBeInstanceOf(UserError);
      await won[0]!.value.release();
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it("removes what processes left that were killed while they took it, and nothing of those at work", async () => {
    const gone = JSON.stringify({ ...ownIdentity(), pid: await endedPid(), token, since: "" });
    const alive = JSON.stringify({ ...ownIdentity(), token, since: "" });
    const folder = temporaryFolder({ [`lock.${token}`]: gone, [`lock.${token}.stale`]: gone, "lock.a": alive, "lock.txt.bak": gone });
    const lock = await RunLock.acquire(folder, "The run");
    expect(readdirSync(folder).toSorted()).toEqual(["lock", "lock.a", "lock.txt.bak"]);
    await lock.release();
  });

  it("leaves a lock that is not its own any more", async () => {
    const folder = temporaryFolder();
    const lock = await RunLock.acquire(folder, "The run");
    writeFileSync(join(folder, "lock"), JSON.stringify({ ...ownIdentity(), token, since: "" }));
    await lock.release();
    expect(readFileSync(join(folder, "lock"), "utf8")).toContain(token);
  });

  it("names the folder that may not be written to", async () => {
    const error = await RunLock.acquire(join(temporaryFolder(), "missing"), "The run").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
  });
});

it("tells a running process from an ended one", async () => {
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"], { stdio: "ignore" });
  const own = ownIdentity();
  expect(stateOf(own)).toBe("alive");
  expect(stateOf({ ...own, pid: child.pid! })).toBe("gone");
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(stateOf({ ...own, pid: child.pid!, started: "" })).toBe("gone");
});
