/** @file Writing files whole or not at all, and file system errors in the user's words. */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { errorMessage, UserError } from "./errors.ts";

/** What a file consists of: a text, bytes, or pieces of bytes in order. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** One write call takes less than 2 GiB. */
const maxWriteBytes = 2 ** 28;

/** Names of the temporary files: of files as they are written, and of activation caches. */
const temporaryName = /^(\..*\.\d+\.[0-9a-f]{12}|activations-\d+-\d+)\.tmp$/;

/** A file to write. */
export interface NewFile {
  path: string;
  content: FileContent;
}

/**
 * Writes a file so that at any moment, after a crash or a power loss too, the path holds either the old content or the
 * new one: a temporary file in the same folder is written, flushed to the disk and renamed, then the folder is flushed.
 * A failure leaves no temporary file; a killed process may leave one, which {@link removeLeftovers} removes.
 * @throws UserError where the disk is full, the folder is missing or may not be written to, and the like
 */
export async function writeFileAtomic(path: string, content: FileContent): Promise<void> {
  await writeFilesAtomic([{ path, content }]);
}

/** Like {@link writeFileAtomic} for files that belong together: none is replaced before all are on the disk. */
export async function writeFilesAtomic(files: readonly NewFile[]): Promise<void> {
  const suffix = `${process.pid}.${randomBytes(6).toString("hex")}.tmp`;
  const steps = files.map(({ path, content }) => ({ path, content, temporary: join(dirname(path), `.${basename(path).slice(0, 100)}.${suffix}`) }));
  let current = "";
  try {
    for (const { path, content, temporary } of steps) {
      current = path;
      await writeNewFile(temporary, content);
    }
    for (const { path, temporary } of steps) {
      current = path;
      await replaceFile(temporary, path);
    }
    for (const folder of new Set(files.map(({ path }) => dirname(path)))) await flushFolder(folder);
  } catch (error) {
    for (const { temporary } of steps) await rm(temporary, { force: true }).catch(() => undefined);
    throw fileError(error, "write", current);
  }
}

async function writeNewFile(path: string, content: FileContent): Promise<void> {
  const file = await open(path, "wx");
  try {
    for await (const piece of pieces(content)) await writeAll(file, piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes renames in a folder outlast a power loss. Windows has no such call, and some network file systems refuse it. */
async function flushFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (!["EINVAL", "ENOTSUP", "EISDIR", "EPERM"].includes(errorCode(error) ?? "")) throw error;
  } finally {
    await handle.close();
  }
}

/** Removes the temporary files that killed processes left in a folder. No other process may be writing there. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (temporaryName.test(name)) await rm(join(folder, name), { force: true });
}

function pieces(content: FileContent): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (typeof content === "string") return [new TextEncoder().encode(content)];
  return content instanceof Uint8Array ? [content] : content;
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let start = 0; start < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, start, Math.min(maxWriteBytes, bytes.length - start));
    start += bytesWritten;
  }
}

/** On Windows a virus scanner or indexer that has just opened one of the files makes renaming fail for a moment. */
async function replaceFile(from: string, to: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await rename(from, to);
    } catch (error) {
      const passing = process.platform === "win32" && ["EPERM", "EACCES", "EBUSY"].includes(errorCode(error) ?? "");
      if (!passing || attempt === 7) throw error;
      await delay(10 * 2 ** attempt);
    }
  }
}

/** The system's code of a file error, such as ENOENT. */
function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/**
 * A file system error as a UserError that names the file; any other error is given back as it is.
 * @param action what was tried, "read" or "write"
 */
export function fileError(error: unknown, action: "read" | "write", path: string): unknown {
  const code = errorCode(error);
  if (error instanceof UserError || code === undefined || !(error instanceof Error && "syscall" in error)) return error;
  const [what, hint] = explanation(code, action, path);
  return new UserError(what ?? `Cannot ${action} the file: ${errorMessage(error)}.`, { hint, place: { file: path }, cause: error });
}

function explanation(code: string, action: "read" | "write", path: string): [what?: string, hint?: string] {
  switch (code) {
    case "ENOENT":
      if (action === "read") return ["The file does not exist.", "Check the path."];
      return [`The folder "${dirname(path)}" does not exist.`, "Create it, or choose another place."];
    case "ENOTDIR":
      return ["A part of the path is a file, not a folder.", "Check the path."];
    case "EISDIR":
      return ["The path is a folder, not a file.", "Give the path of a file."];
    case "ENOSPC":
    case "EDQUOT":
      return ["The disk is full.", "Free space, or choose another place."];
    case "EFBIG":
      return ["The file would be larger than this system allows.", "Raise the limit on file sizes (ulimit -f), or choose another disk."];
    case "EIO":
      return ["The disk reported an error.", "Check the disk, or choose another place."];
    case "EACCES":
    case "EPERM":
      return [`You have no permission to ${action} the file.`, "Change the permissions, close programs that use it, or choose another place."];
    case "EROFS":
      return ["The disk is read-only.", "Choose another place."];
    case "EBUSY":
      return ["Another program is using the file.", "Close it and try again."];
    case "EMFILE":
    case "ENFILE":
      return ["Too many files are open.", "Close other programs and try again."];
    case "ENAMETOOLONG":
      return ["The file's name is too long.", "Choose a shorter one."];
    default:
      return [];
  }
}
