/** @file What is wrong with a config beyond what the JSON Schema can say. */
import { basename, dirname, join } from "node:path";
import type { JSONPath } from "jsonc-parser";
import { formatByteSize, parseByteSize } from "../config/byteSize.ts";
import type { TextEdit } from "../config/edits.ts";
import type { Inspection } from "../config/inspection.ts";
import { nearestName } from "../config/suggestions.ts";
import { type ConfigDocument, type ConfigRun, keySpan, type Span, valueAt, valueSpan } from "./configDocument.ts";

export interface Problem {
  span: Span;
  severity: "error" | "warning";
  code: "missing-path" | "unknown-layer" | "bits" | "limit" | "calibration" | "model" | "unsupported";
  message: string;
  fix?: { title: string; edits: TextEdit[] };
}

/** A path that the config names. */
export interface NamedPath {
  path: JSONPath;
  value: string;
  kind: "file" | "folder";
}

/** What the host found out about the config's surroundings. */
export interface Surroundings {
  /** What each named path is, by its value. */
  found: ReadonlyMap<string, "file" | "folder" | "missing">;
  /** Names in the folder that a missing path should be in, by the path's value. */
  neighbours: ReadonlyMap<string, readonly string[]>;
  inspection?: Inspection;
  /** Why the model could not be read. */
  modelError?: string;
}

const needsCalibration = new Set(["adaround", "brecq", "qdrop"]);

/** The files and folders that a config names. */
export function namedPaths(document: ConfigDocument): NamedPath[] {
  const candidates: [JSONPath, NamedPath["kind"]][] = [
    [["model"], "file"],
    [["calibration", "images"], "folder"],
    [["calibration", "arrays"], "file"],
    [["evaluation", "images"], "folder"],
    [["evaluation", "classes"], "file"],
    [["evaluation", "boxes"], "folder"],
  ];
  const labels = valueAt(document, ["evaluation", "labels"]);
  if (labels !== "folders" && labels !== "yolo") candidates.push([["evaluation", "labels"], "file"]);
  return candidates.flatMap(([path, kind]) => {
    const value = valueAt(document, path);
    return typeof value === "string" && value ? [{ path, value, kind }] : [];
  });
}

export function findProblems(document: ConfigDocument, surroundings: Surroundings): Problem[] {
  return [
    ...pathProblems(document, surroundings),
    ...modelProblems(document, surroundings),
    ...document.runs.flatMap((run) => [
      ...bitsProblems(document, run),
      ...layerProblems(document, run, surroundings.inspection),
      ...limitProblems(document, run, surroundings.inspection),
      ...calibrationProblems(document, run),
    ]),
  ];
}

function pathProblems(document: ConfigDocument, { found, neighbours }: Surroundings): Problem[] {
  return namedPaths(document).flatMap(({ path, value, kind }): Problem[] => {
    const is = found.get(value);
    const span = valueSpan(document, path);
    if (!span || is === undefined || is === kind) return [];
    if (is !== "missing") return [{ span, severity: "error", code: "missing-path", message: `"${value}" is a ${is}, and a ${kind} is needed here.` }];
    const near = nearestName(basename(value), neighbours.get(value) ?? []);
    const suggestion = near && join(dirname(value), near).replaceAll("\\", "/");
    return [
      {
        span,
        severity: "error",
        code: "missing-path",
        message: `There is no ${kind} "${value}" beside this file.${suggestion ? ` Did you mean "${suggestion}"?` : ""}`,
        fix: suggestion ? replaceFix(span, suggestion) : undefined,
      },
    ];
  });
}

function modelProblems(document: ConfigDocument, { inspection, modelError }: Surroundings): Problem[] {
  const span = valueSpan(document, ["model"]);
  if (!span) return [];
  if (modelError) return [{ span, severity: "error", code: "model", message: modelError }];
  return (inspection?.unsupported ?? []).map((operator) => ({
    span,
    severity: "warning",
    code: "unsupported",
    message: `${operator.op} (${operator.count}×) is not supported: ${operator.reason}`,
  }));
}

function bitsProblems(document: ConfigDocument, run: ConfigRun): Problem[] {
  const places: JSONPath[] = ["weights", "activations", "firstLast"].map((key) => ["runs", run.name, key]);
  for (const layer of run.layers) for (const key of ["weights", "activations"]) places.push(["runs", run.name, "layers", layer.name, key]);
  return places.flatMap((path): Problem[] => {
    const value = valueAt(document, path);
    const span = valueSpan(document, path);
    // The schema says what is wrong with a value of another type.
    if (!span || typeof value !== "number" || (Number.isInteger(value) && value >= 2 && value <= 8)) return [];
    const nearest = Math.min(8, Math.max(2, Math.round(value)));
    const fix = { title: `Use ${nearest} bits`, edits: [{ offset: span.offset, length: span.length, content: String(nearest) }] };
    return [{ span, severity: "error", code: "bits", message: `${value} bits are out of range: use 2 to 8, or "fp32" for none.`, fix }];
  });
}

