/** @file From a comparison's axes (methods, bits, seeds) to its runs. */
import { type Bits, type RunConfig, runSchema } from "../../config/schema.ts";
import { nearestName } from "../../config/suggestions.ts";
import { UserError } from "../../engine/errors.ts";

/** A row of the comparison: a method with what it reconstructs at once. */
export interface MethodVariant {
  readonly key: string;
  readonly label: string;
  readonly settings: Partial<Pick<RunConfig, "method" | "granularity">>;
  /** Needs quantized activations. */
  readonly activationsOnly?: boolean;
}

/** In the order of the paper's tables. Reconstruction of single layers is AdaRound. */
export const methodVariants: readonly MethodVariant[] = [
  { key: "nearest", label: "Nearest", settings: { method: "nearest" } },
  { key: "dfq", label: "DFQ", settings: { method: "dfq" } },
  { key: "adaround", label: "AdaRound (BRECQ, layer)", settings: { method: "adaround", granularity: "layer" } },
  { key: "brecq-block", label: "BRECQ, block", settings: { method: "brecq", granularity: "block" } },
  { key: "brecq-stage", label: "BRECQ, stage", settings: { method: "brecq", granularity: "stage" } },
  { key: "brecq-net", label: "BRECQ, net", settings: { method: "brecq", granularity: "net" } },
  { key: "qdrop", label: "QDrop, block", settings: { method: "qdrop", granularity: "block" }, activationsOnly: true },
];

/** Other names that users give to the variants. */
const synonyms: Readonly<Record<string, string>> = { brecq: "brecq-block", "brecq-layer": "adaround" };

/** Bits of weights and activations: a column of the comparison. */
export interface BitWidths {
  readonly weights: Bits;
  readonly activations: Bits;
}

/** The columns of the paper's tables. */
export const paperColumns: readonly BitWidths[] = [
  { weights: 4, activations: "fp32" },
  { weights: 3, activations: "fp32" },
  { weights: 2, activations: "fp32" },
  { weights: 4, activations: 4 },
  { weights: 2, activations: 4 },
];

export interface BaselineAxes {
  readonly variants: readonly MethodVariant[];
  readonly columns: readonly BitWidths[];
  readonly seeds: number;
  /** All other settings; seeds count up from this one's. */
  readonly base: RunConfig;
}

export interface BaselineRun {
  /** A folder's name, unique in the sweep. */
  readonly name: string;
  readonly variant: MethodVariant;
  readonly column: BitWidths;
  readonly settings: RunConfig;
}

/** The variants of these names. @throws UserError where one is not known */
export function namedVariants(names: readonly string[]): MethodVariant[] {
  const found = names.map((name) => {
    const variant = methodVariants.find(({ key }) => key === (synonyms[name] ?? name));
    if (variant) return variant;
    const known = [...methodVariants.map(({ key }) => key), ...Object.keys(synonyms)];
    const near = nearestName(name, known);
    throw new UserError(`There is no method "${name}".`, { hint: near ? `Did you mean "${near}"?` : `There are: ${known.join(", ")}.` });
  });
  return [...new Set(found)];
}

/** Every run of a comparison: the cheap methods first, and all methods of a seed before the next seed, so that a first table is there early. */
export function expandRuns({ variants, columns, seeds, base }: BaselineAxes): BaselineRun[] {
  const runs: BaselineRun[] = [];
  for (let i = 0; i < seeds; i++) {
    for (const variant of variants) {
      for (const column of columns) {
        if (variant.activationsOnly && column.activations === "fp32") continue;
        // Nothing in it is random.
        if (i > 0 && variant.settings.method === "nearest" && column.activations === "fp32") continue;
        const settings = runSchema.parse({ ...base, ...variant.settings, ...column, seed: base.seed + i });
        runs.push({ name: `${columnName(column).toLowerCase()}-${variant.key}-${settings.seed}`, variant, column, settings });
      }
    }
  }
  return runs;
}

/** "W4A4", or "W4" where activations stay floats. */
export function columnName({ weights, activations }: BitWidths): string {
  return `${weights === "fp32" ? "FP32" : `W${weights}`}${activations === "fp32" ? "" : `A${activations}`}`;
}
