/** @file The compare view in Chromium: runs side by side, and the fronts of searches. */
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { StoredFront } from "../../src/config/searchResult.ts";
import type { FromCompareView, ToCompareView } from "../../src/protocol/compareView.ts";
import { fakeResult } from "../extension/fixtures/fakeResult.ts";
import { axeSource, chromiumPath, openChromium, openComparePage, type ViewPage } from "./page.ts";

if (chromiumPath === undefined) console.log("Skipped: the compare view needs Chromium (set CHROMIUM).");

/** Five points: each costs 100 kB more than the last and loses half as much. */
function storedFront(run: string | undefined): StoredFront {
  const points = [0, 1, 2, 3, 4].map((index) => ({
    bits: { conv1: 8, "layer1.0.conv1": 2 + index, fc: "fp32" as const },
    predictedLoss: 0.8 / 2 ** index,
    costs: { size: 100_000 * (index + 1), bops: 1e9 * (index + 1) },
  }));
  const { bits, costs, predictedLoss } = points[2]!;
  const search = {
    bits,
    fixed: ["conv1", "fc"],
    candidates: [2, 3, 4, 5, 6],
    predictedLoss,
    measure: "test",
    costs,
    limits: { size: 300_000 },
    seed: 1,
    seconds: 1,
  };
  return { run, search, front: { cost: "size", points } };
}

describe.skipIf(chromiumPath === undefined)("the compare view (needs Chromium)", () => {
  let browser: Browser;
  let view: ViewPage<ToCompareView>;
  let received: FromCompareView[];

  beforeAll(async () => {
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser.close();
  });
  const open = async (theme?: "dark" | "light" | "high-contrast" | "high-contrast-light") => {
    received = [];
    view = await openComparePage(browser, (message) => received.push(message), { theme });
    await expect.poll(() => received.map(({ type }) => type)).toEqual(["ready"]);
  };
  const show = (fronts: StoredFront[], runs = ["w4", "w2"]) =>
    view.post({ type: "show", config: "tiny.brecq.json", results: runs.map((run) => fakeResult(run, `${run}.onnx`)), fronts, running: [] });

  describe("in the dark theme", () => {
    beforeEach(() => open());
    afterEach(() => view.close());

    it("shows no front where no search was done", async () => {
      await show([]);
      await view.page.getByRole("heading", { name: "Compare runs" }).waitFor();
      expect(await view.page.locator(".frontSection").count()).toBe(0);
    });

    it("shows a search's front as a plot and a table, with the point that the search chose", async () => {
      await show([storedFront("w4")]);
      const section = view.page.getByRole("region", { name: "Front of the search of “w4”" }).first();
      await section.getByRole("img", { name: /predicted loss 0\.800 at 100 kB to 0\.0500 at 500 kB/ }).waitFor();
      expect(await section.locator("circle").count()).toBe(5);
      expect(await section.getByRole("radio").count()).toBe(5);
      expect(await section.locator("circle.chosen").count()).toBe(1);
      expect(await section.getByRole("status").textContent()).toMatch(/Bits at 300 kB.*layer1\.0\.conv1 4.*fc FP32/);
      expect(await section.getByRole("row").nth(3).textContent()).toMatch(/300 kB.*3 G.*0\.200.*1 × 4, 1 × 8, 1 × FP32/);
      expect(view.problems).toEqual([]);
    });

    it("goes through the points by the arrow keys, and keeps the choice when results come", async () => {
      await show([storedFront("w4")]);
      await view.page.getByRole("radio").nth(2).focus();
      await view.page.keyboard.press("ArrowDown");
      await expect.poll(() => view.page.locator(".frontSection [role=status]").textContent()).toContain("Bits at 400 kB");
      const chosen = () => view.page.locator("circle").evaluateAll((circles) => circles.findIndex((circle) => circle.classList.contains("chosen")));
      expect(await chosen()).toBe(3);
      await show([storedFront("w4")], ["w4", "w2", "w3"]);
      await view.page.getByRole("columnheader", { name: "w3" }).first().waitFor();
      expect(await chosen()).toBe(3);
    });

    it("shows fronts before any run has finished, and copies one in each format", async () => {
      await show([storedFront(undefined)], []);
      await view.page.getByRole("heading", { name: "Front of the search", exact: true }).waitFor();
      for (const [label, format] of [
        ["Copy as Markdown", "markdown"],
        ["Copy as CSV", "csv"],
        ["Copy as JSON", "json"],
      ] as const) {
        await view.page.getByRole("button", { name: label }).click();
        await expect.poll(() => received.at(-1)).toEqual({ type: "copy-front", format });
      }
    });

    it("has no serious accessibility violation", async () => {
      await show([storedFront("w4"), storedFront("w2")]);
      await view.page.locator(".frontSection").nth(1).waitFor();
      await view.page.evaluate(axeSource());
      const violations = await view.page.evaluate(`axe.run(document).then(({ violations }) => violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(" | ")))`);
      expect(violations).toEqual([]);
    });
  });

  it.each(["dark", "light", "high-contrast", "high-contrast-light"] as const)("is drawn in the theme %s", async (theme) => {
    await open(theme);
    await show([storedFront("w4")]);
    await view.page.locator(".frontSection").scrollIntoViewIfNeeded();
    await view.picture(`compare-front-${theme}`);
    expect(view.problems).toEqual([]);
    await view.close();
  });
});
