import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Deployment } from "kubernetes-models/apps/v1";
import { Job } from "kubernetes-models/batch/v1";
import { PersistentVolumeClaim } from "kubernetes-models/v1";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { commonHelp } from "../../src/cli/commandLine.ts";
import { sweepCommand } from "../../src/cli/commands/sweep.ts";
import { workerCommand } from "../../src/cli/commands/worker.ts";
import { temporaryFolder } from "../support/fixtures.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const kinds = { Deployment, Job, PersistentVolumeClaim };

interface Manifest {
  readonly kind: keyof typeof kinds;
  readonly spec: { readonly template?: { readonly spec: { readonly containers: readonly Container[] } } };
}
interface Container {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
  readonly volumeMounts: readonly { readonly mountPath: string }[];
}

function manifests(name: string): Manifest[] {
  return parseAllDocuments(readFileSync(join(root, "deployment/kubernetes", name), "utf8")).map((document) => document.toJS() as Manifest);
}

/** Kubernetes' own schemas, which the package brings: no cluster is asked. */
function validate(manifest: Manifest): void {
  new kinds[manifest.kind](manifest as never).validate();
}

describe.each(["workers.yaml", "sweep.yaml"])("deployment/kubernetes/%s", (name) => {
  it("holds to Kubernetes' schemas", () => {
    for (const manifest of manifests(name)) expect(() => validate(manifest)).not.toThrow();
    // The check itself: a wrong type is found.
    const [first] = manifests(name);
    const wrong = { ...first!, spec: { ...first!.spec, template: { spec: { containers: "none" } } } };
    expect(() => validate(wrong as never)).toThrow(/containers|template/);
  });

  it("calls commands that there are, with options that they take, and the password from a secret alone", () => {
    const commands = [workerCommand, sweepCommand];
    const containers = manifests(name).flatMap(({ spec }) => spec.template?.spec.containers ?? []);
    expect(containers).toHaveLength(1);
    for (const { args, env, volumeMounts } of containers) {
      const command = commands.find((known) => known.name === args[0])!;
      const known = [...command.options, ...commonHelp].map(([flag]) => flag.split(" ")[0]);
      for (const arg of args.filter((text) => text.startsWith("--"))) expect(known, arg).toContain(arg);
      expect(args[args.indexOf("--folder") + 1]).toBe(volumeMounts[0]!.mountPath);
      const password = env.find((variable) => variable.name === "BRECQ_QUEUE_PASSWORD")!;
      expect(password.value).toBeUndefined();
      expect(password.valueFrom).toHaveProperty("secretKeyRef");
    }
  });
});

describe("deployment/Containerfile", () => {
  it("copies what there is in the repository, and runs as no root", () => {
    const lines = readFileSync(join(root, "deployment/Containerfile"), "utf8").split("\n");
    const copied = lines.flatMap((line) => /^COPY (?!--from)(.+) \S+$/.exec(line)?.[1]?.split(" ") ?? []);
    expect(copied.length).toBeGreaterThan(5);
    for (const file of copied) expect(existsSync(join(root, file)), file).toBe(true);
    expect(lines).toContain("USER 1000:1000");
    expect(lines.join("\n")).not.toMatch(/ENV .*PASSWORD/);
  });
});

describe("deployment/slurm/sweep.sbatch", () => {
  it("does the task's own part", () => {
    const folder = temporaryFolder();
    for (const name of ["srun", "brecq"]) {
      // Each says what it was called with; srun runs the rest of its line, as the real one does.
      writeFileSync(join(folder, name), name === "srun" ? '#!/bin/sh\nshift\nexec "$@"\n' : '#!/bin/sh\necho "$@"\n');
      chmodSync(join(folder, name), 0o755);
    }
    const env = { PATH: `${folder}:${process.env.PATH}`, SLURM_ARRAY_TASK_ID: "3", SLURM_ARRAY_TASK_COUNT: "8", SLURM_CPUS_PER_TASK: "4" };
    const said = execFileSync("bash", [join(root, "deployment/slurm/sweep.sbatch"), "/x/s.brecq.json"], { env, encoding: "utf8" });
    expect(said.trim()).toBe("sweep /x/s.brecq.json --shard 3/8 --workers 4 --threads 1");
  });
});
