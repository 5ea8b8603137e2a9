import { resolve } from "node:path";
import { UserError } from "../../engine/errors.ts";
import { cacheShare, coresPer, machineMemory } from "../../worker/sweep/doPlan.ts";
import { executeJob } from "../../worker/sweep/executeJob.ts";
import { type Command, parse, positiveNumber, runtimeSettings } from "../commandLine.ts";
import { memoryOption } from "../runnerOptions.ts";

export const workerCommand: Command = {
  name: "worker",
  usage: "--queue ADDRESS [--folder DIR] [--concurrency N]",
  summary: "Does jobs of sweeps that others submit to a queue (Redis or Valkey), until it is stopped.",
  options: [
    ["--queue ADDRESS", "redis://host:6379, or rediss://user@host:6379 for TLS; the password is read from BRECQ_QUEUE_PASSWORD"],
    ["--folder DIR", "where the shared folder is mounted here (default: where the submitter has it)"],
    ["--concurrency N", "jobs at once (default: as many as cores, or as --threads allows)"],
    ["--memory SIZE", 'what they may take together, e.g. "8 GB" (default: 80 % of the machine\'s)'],
    ["--stall SECONDS", "a job without a sign of life for so long is taken over (default: 30; the same for all workers)"],
    ["--until-empty", "end when there is nothing left to do"],
  ],
  async run(args, { signal, workerScript }) {
    const { values, positionals } = parse(args, {
      queue: { type: "string" },
      folder: { type: "string" },
      concurrency: { type: "string" },
      memory: { type: "string" },
      stall: { type: "string", default: "30" },
      "until-empty": { type: "boolean", default: false },
    });
    if (positionals.length > 0) throw new UserError(`Unexpected argument "${positionals[0]}".`, { hint: "See --help." });
    if (values.queue === undefined) throw new UserError("The queue's address is missing.", { hint: "Give it with --queue redis://host:6379." });
    const given = runtimeSettings(values);
    const threads = given.threads || 1;
    const concurrency = values.concurrency === undefined ? coresPer(threads) : positiveNumber(values.concurrency, "--concurrency");
    const stallSeconds = positiveNumber(values.stall, "--stall");
    const memoryBytes = memoryOption(values.memory) ?? machineMemory();
    const cacheBytes = given.cacheBytes ?? cacheShare(memoryBytes, concurrency);
    const { serveQueue } = await import("../../worker/queue/serveQueue.ts");
    await serveQueue({
      address: values.queue,
      root: values.folder === undefined ? undefined : resolve(values.folder),
      concurrency,
      memoryBytes,
      stallSeconds,
      untilEmpty: values["until-empty"],
      signal,
      say: (line) => process.stderr.write(`${line}\n`),
      execute: (job, context) =>
        executeJob(job, { script: workerScript, runtime: { ...given, threads, cacheBytes }, memoryBytes, takeOverSeconds: stallSeconds, ...context }),
    });
  },
};
