/** @file What a user does in the window. */
import { readdirSync, readFileSync } from "node:fs";
import type { Locator, Page } from "playwright-core";

/** The row of a file in the explorer. */
export function explorerRow(page: Page, name: string): Locator {
  return page.locator(".explorer-folders-view .monaco-list-row", { hasText: name });
}

/** Right-clicks a file and chooses an entry; the menu is opened anew until extensions have put their entries into it. */
export async function chooseFromContextMenu(page: Page, file: string, label: string, look?: () => Promise<void>): Promise<void> {
  const row = explorerRow(page, file);
  await row.waitFor();
  const entry = page.locator(".context-view .monaco-menu .action-item", { hasText: label });
  for (let tries = 0; ; tries++) {
    await row.click({ button: "right" });
    const shown = await entry.waitFor({ timeout: 1500 }).then(
      () => true,
      () => false,
    );
    if (shown) break;
    if (tries === 10) throw new Error(`The menu has no entry "${label}".`);
    await page.keyboard.press("Escape");
  }
  await look?.();
  // A menu that has only just opened takes no click.
  await until(async () => {
    if (await entry.isVisible()) await entry.click();
    await page.waitForTimeout(300);
    return !(await entry.isVisible());
  }, "the menu's closing");
}

export async function openFile(page: Page, name: string): Promise<void> {
  await page.keyboard.press("F1");
  await page.locator(".quick-input-widget input").fill(name);
  await page.locator(".quick-input-list .monaco-list-row", { hasText: name }).first().click();
  await page.locator(".tab.active", { hasText: name }).waitFor();
}

/** Lenses by their text, in the order of the file. */
export function lenses(page: Page, text: string | RegExp): Locator {
  return page.locator(".editor-instance .codelens-decoration a", { hasText: text });
}

/**
 * Cancels the run that goes on, if one does, and waits for its end. Lenses are drawn anew with progress: a click may fall between two drawings, and is
 * repeated until it was taken; and a lens that is missing once may be back at the next look.
 */
export async function cancelRun(page: Page): Promise<void> {
  const cancel = lenses(page, "■ Cancel");
  let looksWithout = 0;
  await until(async () => {
    const going = (await cancel.count()) > 0;
    looksWithout = going ? 0 : looksWithout + 1;
    if (going && (await lenses(page, "cancelling").count()) === 0) await cancel.click({ timeout: 2000 }).catch(() => undefined);
    await page.waitForTimeout(300);
    return looksWithout === 3;
  }, "the run's end");
}

export async function runCommand(page: Page, title: string): Promise<void> {
  await page.keyboard.press("F1");
  await page.locator(".quick-input-widget input").fill(`>${title}`);
  await page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first().click();
}

/** Takes a colour theme by its label, as a user does; settings files are not watched by every flavour. */
export async function chooseTheme(page: Page, label: string): Promise<void> {
  await runCommand(page, "Preferences: Color Theme");
  const input = page.locator(".quick-input-widget input");
  await input.fill(label);
  await page.locator(".quick-input-list .monaco-list-row.focused", { hasText: label }).waitFor();
  // The theme is previewed first and taken only when it has been loaded.
  await page.waitForTimeout(500);
  await page.keyboard.press("Enter");
  await page.waitForTimeout(1000);
}

export function toast(page: Page, text: string | RegExp): Locator {
  return page.locator(".notification-toast", { hasText: text });
}

/** Closes all notifications, so that they do not cover what comes next. */
export async function clearNotifications(page: Page): Promise<void> {
  await runCommand(page, "Notifications: Clear All Notifications");
}

/** Process ids of the extension's workers in this window. */
export function workerPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return /extensions\/brecq\.brecq-[^\0]*worker\.mjs/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
      } catch {
        return false;
      }
    })
    .map(Number);
}

export async function until(condition: () => boolean | Promise<boolean>, what: string, seconds = 30): Promise<void> {
  const limit = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error(`${what}: it did not happen within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
