import { describe, expect, test } from "vitest";
import { TestRandom } from "../../../test/support/random.ts";
import { sharedModelPath, sharedModels } from "../../../test/support/sharedModels.ts";
import { UserError } from "../errors.ts";
import { loadModel } from "../onnx/modelFile.ts";
import type { ModelProto, NodeProto } from "../onnx/onnx_pb.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { prepareGraph } from "./prepareGraph.ts";

const runtime = await createRuntime({ threads: 2 });

/** Changes one thing in a model at random, as a faulty exporter or a hostile file might. */
function damage(model: ModelProto, random: TestRandom): void {
  const graph = model.graph!;
  const node = random.pick(graph.node);
  const other = random.pick(graph.node);
  const damages: ((node: NodeProto) => void)[] = [
    () => (node.input = []),
    () => (node.output = []),
    () => (node.input = node.input.slice(1)),
    () => (node.input = [...node.input].reverse()),
    () => (node.input[0] = other.output[0] ?? "nowhere"),
    () => (node.input[node.input.length - 1] = ""),
    () => (node.output[0] = other.output[0] ?? ""),
    () => (node.opType = other.opType),
    () => (node.opType = random.pick(["Shape", "Pad", "BatchNormalization", "Dropout", "Slice", "Split", "Constant", "Transpose", "Nonsense"])),
    () => (node.domain = "nowhere"),
    () => (node.attribute = other.attribute),
    () => (node.attribute = []),
    () => {
      for (const attribute of node.attribute) attribute.ints = attribute.ints.map((value) => -value - 1n);
    },
    () => (graph.node = [...graph.node].reverse()),
    () => (graph.node = graph.node.filter((kept) => kept !== node)),
    () => (graph.initializer = graph.initializer.slice(1)),
    () => {
      for (const tensor of graph.initializer) tensor.dims = [...tensor.dims].reverse();
    },
    () => (random.pick(graph.initializer).dims = [random.pick([0n, -1n, 2n ** 40n])]),
    () => (random.pick(graph.initializer).dataType = random.integer(0, 30)),
    () => (graph.output = []),
    () => (graph.input = []),
    () => (graph.output[0]!.name = node.input[0] ?? ""),
    () => (graph.input[0]!.name = node.output[0] ?? ""),
    () => (model.opsetImport = []),
    () => (model.opsetImport[0]!.version = BigInt(random.integer(0, 30))),
    () => (model.irVersion = BigInt(random.integer(0, 30))),
  ];
  random.pick(damages)(node);
}

describe.skipIf(sharedModels.length === 0)("prepareGraph of damaged networks (needs ../shared/models)", () => {
  test.each([
    ["mnist-8.onnx", 150],
    ["cifar10_resnet20_bn.onnx", 80],
  ])("gives a graph or a UserError for each damaged %s", async (name, count) => {
    const random = new TestRandom(11);
    let refused = 0;
    for (let i = 0; i < count; i++) {
      const model = await loadModel(sharedModelPath(name));
      damage(model, random);
      try {
        await prepareGraph(model, runtime);
      } catch (error) {
        if (!(error instanceof UserError)) throw new Error(`damage ${i} of ${name}`, { cause: error });
        expect(error.message).not.toBe("");
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(count / 4);
  });
});
