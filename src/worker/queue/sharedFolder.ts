/** @file The folder that submitter and workers share: the same files, mounted perhaps at different places. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { UserError } from "../../engine/errors.ts";
import { writeFileAtomic } from "../../engine/files.ts";
import type { SharedFolder } from "./queueJob.ts";

const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The id of a sweep, from its marker; it is made at the first time. */
export async function sweepId(marker: string): Promise<string> {
  const known = (await readFile(marker, "utf8").catch(() => "")).trim();
  if (idPattern.test(known)) return known;
  const id = randomUUID();
  await writeFileAtomic(marker, `${id}\n`);
  return id;
}

/**
 * Where a sweep's folder lies on this machine.
 * @param root where the shared folder is mounted here; undefined: where the submitter has it
 * @throws UserError where it is not there
 */
export async function findSharedFolder({ path, below, marker }: SharedFolder, sweep: string, root: string | undefined): Promise<string> {
  const folder = root === undefined ? path : join(root, below);
  const id = await readFile(join(folder, marker), "utf8").catch(() => undefined);
  if (id?.trim() === sweep) return folder;
  throw new UserError(`The worker on ${hostname()} does not see the sweep's folder ${folder}.`, {
    hint: "Mount the shared folder there, or name its place with --folder.",
  });
}
