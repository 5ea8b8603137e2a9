/** @file The type check is done against the oldest VS Code and Node that the manifest promises, so that nothing newer is used by mistake. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface Manifest {
  readonly version: string;
  readonly engines: Readonly<Record<string, string>>;
}

const manifest = (path: string) => JSON.parse(readFileSync(new URL(`../${path}/package.json`, import.meta.url), "utf8")) as Manifest;
const { engines } = manifest(".");
const majorAndMinor = (version: string) => version.replace(/^\D+/, "").split(".").slice(0, 2).join(".");

test("the types of VS Code's API are those of the oldest version in engines", () => {
  expect(majorAndMinor(manifest("node_modules/@types/vscode").version)).toBe(majorAndMinor(engines.vscode!));
});

test("the types of Node's API are those of the oldest major version in engines", () => {
  const major = (version: string) => majorAndMinor(version).split(".")[0];
  expect(major(manifest("node_modules/@types/node").version)).toBe(major(engines.node!));
});
