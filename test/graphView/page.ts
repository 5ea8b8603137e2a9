/** @file The graph view, or the compare view, in a plain Chromium page, under the policy that VS Code gives it, with a host that the test plays. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import type { FromCompareView, ToCompareView } from "../../src/protocol/compareView.ts";
import type { FromGraphView, ToGraphView } from "../../src/protocol/graphView.ts";
import { type Theme, themeStyle } from "./themes.ts";

const root = resolve(import.meta.dirname, "../..");
const origin = "http://graph.test";

export const artifacts = join(root, ".artifacts/graphView");

/** Where Chromium is; undefined where there is none. */
export const chromiumPath = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  (path) => path !== undefined && existsSync(path),
);

export async function openChromium(): Promise<Browser> {
  return await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox", "--disable-gpu"] });
}

let bundled: Promise<Map<string, string>> | undefined;

/** The files of the apps by name, as `node esbuild.mjs` makes them. */
function bundle(): Promise<Map<string, string>> {
  bundled ??= build({
    absWorkingDir: root,
    bundle: true,
    minify: true,
    write: false,
    platform: "browser",
    target: "es2022",
    format: "iife",
    jsx: "automatic",
    logLevel: "warning",
    define: { "process.env.NODE_ENV": '"production"' },
    entryPoints: { graph: "webview/graph/main.tsx", graphLayout: "webview/graph/layout.worker.ts", compare: "webview/compare/main.ts" },
    outdir: "dist",
  }).then(({ outputFiles }) => new Map(outputFiles.map((file) => [file.path.split(/[/\\]/).at(-1)!, file.text])));
  return bundled;
}

export interface PageOptions {
  theme?: Theme;
  reducedMotion?: boolean;
  size?: { width: number; height: number };
}

export interface ViewPage<To> {
  page: Page;
  /** What the policy refused and what was thrown; empty when all is well. */
  problems: string[];
  post(message: To): Promise<void>;
  picture(name: string): Promise<void>;
  close(): Promise<void>;
}

export type GraphPage = ViewPage<ToGraphView>;

export function openPage(browser: Browser, receive: (message: FromGraphView) => void, options: PageOptions = {}): Promise<GraphPage> {
  return openView(browser, "graph", receive, options);
}

export function openComparePage(
  browser: Browser,
  receive: (message: FromCompareView) => void,
  options: PageOptions = {},
): Promise<ViewPage<ToCompareView>> {
  return openView(browser, "compare", receive, options);
}

async function openView<From, To>(
  browser: Browser,
  app: "graph" | "compare",
  receive: (message: From) => void,
  options: PageOptions,
): Promise<ViewPage<To>> {
  const files = await bundle();
  const context = await browser.newContext({
    viewport: options.size ?? { width: 1400, height: 900 },
    reducedMotion: options.reducedMotion ? "reduce" : "no-preference",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  await page.exposeFunction("toHost", receive);
  await page.addInitScript(`window.acquireVsCodeApi = () => {
    let state;
    return { postMessage: (message) => window.toHost(message), getState: () => state, setState: (next) => { state = next; } };
  };`);
  await page.route(`${origin}/**`, (route) => {
    const name = new URL(route.request().url()).pathname.slice(1);
    if (name === "") return route.fulfill({ contentType: "text/html", body: html(app, options.theme ?? "dark") });
    if (name === "theme.css") return route.fulfill({ contentType: "text/css", body: themeStyle(options.theme ?? "dark") });
    const body = files.get(name);
    return body === undefined
      ? route.fulfill({ status: 404 })
      : route.fulfill({ contentType: name.endsWith(".css") ? "text/css" : "text/javascript", body });
  });
  await page.goto(`${origin}/`);
  return {
    page,
    problems,
    post: (message) => page.evaluate(`postMessage(${JSON.stringify(message)}, "*")`),
    picture: async (name) => {
      mkdirSync(artifacts, { recursive: true });
      await page.screenshot({ path: join(artifacts, `${name}.png`) });
    },
    close: () => context.close(),
  };
}

/** As `webviewHtml` of the extension makes it. */
function html(app: string, theme: Theme): string {
  const policy = [
    "default-src 'none'",
    "script-src 'nonce-test'",
    `style-src ${origin}`,
    `font-src ${origin}`,
    `img-src ${origin} data: blob:`,
    "worker-src blob:",
    `connect-src ${origin}`,
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="stylesheet" href="${origin}/theme.css">
<link rel="stylesheet" href="${origin}/${app}.css">
<title>${app}</title>
</head>
<body class="vscode-${theme}">
<main id="app" data-worker="${origin}/graphLayout.js"></main>
<script nonce="test" src="${origin}/${app}.js"></script>
</body>
</html>`;
}

export function axeSource(): string {
  return readFileSync(join(root, "node_modules/axe-core/axe.min.js"), "utf8");
}
