/** @file The graph view on other networks, in every theme, and on names that are markup. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeHost, sensitivityOf } from "./fakeHost.ts";
import { drawShared, hasSharedModels } from "./networks.ts";
import { chromiumPath, openChromium, openPage, type PageOptions } from "./page.ts";

const canRun = chromiumPath !== undefined && hasSharedModels;

describe.skipIf(!canRun)("the graph view (needs Chromium and ../shared)", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser.close();
  });

  async function show(graph: FakeHost["graph"], options: PageOptions = {}) {
    const host = new FakeHost(graph);
    const view = await openPage(browser, (message) => void host.receive(message), { reducedMotion: true, ...options });
    host.post = (message) => view.post(message);
    await host.receive({ type: "ready" });
    await view.page.locator(".card").first().waitFor();
    return { host, ...view };
  }

  it.each(["yolox_nano.onnx", "mobilenet_v2_100_224_dequant.onnx"])("shows, opens, edits and exports %s", async (name) => {
    const graph = await drawShared(name);
    const { page, host, post, problems, picture, close } = await show(graph);
    await page.getByRole("button", { name: "Blocks", exact: true }).click();
    await page.locator(".card.closed.block").first().waitFor();
    await page.getByRole("button", { name: "Operators", exact: true }).click();
    await page.locator(".card.frame.block").first().waitFor();
    await page.locator(".card.layer").first().waitFor();
    await post({ type: "sensitivity", sensitivity: sensitivityOf(graph), running: false });
    await page.locator("#colour").selectOption("sensitivity4");
    await page.locator(".card.coloured").first().waitFor();
    await page.locator(".card.layer").first().click();
    await page.keyboard.press("6");
    await expect.poll(() => host.last("edit")?.bits).toBe(6);
    await picture(name.replace(".onnx", ""));
    await page.getByRole("button", { name: "Fit", exact: true }).click();
    await page.locator(".overview").waitFor();
    await picture(name.replace(".onnx", "-overview"));
    await page.locator("#save").selectOption("html");
    await expect.poll(() => host.last("save")?.content.length, { timeout: 10_000 }).toBeGreaterThan(10_000);
    expect(problems).toEqual([]);
    await close();
  });

  it.each(["dark", "light", "high-contrast", "high-contrast-light"] as const)("is drawn in the theme %s", async (theme) => {
    const graph = await drawShared("cifar10_resnet20.onnx");
    const { page, post, problems, picture, close } = await show(graph, { theme });
    await post({ type: "sensitivity", sensitivity: sensitivityOf(graph), running: false });
    await page.getByRole("button", { name: "Operators", exact: true }).click();
    await page.locator("#colour").selectOption("sensitivity2");
    await page.locator("#other").selectOption("w2");
    // Where the layer lies is chance: the minimap may be above it.
    await page.locator(".card.layer").nth(1).dispatchEvent("click");
    await picture(`theme-${theme}`);
    await page.getByRole("button", { name: "Details", exact: true }).click();
    await page.waitForTimeout(300);
    await picture(`theme-${theme}-details`);
    expect(problems).toEqual([]);
    await close();
  });

  it("shows names that are markup as text, in the page and in every export", async () => {
    const evil = '<img src=x onerror="document.title=1"><script>document.title=1</script>&"\'';
    const graph = structuredClone(await drawShared("cifar10_resnet20.onnx"));
    const text = JSON.stringify(graph)
      .replaceAll('"layer1.0.conv1"', JSON.stringify(evil))
      .replaceAll('"stage1"', JSON.stringify(`stage ${evil}`));
    const { page, host, problems, close } = await show(JSON.parse(text));
    await page.getByRole("button", { name: "Operators", exact: true }).click();
    await page.locator(".card.layer", { hasText: "<img" }).click();
    await page.getByRole("button", { name: "Details", exact: true }).click();
    await page.locator(".details h2", { hasText: "<script>" }).waitFor();
    expect(await page.locator("img, body script:not([nonce])").count()).toBe(0);
    for (const format of ["svg", "html"] as const) {
      await page.locator("#save").selectOption(format);
      await expect.poll(() => host.last("save")?.format).toBe(format);
      expect(host.last("save")!.content).not.toMatch(/<img|<script/);
    }
    expect(await page.title()).toBe("graph");
    expect(problems).toEqual([]);
    await close();
  });
});
