/**
 * @file Which exported files load at which optimization level of ONNX Runtime, and how far their outputs are from the simulated network's:
 * every kind of layer, both formats, weights and activations of 2, 3, 4 and 8 bits. Prints one JSON line a file, or with `--markdown` the
 * tables of docs/export.md; `--output DIR` also writes the files for bench/checkExport.py. Run:
 * `npx esbuild bench/exportMatrix.ts --bundle --platform=node --format=esm --external:onnxruntime-* --outfile=dist/bench/exportMatrix.mjs && node dist/bench/exportMatrix.mjs --markdown`
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Verification } from "../src/config/result.ts";
import { exportModel } from "../src/engine/export/exportModel.ts";
import type { ExportFormat } from "../src/engine/export/integerTypes.ts";
import { simulatedModel } from "../src/engine/export/simulate.ts";
import { optimizationLevels, verifyExport, withoutIntegerOperators } from "../src/engine/export/verify.ts";
import { writeExport } from "../src/engine/export/write.ts";
import { createRuntime } from "../src/engine/runtime/createRuntime.ts";
import type { Runtime, SessionOptions } from "../src/engine/runtime/runtime.ts";
import { type ExportCase, exportCase, exportCaseNames, nearestWeights, rangeActivations } from "../test/support/exportCases.ts";

/** One exported file. */
interface Figure {
  readonly network: string;
  readonly format: ExportFormat;
  readonly weights: number;
  readonly activations: number | "fp32";
  /** The four levels, then "all" without integer operators. */
  readonly levels: readonly Verification[];
}

const formats = ["portable", "native"] as const;
const weightBits = [2, 3, 4, 8];
const activationBits = ["fp32", 2, 3, 4, 8] as const;

const { values: options } = parseArgs({ options: { markdown: { type: "boolean", default: false }, output: { type: "string" } } });
const runtime = await createRuntime({ threads: 1 });
const figures: Figure[] = [];
for (const name of exportCaseNames) {
  const network = exportCase(name);
  for (const weights of weightBits) for (const activations of activationBits) figures.push(...(await measure(network, weights, activations)));
}
if (options.markdown) console.log(formats.map(table).join("\n\n"));
else for (const figure of figures) console.log(JSON.stringify({ benchmark: "exportMatrix", onnxruntime: runtime.version, ...figure }));

async function measure(network: ExportCase, weightBits: number, activationBits: number | "fp32"): Promise<Figure[]> {
  const { graph, layers, feeds } = network;
  const weights = layers.map((layer) => nearestWeights(graph, layer, weightBits));
  const activations = activationBits === "fp32" ? [] : await rangeActivations(runtime, network, activationBits);
  const simulated = simulatedModel(graph, weights, activations);
  const found: Figure[] = [];
  for (const format of formats) {
    const model = exportModel({ graph, weights, activations, format });
    const levels = await verifyExport({ runtime, model, simulated, feeds });
    const cured = (await verifyExport({ runtime: withConfig(withoutIntegerOperators), model, simulated, feeds })).at(-1)!;
    found.push({ network: network.name, format, weights: weightBits, activations: activationBits, levels: [...levels, cured] });
    if (options.output) {
      const stem = `${network.name.replace(/\W+/g, "-")}-w${weightBits}a${activationBits}-${format}`;
      await writeExport(model, join(options.output, `${stem}.onnx`));
      await writeExport(simulated, join(options.output, `${stem}.simulated.onnx`));
    }
  }
  return found;
}

/** The runtime with a configuration entry for all its sessions. */
function withConfig(config: Readonly<Record<string, string>>): Runtime {
  const add = (given: SessionOptions = {}) => ({ ...given, config: { ...given.config, ...config } });
  const { kind, version, provider, threads } = runtime;
  return {
    kind,
    version,
    provider,
    threads,
    createSession: (model, given) => runtime.createSession(model, add(given)),
    openSession: (path, given) => runtime.openSession(path, add(given)),
  };
}

/** One row a combination of bits: at each level the greatest difference of all networks, or how many do not load. */
function table(format: ExportFormat): string {
  const rows = weightBits.flatMap((weights) =>
    activationBits.map((activations) => {
      const own = figures.filter((figure) => figure.format === format && figure.weights === weights && figure.activations === activations);
      return [`W${weights}${activations === "fp32" ? "" : ` A${activations}`}`, ...[...optimizationLevels, "cured"].map((_, i) => cell(own, i))];
    }),
  );
  const header = [format, ...optimizationLevels, "all, `disable_quant_qdq`"];
  return [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function cell(own: readonly Figure[], level: number): string {
  const failing = own.filter(({ levels }) => !levels[level]!.loads);
  const worst = Math.max(0, ...own.map(({ levels }) => levels[level]!.maxDifference ?? 0));
  const difference = worst === 0 ? "0" : worst.toExponential(0);
  return failing.length === 0 ? difference : `${failing.length} of ${own.length} fail, ${difference}`;
}
