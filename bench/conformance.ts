/**
 * @file Whether prepared graphs compute what the models computed, on the node tests that bench/conformance/generate.py writes:
 * `python3 bench/conformance/generate.py DIR && node bench/run.mjs conformance DIR [--sample N]`. Prints one JSON line, and one for each
 * operator with `--operators`; exits with 1 where a prepared graph gives other outputs, or an error is not the user's.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fromBinary } from "@bufbuild/protobuf";
import { gradientRules } from "../src/engine/autodiff/rules.ts";
import { UserError } from "../src/engine/errors.ts";
import { prepareGraph } from "../src/engine/graph/prepareGraph.ts";
import { loadModel } from "../src/engine/onnx/modelFile.ts";
import { type ModelProto, TensorProtoSchema } from "../src/engine/onnx/onnx_pb.ts";
import { type Tensor, toNumbers } from "../src/engine/onnx/tensor.ts";
import { decodeTensor } from "../src/engine/onnx/tensorCodec.ts";
import { createRuntime } from "../src/engine/runtime/createRuntime.ts";
import { modelOutputs } from "../test/support/modelOutputs.ts";

/** As onnx's own test runner compares: |a - b| <= absolute + relative |b|. */
const tolerance = { relative: 1e-3, absolute: 1e-5 };

/** "not run": ONNX Runtime cannot run the model itself, or gives other outputs than the test says, before anything is changed. */
type End = "same" | "refused" | "not run" | "different" | "defect";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { sample: { type: "string", default: "1" }, operators: { type: "boolean" } },
});
const folder = positionals[0];
if (!folder) throw new Error("Name the folder that bench/conformance/generate.py wrote.");
const runtime = await createRuntime({ threads: 1 });
const total = new Map<End, number>();
const ends = new Map<string, Map<End, number>>();
for (const [i, name] of readdirSync(folder).toSorted().entries()) if (i % Number(values.sample) === 0) await check(name);
summarize();

async function check(name: string): Promise<void> {
  const model = await loadModel(join(folder!, name, "model.onnx")).catch(() => undefined);
  if (!model) return;
  const [end, message] = await endOf(model, name);
  for (const operator of new Set(model.graph!.node.map(({ opType }) => opType))) {
    const counts = ends.get(operator) ?? new Map<End, number>();
    counts.set(end, (counts.get(end) ?? 0) + 1);
    ends.set(operator, counts);
  }
  total.set(end, (total.get(end) ?? 0) + 1);
  if (end === "different" || end === "defect") {
    console.error(`${name}: ${end} ${message ?? ""}`);
    process.exitCode = 1;
  }
}

async function endOf(model: ModelProto, name: string): Promise<[End, string?]> {
  let feeds: Record<string, Tensor>;
  let expected: Tensor[];
  try {
    feeds = Object.fromEntries(model.graph!.input.map((input, i) => [input.name, readTensor(name, "input", i)]));
    expected = model.graph!.output.map((_, i) => readTensor(name, "output", i));
    if (!agree(Object.values(await modelOutputs(model, runtime, { feeds })), expected)) return ["not run"];
  } catch (error) {
    if (error instanceof UserError) return ["not run"];
    return ["not run", String(error)];
  }
  try {
    const { graph } = await prepareGraph(model, runtime);
    const inputs = new Set(graph.inputs.map((input) => input.name));
    const kept = Object.fromEntries(Object.entries(feeds).filter(([input]) => inputs.has(input)));
    return [agree(Object.values(await modelOutputs(graph.toModel(), runtime, { feeds: kept })), expected) ? "same" : "different"];
  } catch (error) {
    if (error instanceof UserError) return ["refused", error.message];
    return ["defect", error instanceof Error ? error.stack : String(error)];
  }
}

function readTensor(name: string, kind: string, index: number): Tensor {
  return decodeTensor(fromBinary(TensorProtoSchema, Uint8Array.from(readFileSync(join(folder!, name, `${kind}_${index}.pb`)))));
}

function agree(actual: readonly Tensor[], expected: readonly Tensor[]): boolean {
  return expected.every((tensor, i) => {
    const other = actual[i];
    if (!other || other.type !== tensor.type || other.dims.join() !== tensor.dims.join()) return false;
    if (tensor.type === "string") return JSON.stringify(other.data) === JSON.stringify(tensor.data);
    const [a, b] = [toNumbers(other), toNumbers(tensor)];
    return b.every(
      (value, j) => Object.is(a[j], value) || a[j] === value || Math.abs(a[j]! - value) <= tolerance.absolute + tolerance.relative * Math.abs(value),
    );
  });
}

function summarize(): void {
  const rules = [...gradientRules.keys()];
  const tested = (operator: string) => (ends.get(operator)?.get("same") ?? 0) > 0;
  if (values.operators)
    for (const [operator, counts] of [...ends].toSorted())
      console.log(JSON.stringify({ benchmark: "conformance", operator, ...Object.fromEntries(counts) }));
  console.log(
    JSON.stringify({
      benchmark: "conformance",
      ...Object.fromEntries(total),
      operators: [...ends.keys()].filter(tested).length,
      differentiated: rules.length,
      differentiatedTested: rules.filter(tested).length,
      differentiatedWithout: rules.filter((operator) => !tested(operator)),
    }),
  );
}
