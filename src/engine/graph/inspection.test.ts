import { expect, test } from "vitest";
import { NetworkBuilder } from "../../../test/support/networks.ts";
import { inspectionSchema } from "../../config/inspection.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { describeNetwork } from "./inspection.ts";
import { prepareNetwork } from "./prepare.ts";

const runtime = await createRuntime({ threads: 2 });

test("describes inputs, layers, blocks and totals, and leaves blocks without layers out", async () => {
  const b = new NetworkBuilder();
  const stem = b.convRelu("stem", b.image(), 8, { stride: 2 });
  const body = b.relu(b.sum(b.conv("layer1.0.conv2", b.convRelu("layer1.0.conv1", stem, 8), 8), stem));
  b.output(b.linear("head", b.spatialMean(b.unary("Hardmax", body, { axis: 1 })), 10), "logits");
  const inspection = describeNetwork(await prepareNetwork(b.model({ opset: 17 }), runtime), "models/tiny.onnx");

  expect(inspectionSchema.parse(JSON.parse(JSON.stringify(inspection)))).toEqual(inspection);
  expect(inspection).toMatchObject({
    model: "models/tiny.onnx",
    opset: 17,
    inputs: [{ name: "image", type: "float", shape: ["batch", 3, 16, 16] }],
    outputs: [{ name: "logits", type: "float", shape: ["batch", 10] }],
    parameters: 8 * 27 + 2 * 8 * 72 + 80,
    macs: 64 * 8 * 27 + 2 * 64 * 8 * 72 + 80,
  });
  expect(inspection.layers.map(({ name, block }) => [name, block])).toEqual([
    ["stem", "stem"],
    ["layer1.0.conv1", "layer1.0"],
    ["layer1.0.conv2", "layer1.0"],
    ["head", "head"],
  ]);
  expect(inspection.layers[0]).toEqual({
    name: "stem",
    op: "Conv",
    shape: [8, 3, 3, 3],
    parameters: 216,
    macs: 64 * 216,
    block: "stem",
    output: ["batch", 8, 8, 8],
  });
  expect(inspection.blocks.map(({ kind, name, layers }) => [kind, name, layers])).toEqual([
    ["layer", "stem", ["stem"]],
    ["residual", "layer1.0", ["layer1.0.conv1", "layer1.0.conv2"]],
    ["layer", "head", ["head"]],
  ]);
  expect(inspection.blocks[1]!.inputs).toEqual(inspection.blocks[0]!.outputs);
  expect(inspection.unsupported).toMatchObject([{ op: "Hardmax", domain: "", count: 1 }]);
});
