/** @file The pictures of the README, taken of a real window on finished runs: `scripts/pictures.mjs` calls it. */
import { join } from "node:path";
import type { FrameLocator, Page } from "playwright-core";
import sharp from "sharp";
import { chooseFromContextMenu, chooseTheme, lenses, openFile, runCommand, until } from "../../test/e2e/actions.ts";
import { openWorkbench, webviewFrame } from "../../test/harness/workbench.ts";

/** Pixels across: as wide as a README is shown, at twice the density of old screens or less. */
const width = 1200;

/**
 * Opens the sample's config, its runs compared, and its graph, and keeps a picture of each.
 * @param workspace the sample with results of its runs, sensitivities too
 * @param target where the pictures go
 */
export async function takePictures({ workspace, vsix, target }: { workspace: string; vsix: string; target: string }): Promise<void> {
  const workbench = await openWorkbench({ workspace, vsix });
  const { page } = workbench;
  const view = webviewFrame(page);
  try {
    await openFile(page, "resnet20.brecq.json");
    await runCommand(page, "BRECQ: Show Runs");
    await until(async () => (await lenses(page, /top-1/).count()) === 4, "the results of four runs", 60);
    // A file that is missing would show here as an error.
    await page.waitForTimeout(3000);
    if ((await page.locator(".squiggly-error").count()) > 0) throw new Error("The sample's config has errors.");
    await keep(page, target, "result", 740);
    await compare(page, view, target);
    await graph(page, view, target);
  } finally {
    await workbench.close();
  }
}

async function compare(page: Page, view: FrameLocator, target: string): Promise<void> {
  // Lenses are drawn anew while results are read; a click in that moment is lost.
  await until(async () => {
    await lenses(page, "Compare")
      .first()
      .click({ timeout: 5000 })
      .catch(() => undefined);
    return await page
      .locator(".tab.active", { hasText: "Compare" })
      .waitFor({ timeout: 3000 })
      .then(
        () => true,
        () => false,
      );
  }, "the compare view");
  await view.getByRole("row", { name: /Top-1 \d/ }).waitFor();
  // Accuracy and size; below them come times of this machine, curves and tables of layers.
  await keep(page, target, "compare", 495);
}

async function graph(page: Page, view: FrameLocator, target: string): Promise<void> {
  await runCommand(page, "View: Close All Editors");
  await runCommand(page, "File: Focus on Files Explorer");
  await chooseFromContextMenu(page, "resnet20.onnx", "Open Graph");
  await view.locator(".card").first().waitFor({ timeout: 60_000 });
  await runCommand(page, "View: Toggle Primary Side Bar Visibility");
  await chooseTheme(page, "Dark Modern");
  await view.getByRole("button", { name: "Blocks", exact: true }).click();
  await view.locator("#run").selectOption("w2");
  await view.locator("#colour").selectOption({ label: "Sensitivity at 2 bits" });
  await view.getByRole("region", { name: "Legend" }).waitFor();
  await view.getByRole("combobox", { name: /Find by name/ }).fill("layer1.0 residual");
  await view.getByRole("option").first().waitFor();
  await page.keyboard.press("Enter");
  await view.getByRole("button", { name: "Details", exact: true }).click();
  await view.locator(".matrix table").waitFor();
  await keep(page, target, "graph");
}

/** @param height how much of the window from its top; all where undefined */
async function keep(page: Page, target: string, name: string, height?: number): Promise<void> {
  // What has only just appeared is still moving.
  await page.waitForTimeout(1500);
  const png = await page.screenshot(height === undefined ? {} : { clip: { x: 0, y: 0, width: page.viewportSize()!.width, height } });
  await sharp(png)
    .resize({ width })
    .png({ palette: true, compressionLevel: 9, effort: 10 })
    .toFile(join(target, `${name}.png`));
}
