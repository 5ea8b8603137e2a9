import { copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../test/support/fixtures.ts";
import { sharedModelPath, sharedModels } from "../../test/support/sharedModels.ts";
import { runSchema } from "../config/schema.ts";
import { exportModel } from "../engine/export/exportModel.ts";
import { readActivations, readWeights } from "../engine/export/readQuantization.ts";
import { writeExport } from "../engine/export/write.ts";
import { Graph } from "../engine/graph/graph.ts";
import { prepareNetwork } from "../engine/graph/prepare.ts";
import { loadModel } from "../engine/onnx/modelFile.ts";
import { type FloatTensor, floatTensor } from "../engine/onnx/tensor.ts";
import { createRuntime } from "../engine/runtime/createRuntime.ts";
import { exportResult, readResult } from "./exportResult.ts";
import { quantizeRun } from "./quantizeRun.ts";

const runtime = await createRuntime({ threads: 2 });
const model = sharedModelPath("mlperf_tiny_resnet8_cifar10.onnx");

/** A folder with the result of a run that rounds to nearest, on grids from the scale search. */
async function finishedRun(): Promise<{ folder: string; result: string; output: string }> {
  const folder = temporaryFolder();
  const output = join(folder, "model.onnx");
  const run = runSchema.parse({ weights: 4, method: "nearest", export: "native" });
  const result = await quantizeRun({ runtime, model, config: {}, folder, runName: "w4", run, output, cacheBytes: 2 ** 20, report: () => {} });
  writeFileSync(join(folder, "result.json"), JSON.stringify(result));
  return { folder, result: join(folder, "result.json"), output };
}

describe.skipIf(!sharedModels.includes("mlperf_tiny_resnet8_cifar10.onnx"))("exportResult", () => {
  test("writes the run's own integers in the other format, verified at every level", async () => {
    const { folder, result, output } = await finishedRun();
    const portable = join(folder, "out", "portable.onnx");
    const exported = await exportResult({ runtime, result, format: "portable", output: portable });
    expect(exported).toMatchObject({ output: portable, format: "portable" });
    expect(exported.verification.map(({ level, loads }) => [level, loads])).toEqual([
      ["disabled", true],
      ["basic", true],
      ["extended", true],
      ["all", true],
    ]);
    for (const { maxDifference } of exported.verification) expect(maxDifference).toBeLessThan(1e-5);
    const written = await loadModel(portable);
    expect(readWeights(written, portable)).toEqual(readWeights(await loadModel(output), output));
    expect(written.metadataProps.find(({ key }) => key === "brecq.run")?.value).toBe("w4");
  });

  test("keeps trained biases, and knows the model by its weights then", async () => {
    const { folder, result, output } = await finishedRun();
    const { graph, source, layers } = await prepareNetwork(await loadModel(model), runtime);
    const { name, bias } = layers[0]!;
    const { data, dims } = graph.constant(bias!) as FloatTensor;
    const trained = { name: bias!, dims, values: data.map((value) => value + 0.5) };
    const rounded = readWeights(await loadModel(output), output);
    const weights = rounded.map((weight) => (weight.layer === name ? { ...weight, bias: trained } : weight));
    await writeExport(exportModel({ graph, source, weights, activations: [], format: "native" }), output);

    const portable = join(folder, "portable.onnx");
    await exportResult({ runtime, result, format: "portable", output: portable });
    expect(readWeights(await loadModel(portable), portable).find(({ layer }) => layer === name)?.bias).toEqual(trained);

    const other = await loadModel(model);
    const graphOfOther = new Graph(other);
    const { data: values, dims: shape } = graphOfOther.constant(layers[0]!.weight) as FloatTensor;
    graphOfOther.setConstant(layers[0]!.weight, floatTensor(values.toReversed(), shape));
    await writeExport(graphOfOther.toModel(), join(folder, "other.onnx"));
    writeFileSync(result, JSON.stringify({ ...(await readResult(result)), model: join(folder, "other.onnx") }));
    await expect(exportResult({ runtime, result, format: "portable", output: join(folder, "again.onnx") })).rejects.toThrow(
      `it has another "${name}"`,
    );
  });

  test("takes the file beside a result that was moved, and keeps quantized activations", async () => {
    const { folder, result } = await finishedRun();
    const { graph, source, layers } = await prepareNetwork(await loadModel(model), runtime);
    const weights = readWeights(await loadModel(join(folder, "model.onnx")), "model.onnx");
    const { node } = layers[1]!;
    const activations = [{ value: node.input[0]!, readers: [node.output[0]!], bits: 4, scale: 0.25, zeroPoint: 3 }];
    const moved = temporaryFolder();
    await writeExport(exportModel({ graph, source, weights, activations, format: "portable" }), join(moved, "model.onnx"));
    copyFileSync(result, join(moved, "result.json"));
    const output = join(moved, "native.onnx");
    await exportResult({ runtime, result: join(moved, "result.json"), format: "native", output });
    expect(readActivations(await loadModel(output), output)).toEqual(activations);
  });

  test("refuses to overwrite what it reads", async () => {
    const { result, output } = await finishedRun();
    await expect(exportResult({ runtime, result, format: "portable", output })).rejects.toThrow("would overwrite a file that the export reads");
    await expect(exportResult({ runtime, result, format: "portable", output: model })).rejects.toThrow("would overwrite");
  });

  test("refuses another model under the run's name, and writes nothing", async () => {
    const { folder, result } = await finishedRun();
    const other = { ...(await readResult(result)), model: sharedModelPath("cifar10_resnet20.onnx") };
    writeFileSync(result, JSON.stringify(other));
    const output = join(folder, "other.onnx");
    await expect(exportResult({ runtime, result, format: "portable", output })).rejects.toThrow("The model is not the one that was quantized");
    expect(readdirSync(folder).sort()).toEqual(["model.onnx", "result.json"]);
  });

  test("refuses a model that was trained on since, although its layers are the same", async () => {
    const { folder, result } = await finishedRun();
    const retrained = await loadModel(model);
    const { layers } = await prepareNetwork(retrained, runtime);
    const source = new Graph(retrained);
    const bias = layers[0]!.bias!;
    const { data, dims } = source.constant(bias) as FloatTensor;
    source.setConstant(
      bias,
      floatTensor(
        data.map((value) => value + 0.01),
        dims,
      ),
    );
    await writeExport(source.toModel(), join(folder, "retrained.onnx"));
    writeFileSync(result, JSON.stringify({ ...(await readResult(result)), model: join(folder, "retrained.onnx") }));
    const written = exportResult({ runtime, result, format: "portable", output: join(folder, "portable.onnx") });
    await expect(written).rejects.toThrow(`it has another "${bias}"`);
    expect(readdirSync(folder)).not.toContain("portable.onnx");
  });
});

describe("readResult", () => {
  test.each([
    ["{", "is not the result of a run"],
    ['{ "run": "w4" }', "is not the result of a run: ✖ Invalid input: expected string, received undefined"],
    ["[]", "is not the result of a run"],
  ])("%s", async (text, message) => {
    const folder = temporaryFolder({ "result.json": text });
    await expect(readResult(join(folder, "result.json"))).rejects.toThrow(message);
  });

  test("a file that is not there", async () => {
    await expect(readResult(join(temporaryFolder(), "result.json"))).rejects.toThrow("ENOENT");
  });
});
