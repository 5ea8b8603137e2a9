/** @file A queue server of its own, with persistence on, that can be ended and started again. */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** The program of the server that is installed here. */
export const program = ["valkey-server", "redis-server"].find(isInstalled);

/** Starts a server on a free port; without one installed it says how to get one. */
export async function startServer() {
  if (!program) throw new Error("Neither valkey-server nor redis-server is installed: apt-get install redis-server");
  const folder = mkdtempSync(path.join(tmpdir(), "brecq-queue-"));
  const port = await freePort();
  let child;
  const start = async () => {
    child = spawn(program, ["--port", port, "--dir", folder, "--appendonly", "yes", "--save", "", "--logfile", path.join(folder, "log")], {
      stdio: "ignore",
    });
    while (!(await answers(port))) await delay(20);
  };
  const stop = async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  };
  await start();
  return {
    address: `redis://127.0.0.1:${port}`,
    program,
    port,
    memoryBytes: () => Number(/used_memory:(\d+)/.exec(command(port, "INFO", "memory"))[1]),
    /** Seconds of processor time so far. */
    processorSeconds: () =>
      ["user", "sys"].reduce((sum, kind) => sum + Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(command(port, "INFO", "cpu"))[1]), 0),
    commands: () => Number(/total_commands_processed:(\d+)/.exec(command(port, "INFO", "stats"))[1]),
    command: (...words) => command(port, ...words),
    async restart(downMs) {
      await stop();
      await delay(downMs);
      await start();
    },
    async close() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function command(port, ...words) {
  return execFileSync(program.replace("server", "cli"), ["-p", String(port), ...words], { encoding: "utf8", maxBuffer: 2 ** 28 });
}

function isInstalled(name) {
  try {
    execFileSync(name, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    socket.setTimeout(500, () => socket.destroy(new Error("no answer")));
    socket.once("connect", () => socket.write("PING\r\n"));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString().startsWith("+PONG"));
    });
    socket.once("error", () => resolve(false));
  });
}
