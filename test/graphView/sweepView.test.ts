/** @file A sweep in the compare view, in Chromium: its table, its Pareto plot, what failed, and its copies. */
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { SweepRow, SweepTable } from "../../src/config/sweepResult.ts";
import type { FromCompareView, ToCompareView } from "../../src/protocol/compareView.ts";
import { axeSource, chromiumPath, openChromium, openComparePage, type ViewPage } from "./page.ts";

if (chromiumPath === undefined) console.log("Skipped: the view of a sweep needs Chromium (set CHROMIUM).");

function row(setting: string, own: Partial<SweepRow>): SweepRow {
  const runs = [{ run: `${setting}-1005`, seed: 1005, state: "done" as const }];
  return { model: "net", setting, method: "brecq", weights: 2, activations: "fp32", runs, values: [], best: false, ...own };
}

/** Names as from a hostile file: they must stay text. */
const table: SweepTable = {
  sweep: "<img src=x onerror=alert(1)>.brecq.json",
  complete: false,
  models: [{ name: "net", metric: "top-1", unit: "%", fp32: 80, fp32Bytes: 1e6, images: 100 }],
  rows: [
    row("w2-brecq", {
      values: [70, 74],
      mean: 72,
      deviation: 2.83,
      agreement: 85,
      sqnr: 12.3,
      weightBytes: 70_900,
      averageBits: 2.02,
      seconds: 9,
      best: true,
    }),
    row("w3-nearest", { method: "nearest", values: [66], mean: 66, weightBytes: 138_000, averageBits: 3.02, seconds: 2 }),
    row("w4-brecq", { values: [79], mean: 79, weightBytes: 180_000, averageBits: 4, seconds: 8, best: true }),
    row("w8-brecq", { runs: [{ run: "w8-brecq-1005", seed: 1005, state: "failed", error: "The disk is full." }] }),
  ],
};

describe.skipIf(chromiumPath === undefined)("the view of a sweep (needs Chromium)", () => {
  let browser: Browser;
  let view: ViewPage<ToCompareView>;
  let received: FromCompareView[];

  beforeAll(async () => {
    browser = await openChromium();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    received = [];
    view = await openComparePage(browser, (message) => received.push(message), {});
    await expect.poll(() => received.map(({ type }) => type)).toEqual(["ready"]);
  });
  afterEach(() => view.close());
  const show = (own: Partial<Extract<ToCompareView, { type: "show-sweep" }>> = {}) =>
    view.post({ type: "show-sweep", config: "/w/s.brecq.json", table, ...own });
  const settings = () => view.page.locator("table.sweep tbody th").allTextContents();

  it("shows the table, the plot, what failed and why, and how far it is", async () => {
    await show({ progress: "runs 3/4" });
    await view.page.getByRole("heading", { name: "Sweep <img src=x" }).waitFor();
    expect(await view.page.getByRole("status").textContent()).toBe("It goes on: runs 3/4");
    expect(await settings()).toEqual(["w2-brecq", "w3-nearest", "w4-brecq", "w8-brecq"]);
    expect(await view.page.getByRole("row").nth(1).textContent()).toContain("72.00 ± 2.83");
    expect(await view.page.getByRole("row").nth(4).textContent()).toContain("failed");
    expect(await view.page.locator("figure.pareto circle").count()).toBe(3);
    expect(await view.page.locator("section.warnings li").allTextContents()).toEqual(["net, w8-brecq-1005: The disk is full."]);
    expect(await view.page.locator("img").count()).toBe(0);
    expect(view.problems).toEqual([]);
    await view.picture("sweep");
  });

  it("is sorted by a click on a column, with what has no value last", async () => {
    await show();
    const header = view.page.getByRole("columnheader", { name: "top-1 (%)" });
    await header.getByRole("button").click();
    expect(await header.getAttribute("aria-sort")).toBe("descending");
    expect(await settings()).toEqual(["w4-brecq", "w2-brecq", "w3-nearest", "w8-brecq"]);
    await header.getByRole("button").press("Enter");
    expect(await settings()).toEqual(["w3-nearest", "w2-brecq", "w4-brecq", "w8-brecq"]);
  });

  it("asks for copies in each format, and says where there is nothing yet", async () => {
    await show();
    await view.page.getByRole("button", { name: "Copy as CSV" }).click();
    await expect.poll(() => received.at(-1)).toEqual({ type: "copy-sweep", format: "csv" });
    await show({ table: undefined });
    await view.page.getByText("No run of this sweep has a result yet").waitFor();
    await show({ table: undefined, problem: "The table is damaged." });
    expect(await view.page.getByRole("status").textContent()).toBe("The table is damaged.");
  });

  it("has no serious accessibility violation", async () => {
    await show();
    await view.page.locator("table.sweep").waitFor();
    await view.page.evaluate(axeSource());
    const violations = await view.page.evaluate(`axe.run(document).then(({ violations }) => violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(" | ")))`);
    expect(violations).toEqual([]);
  });
});
