/** @file Troubles of the machine, met where no one looked for them, in the user's words. */
import { fileError } from "../engine/files.ts";

/** What no program can help: a full or broken disk, and the limits of the system. */
const machineTroubles = new Set(["ENOSPC", "EDQUOT", "EROFS", "EIO", "EFBIG", "EMFILE", "ENFILE"]);

/** Whether another machine, or this one later, may do what failed here. */
export function isMachineTrouble(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ("code" in error && machineTroubles.has(String(error.code))) || isMachineTrouble(error.cause);
}

/** A full disk and the like as a UserError; anything else as it is. */
export function machineError(error: unknown): unknown {
  if (!(error instanceof Error && "code" in error && machineTroubles.has(String(error.code)))) return error;
  const path = "path" in error && typeof error.path === "string" ? error.path : "";
  return fileError(error, "write", path);
}
