/** @file One process a run, or another long piece of work: whoever does it holds the lock file in its folder. */
import { randomUUID } from "node:crypto";
import { link, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { errorMessage, HeldError, type UserError } from "../engine/errors.ts";
import { fileError } from "../engine/files.ts";
import { ownIdentity, processIdentitySchema, stateOf } from "./processIdentity.ts";

/** How often the holder touches its lock, and after what silence one of another machine counts as left behind. */
const heartbeatMs = 10_000;
const silenceMs = 120_000;

const lockSchema = processIdentitySchema.extend({ token: z.string().regex(/^[0-9a-f-]{36}$/), since: z.string() });

type LockContent = z.infer<typeof lockSchema>;

/** A lock file as another process left it; `content` is undefined where it cannot be read, as after a power loss. */
interface FoundLock {
  readonly content: LockContent | undefined;
  readonly writtenMs: number;
}

export interface LockOptions {
  /** Take it also from a process of this machine that lives but has been silent for so long: one that is stopped or hangs. Without it such a process
   * keeps its lock, for whoever stopped it may want to go on. */
  readonly takeOverSeconds?: number | undefined;
  /** The file's name: where several things are done in one folder, each has a lock of its own. */
  readonly name?: string | undefined;
}

/** The lock of one run's folder. It goes with {@link release}; one whose process has died is taken over by the next. */
export class RunLock {
  readonly #path: string;
  readonly #token: string;
  readonly #timer: NodeJS.Timeout;
  #lost: UserError | undefined;

  private constructor(path: string, content: LockContent, touchMs: number) {
    this.#path = path;
    this.#token = content.token;
    this.#timer = setInterval(() => void this.#touch(content), touchMs).unref();
  }

  /**
   * Takes the lock of a folder.
   * @param what the work in the user's words, as in `The run "w4"`
   * @throws HeldError that names the process where another one holds it
   */
  static async acquire(
    folder: string,
    what: string,
    { takeOverSeconds = Number.POSITIVE_INFINITY, name = "lock" }: LockOptions = {},
  ): Promise<RunLock> {
    const patienceMs = takeOverSeconds * 1000;
    const path = join(folder, name);
    const content = { ...ownIdentity(), token: randomUUID(), since: new Date().toISOString() };
    const own = `${path}.${content.token}`;
    try {
      await writeFile(own, JSON.stringify(content), { flag: "wx" });
      while (!(await claim(own, path))) await takeOver(path, own, what, patienceMs);
      await removeLeftBehind(path, own);
      return new RunLock(path, content, Math.min(heartbeatMs, patienceMs / 3));
    } catch (error) {
      throw fileError(error, "write", path);
    } finally {
      await rm(own, { force: true }).catch(() => undefined);
    }
  }

  /** @throws UserError where another process took the lock, for instance while this machine was asleep */
  requireHeld(): void {
    if (this.#lost) throw this.#lost;
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    const found = await readLock(this.#path).catch(() => undefined);
    if (found?.content?.token === this.#token) await rm(this.#path, { force: true }).catch(() => undefined);
  }

  async #touch(content: LockContent): Promise<void> {
    try {
      const found = await readLock(this.#path);
      if (found?.content?.token === this.#token) await rewrite(this.#path, JSON.stringify(content));
      else this.#lost = new HeldError("Another process took over this work, or its folder was removed.", { place: { file: this.#path } });
    } catch (error) {
      // A network folder that is away for a moment: the next heartbeat tries again.
      process.emitWarning(`The lock ${this.#path} could not be touched: ${errorMessage(error)}`);
    }
  }
}

/** Gives `own` the lock's name too, unless the name is taken: the one step that only one of many can do. */
async function claim(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (!["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK"].includes(code ?? "")) throw error;
    return await claimWithoutLinks(own, path);
  }
}

/** For file systems without hard links, such as exFAT: the content follows a moment after the name. */
async function claimWithoutLinks(own: string, path: string): Promise<boolean> {
  try {
    await writeFile(path, await readFile(own), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Removes a lock that its process left behind. Of several that find it, the one that claims its token may remove it:
 * without that, a slow one could remove the lock that a quick one has just taken.
 * @throws UserError where the process is still at work
 */
async function takeOver(path: string, own: string, what: string, patienceMs: number): Promise<void> {
  const found = await readLock(path);
  if (!found) return;
  const { mtimeMs: nowMs } = await touched(own);
  if (isHeld(found, nowMs, patienceMs)) throw inUse(found, path, what);
  const claimed = `${path}.${found.content?.token ?? "unreadable"}.stale`;
  if (!(await claim(own, claimed))) {
    const other = await readLock(claimed);
    if (other && isHeld(other, nowMs, patienceMs)) throw inUse(other, path, what);
  }
  const still = await readLock(path);
  if (still && still.content?.token === found.content?.token) await rename(path, `${own}.old`).then(() => rm(`${own}.old`), ignoreMissing);
  await rm(claimed, { force: true });
}

/** Removes what processes left that were killed while they took the lock. */
async function removeLeftBehind(lock: string, own: string): Promise<void> {
  const { mtimeMs: nowMs } = await touched(own);
  const folder = dirname(lock);
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const ending = name.slice(basename(lock).length);
    if (path === own || !name.startsWith(basename(lock)) || !/^\.([0-9a-f-]{36}|unreadable)(\.stale|\.old)?$/.test(ending)) continue;
    const found = await readLock(path);
    if (found && !isHeld(found, nowMs)) await rm(path, { force: true });
  }
}

/** Both times are the file system's own, so clocks of different machines do not matter. */
function isHeld({ content, writtenMs }: FoundLock, nowMs: number, patienceMs = Number.POSITIVE_INFINITY): boolean {
  const silent = nowMs - writtenMs > silenceMs;
  if (!content) return !silent && nowMs - writtenMs < heartbeatMs;
  const state = stateOf(content);
  // Without its time of start, a process may be another one that got the same pid.
  if (state === "alive") return nowMs - writtenMs <= patienceMs && (content.started !== "" || !silent);
  return state === "unknown" && !silent;
}

function inUse({ content }: FoundLock, path: string, what: string): HeldError {
  const by = content ? `process ${content.pid} on ${content.host}, since ${content.since}` : "a process that has just begun";
  return new HeldError(`${what} is being done already, by ${by}.`, { hint: "Wait until it ends, or stop it.", place: { file: path } });
}

async function readLock(path: string): Promise<FoundLock | undefined> {
  try {
    const { mtimeMs } = await stat(path);
    return { content: parseLock(await readFile(path, "utf8")), writtenMs: mtimeMs };
  } catch (error) {
    return ignoreMissing(error);
  }
}

function parseLock(text: string): LockContent | undefined {
  try {
    return lockSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

async function touched(path: string): Promise<{ mtimeMs: number }> {
  await rewrite(path, await readFile(path, "utf8"));
  return await stat(path);
}

/** In place, so that no one meets it half-written. */
async function rewrite(path: string, text: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.write(text, 0);
  } finally {
    await file.close();
  }
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  return undefined;
}
