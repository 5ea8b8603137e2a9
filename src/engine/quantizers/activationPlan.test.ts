import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { runSchema } from "../../config/schema.ts";
import { type Network, prepareNetwork } from "../graph/prepare.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { type PlannedActivation, planActivations } from "./activationPlan.ts";
import { planBits } from "./bitPlan.ts";

const sample = new URL("../../../samples/cifar10-resnet20/", import.meta.url).pathname;

let network: Network;
beforeAll(async () => {
  network = await prepareNetwork(await loadModel(join(sample, "resnet20.onnx")), await createRuntime({ threads: 2 }));
}, 120_000);

function plan(settings: object): PlannedActivation[] {
  const run = runSchema.parse({ weights: 4, activations: 4, ...settings });
  return planActivations(network, planBits(network, run), run);
}

const input = (name: string) => network.layers.find((layer) => layer.name === name)!.node.input[0]!;
const countReaders = (planned: readonly PlannedActivation[], opType: string) =>
  planned.flatMap(({ readers }) => readers).filter((reader) => network.graph.producer(reader)!.opType === opType).length;

describe("planActivations", () => {
  it("quantizes what each layer reads, once, with 8 bits at the ends", () => {
    const planned = plan({});
    expect(countReaders(planned, "Conv") + countReaders(planned, "Gemm")).toBe(network.layers.length);
    expect(new Set(planned.map(({ value }) => value)).size).toBe(planned.length);
    const ends = [...network.firstLast].map(input);
    for (const { value, bits } of planned) expect(bits).toBe(ends.includes(value) ? 8 : 4);
    expect(countReaders(planned, "Add")).toBe(0);
  });

  it("leaves the network's input alone where it is not asked for", () => {
    const given = network.graph.inputs[0]!.name;
    expect(plan({}).map(({ value }) => value)).toContain(given);
    expect(plan({ quantizeAlso: [] }).map(({ value }) => value)).not.toContain(given);
  });

  it("quantizes both operands of every sum by choice", () => {
    const sums = network.graph.nodes.filter(({ opType }) => opType === "Add");
    const planned = plan({ quantizeAlso: ["input", "adds"] });
    for (const sum of sums) {
      const read = planned.filter(({ readers }) => readers.includes(sum.output[0]!)).map(({ value }) => value);
      expect(read.sort()).toEqual(sum.input.filter((value) => !network.graph.initializers.has(value)).sort());
    }
    expect(sums.length).toBe(9);
  });

  it("gives a tensor the most bits of its readers, and nothing to fp32 layers", () => {
    const [first, second] = network.layers.slice(1);
    const planned = plan({ layers: { [first!.name]: { activations: 6 }, [second!.name]: { activations: "fp32" } } });
    expect(planned.find(({ value }) => value === input(first!.name))?.bits).toBe(6);
    expect(planned.some(({ readers }) => readers.includes(second!.node.output[0]!))).toBe(false);
    expect(plan({ activations: "fp32" })).toEqual([]);
  });
});
