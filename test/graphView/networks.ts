/** @file Networks that the tests of the graph view draw. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { NetworkGraph } from "../../src/config/networkGraph.ts";
import { createRuntime } from "../../src/engine/runtime/createRuntime.ts";
import { drawModel } from "../../src/worker/drawModel.ts";

const models = resolve(import.meta.dirname, "../../../shared/models");

export const hasSharedModels = existsSync(models);

export async function drawShared(name: string): Promise<NetworkGraph> {
  const graph = await drawModel(await createRuntime({ provider: "cpu", threads: 1 }), resolve(models, name));
  return { ...graph, model: name };
}