function layerProblems(document: ConfigDocument, run: ConfigRun, inspection: Inspection | undefined): Problem[] {
  if (!inspection) return [];
  const names = inspection.layers.map((layer) => layer.name);
  return run.layers
    .filter((layer) => !names.includes(layer.name))
    .map((layer) => {
      const near = nearestName(layer.name, names);
      const message = `The model has no layer "${layer.name}".${near ? ` Did you mean "${near}"?` : ""}`;
      const span = keySpan(document, ["runs", run.name, "layers", layer.name]) ?? layer.key;
      return { span, severity: "error", code: "unknown-layer", message, fix: near ? replaceFix(span, near) : undefined };
    });
}

function limitProblems(document: ConfigDocument, run: ConfigRun, inspection: Inspection | undefined): Problem[] {
  const at: JSONPath = ["runs", run.name, "search", "limit"];
  const limit = valueAt(document, at) as Record<string, unknown> | undefined;
  const span = valueSpan(document, at);
  if (!span || typeof limit !== "object") return [];
  const problem = (where: Span, message: string, fix?: Problem["fix"]): Problem => ({ span: where, severity: "error", code: "limit", message, fix });
  if (limit.size === undefined && limit.bops === undefined && limit.latency === undefined) {
    return [problem(span, "A search needs a limit: `size`, `bops` or `latency`.")];
  }
  if (limit.latency !== undefined && limit.table === undefined)
    return [problem(span, "A latency limit needs a `table`: a file, or a preset's name.")];
  if (typeof limit.size !== "string") return [];
  const sizeSpan = valueSpan(document, [...at, "size"]) ?? span;
  const bytes = parseByteSize(limit.size);
  if (bytes === undefined) return [problem(sizeSpan, `"${limit.size}" is no size: write for example "0.5 MB" or "300 KiB".`)];
  const smallest = inspection && smallestBytes(run, inspection);
  if (smallest === undefined || bytes >= smallest) return [];
  const needed = formatByteSize(roundUp(smallest));
  return [
    problem(sizeSpan, `No choice of bits can meet ${limit.size}: the smallest possible is ${formatByteSize(smallest)}.`, {
      title: `Set the limit to ${needed}`,
      edits: [{ ...sizeSpan, content: JSON.stringify(needed) }],
    }),
  ];
}

function calibrationProblems(document: ConfigDocument, run: ConfigRun): Problem[] {
  const method = run.settings.method ?? "brecq";
  const quantizesActivations = typeof run.settings.activations === "number";
  if (valueAt(document, ["calibration"]) !== undefined || (!quantizesActivations && !needsCalibration.has(String(method)))) return [];
  const why = quantizesActivations ? "quantizes activations" : `uses the method "${method}"`;
  return [
    {
      span: run.key,
      severity: "error",
      code: "calibration",
      message: `Run "${run.name}" ${why}, which needs calibration data: add "calibration": { "images": "…" } to this file.`,
    },
  ];
}

/** Bytes of all weights with the fewest bits that a run's search may give each layer. */
function smallestBytes(run: ConfigRun, inspection: Inspection): number {
  const search = run.settings.search as { candidates?: unknown } | undefined;
  const candidates = Array.isArray(search?.candidates) ? search.candidates.filter((bits) => typeof bits === "number") : [2, 4, 8];
  const fewest = candidates.length > 0 ? Math.min(...candidates) : 2;
  const bitsOf = (value: unknown) => (value === "fp32" ? 32 : typeof value === "number" ? value : undefined);
  const firstLast = bitsOf(run.settings.firstLast) ?? 8;
  const bits = inspection.layers.reduce((sum, layer, index) => {
    const fixed = bitsOf(run.layers.find((override) => override.name === layer.name)?.weights);
    const edge = index === 0 || index === inspection.layers.length - 1;
    return sum + layer.shape.reduce((product, side) => product * side, 1) * (fixed ?? (edge ? firstLast : fewest));
  }, 0);
  return bits / 8;
}

/** Up to three digits, so that the size reads well and can be met. */
function roundUp(bytes: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(bytes)) - 2);
  return Math.ceil(bytes / step) * step;
}

function replaceFix(span: Span, name: string): Problem["fix"] {
  return { title: `Change to "${name}"`, edits: [{ ...span, content: JSON.stringify(name) }] };
}
