/**
 * @file Preloaded into the run's process (`node --import`): counts the calls that change files, and makes one of them the last.
 * BRECQ_FAULT is `log`, `kill N` (SIGKILL before the Nth call) or `full N` (the disk is full from the Nth call on).
 * BRECQ_FAULT_LOG is where the calls are written, one JSON line each.
 */
import fs, { appendFileSync } from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const [kind, number] = (process.env.BRECQ_FAULT ?? "log").split(" ");
const log = process.env.BRECQ_FAULT_LOG;
const append = appendFileSync;
let calls = 0;

/** Writes that need space; the others of a full disk go well. */
const needSpace = new Set(["open", "write", "mkdir", "link", "writeFile", "appendFileSync"]);

function before(name, path, to) {
  if (path?.includes?.("fault-log")) return;
  calls++;
  if (log) append(log, `${JSON.stringify({ call: calls, name, path, to })}\n`);
  if (kind === "kill" && calls === Number(number)) process.kill(process.pid, "SIGKILL");
  if (kind === "full" && calls >= Number(number) && needSpace.has(name)) {
    throw Object.assign(new Error(`ENOSPC: no space left on device, ${name} '${path}'`), { code: "ENOSPC", errno: -28, syscall: name, path });
  }
}

for (const name of ["rename", "link", "mkdir", "writeFile", "rm"]) {
  const original = promises[name];
  promises[name] = async (path, ...rest) => {
    before(name, String(path), name === "rename" || name === "link" ? rest[0] : undefined);
    return await original(path, ...rest);
  };
}
const open = promises.open;
promises.open = async (path, flags, ...rest) => {
  const writes = flags !== undefined && flags !== "r";
  if (writes) before("open", String(path));
  const handle = await open(path, flags, ...rest);
  for (const name of ["write", "sync"]) {
    const original = handle[name].bind(handle);
    handle[name] = async (...args) => {
      before(name, String(path));
      return await original(...args);
    };
  }
  return handle;
};
const appendSync = fs.appendFileSync;
fs.appendFileSync = (path, ...rest) => {
  before("appendFileSync", String(path));
  return appendSync(path, ...rest);
};
syncBuiltinESMExports();
