/** @file Option values of the commands about mixed precision. */
import { resolve } from "node:path";
import { latencyPresets } from "../config/latencyPresets.ts";
import { UserError } from "../engine/errors.ts";
import { type CostKind, costKinds } from "../engine/search/problem.ts";
import type { SearchLimit } from "../worker/searchConfigured.ts";

/** "2,4,8" as numbers of bits in rising order. */
export function parseCandidates(text: string): number[] {
  const bits = text.split(",").map((part) => part.trim());
  if (!bits.every((part) => /^[2-8]$/.test(part))) {
    throw new UserError(`--candidates takes numbers of bits from 2 to 8 with commas between, not "${text}".`);
  }
  return [...new Set(bits.map(Number))].sort((a, b) => a - b);
}

/** The cost that a front is drawn over. */
export function parseCost(text: string): CostKind {
  const kind = costKinds.find((candidate) => candidate === text);
  if (kind) return kind;
  throw new UserError(`--front takes ${costKinds.join(", ")}, not "${text}".`);
}

interface LimitValues {
  readonly "limit-size"?: string | undefined;
  readonly "limit-bops"?: string | undefined;
  readonly "limit-latency"?: string | undefined;
  readonly table?: string | undefined;
}

/** The limits that are given; undefined where there are none, so that the run's own hold. */
export function parseLimitOptions(values: LimitValues): SearchLimit | undefined {
  const limit: SearchLimit = {
    ...(values["limit-size"] !== undefined && { size: values["limit-size"] }),
    ...(values["limit-bops"] !== undefined && { bops: positive(values["limit-bops"], "--limit-bops") }),
    ...(values["limit-latency"] !== undefined && { latency: positive(values["limit-latency"], "--limit-latency") }),
  };
  if (Object.keys(limit).length === 0) {
    if (values.table !== undefined) throw new UserError("--table goes with --limit-latency.", { hint: "See --help." });
    return undefined;
  }
  if (values.table === undefined) return limit;
  return { ...limit, table: Object.hasOwn(latencyPresets, values.table) ? values.table : resolve(values.table) };
}

function positive(text: string, option: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value > 0) return value;
  throw new UserError(`${option} takes a number above 0, not "${text}".`);
}
