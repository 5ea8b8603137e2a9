/** @file A queue server for tests; they are skipped, with a message, where neither Valkey nor Redis is installed. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort, program } from "../../bench/sweep/server.mjs";

/** Whether tests that need a server can run. */
export const hasQueueServer: boolean = program !== undefined;
if (!hasQueueServer)
  console.warn("Tests of the queue are skipped: neither valkey-server nor redis-server is installed (apt-get install redis-server).");

export interface QueueServer {
  readonly port: number;
  close(): Promise<void>;
}

/** @param more options of the server, after port and folder */
export async function startQueueServer(more: (port: number) => readonly string[] = () => []): Promise<QueueServer> {
  const folder = mkdtempSync(join(tmpdir(), "brecq-queue-"));
  const port = await freePort();
  const options = ["--port", String(port), "--dir", folder, "--save", "", "--appendonly", "no", ...more(port)];
  const child = spawn(program!, options, { stdio: "ignore" });
  // A test that fails does not come to its end, where it closes the server.
  process.once("exit", () => child.kill("SIGKILL"));
  while (!(await accepts(port))) await delay(20);
  return {
    port,
    async close() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
