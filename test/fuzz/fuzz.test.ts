import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { type CaseResult, Cases, type Kind } from "../../bench/fuzz/cases.ts";
import { createRuntime } from "../../src/engine/runtime/createRuntime.ts";
import { sharedModels } from "../support/sharedModels.ts";

const folders = {
  models: fileURLToPath(new URL("../../../shared/models", import.meta.url)),
  fixtures: fileURLToPath(new URL("../fixtures", import.meta.url)),
};
const cases = new Cases(await createRuntime({ threads: 1 }), folders);
afterAll(() => cases.remove());

async function ends(kind: Kind, count: number): Promise<Record<CaseResult["end"], number>> {
  const found = { accepted: 0, refused: 0, defect: 0, outside: 0 };
  for (let seed = 0; seed < count; seed++) {
    const result = await cases.run(kind, seed);
    if (result.end === "defect" || result.end === "outside") throw new Error(`${kind}:${seed} (${result.what}): ${result.end} ${result.message}`);
    found[result.end]++;
  }
  return found;
}

/** The same seeds every time; `node bench/run.mjs fuzz` reads as many thousands as one likes. */
describe("damaged files are read or refused, never more", () => {
  it.each(["image", "array", "config"] as const)("%s", async (kind) => {
    const found = await ends(kind, 60);
    expect(found.accepted).toBeGreaterThan(3);
    expect(found.refused).toBeGreaterThan(10);
  });

  it.skipIf(sharedModels.length === 0)("models (needs ../shared/models)", async () => {
    const found = await ends("onnx", 60);
    expect(found.accepted).toBeGreaterThan(3);
    expect(found.refused).toBeGreaterThan(20);
  });
});
