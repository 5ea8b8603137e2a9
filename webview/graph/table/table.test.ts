import { describe, expect, it } from "vitest";
import { layersToCsv } from "../export/csv.ts";
import type { Column } from "./columns.ts";
import { moveCell } from "./moveCell.ts";
import { tableRows } from "./rows.ts";

const facts = (name: string, macs: number) => ({
  name,
  macs,
  op: "Conv",
  block: "b",
  stage: "s",
  shape: [1],
  parameters: 1,
  weights: 1,
  channels: 1,
  weightRange: [0, 0] as [number, number],
  nearestSqnr: {},
});
const layers = [facts("conv10", 5), facts("conv2", 7), facts("=cmd()", 6)];
const name: Column = { id: "name", label: "Layer", numeric: false, value: (layer) => layer.name, text: (layer) => layer.name };
const loss: Column = {
  id: "loss",
  label: "Loss",
  numeric: true,
  value: ({ macs }) => (macs === 6 ? undefined : macs),
  text: ({ macs }) => String(macs),
};
const all = [name, loss];
const names = (...args: Parameters<typeof tableRows>) => tableRows(...args).map((layer) => layer.name);

describe("the layer table", () => {
  it("sorts numbers in names as numbers, and missing values last either way", () => {
    expect(names(layers, all, "", { column: "name", descending: false })).toEqual(["=cmd()", "conv2", "conv10"]);
    expect(names(layers, all, "", { column: "loss", descending: true })).toEqual(["conv2", "conv10", "=cmd()"]);
    expect(names(layers, all, "", { column: "loss", descending: false })).toEqual(["conv10", "conv2", "=cmd()"]);
  });

  it("filters by every word in any column", () => {
    expect(names(layers, all, "CONV 7", undefined)).toEqual(["conv2"]);
  });

  it("moves as the ARIA practices say", () => {
    const size = { rows: 10, columns: 4, page: 3 };
    expect(moveCell({ row: 2, column: 1 }, "PageDown", false, size)).toEqual({ row: 5, column: 1 });
    expect(moveCell({ row: 2, column: 1 }, "End", true, size)).toEqual({ row: 9, column: 3 });
    expect(moveCell({ row: 0, column: 0 }, "ArrowUp", false, size)).toEqual({ row: 0, column: 0 });
    expect(moveCell({ row: 0, column: 0 }, "x", false, size)).toBeUndefined();
  });

  it("writes CSV in which names are no formulas", () => {
    expect(layersToCsv(layers, all)).toBe("Layer,Loss\nconv10,5\nconv2,7\n'=cmd(),\n");
  });
});
