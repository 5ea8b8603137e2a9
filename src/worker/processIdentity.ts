/** @file Telling whether a process that wrote its identity into a file is still there. */
import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { z } from "zod";

export const processIdentitySchema = z.object({
  pid: z.number().int().positive(),
  host: z.string(),
  /** The boot and process namespace that the pid belongs to; empty where the system does not tell. */
  boot: z.string(),
  namespace: z.string(),
  /** When the process started, in the system's own words; empty where it does not tell. */
  started: z.string(),
});

/** A process, told apart from a later one that got the same pid. */
export type ProcessIdentity = z.infer<typeof processIdentitySchema>;

/** This process. */
export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, host: hostname(), boot: bootId(), namespace: pidNamespace(), started: startOf(process.pid) };
}

/**
 * Whether a process is still there: "unknown" where it belongs to another machine, or to another container on this one,
 * so that its pid says nothing here.
 */
export function stateOf(other: ProcessIdentity): "alive" | "gone" | "unknown" {
  if (other.host !== hostname() || other.namespace !== pidNamespace()) return "unknown";
  if (other.boot !== bootId()) return "gone";
  if (!exists(other.pid)) return "gone";
  return other.started === startOf(other.pid) ? "alive" : "gone";
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function bootId(): string {
  return textOrNothing(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
}

function pidNamespace(): string {
  return textOrNothing(() => readlinkSync("/proc/self/ns/pid"));
}

/** Nothing for a zombie, which has ended and only waits for its parent. */
function startOf(pid: number): string {
  if (process.platform === "linux") {
    // Fields 3 and 22 of proc(5), counted after the command's name, which may hold spaces.
    const fields = textOrNothing(() => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!).split(" ");
    return fields[0] === "Z" ? "" : (fields[19] ?? "");
  }
  if (process.platform === "win32") return "";
  return textOrNothing(() => execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim());
}

function textOrNothing(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
