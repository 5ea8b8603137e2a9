import { randomBytes } from "node:crypto";
import * as vscode from "vscode";

export interface PageOptions {
  /**
   * File of a script that the page runs as a web worker. A webview may start workers from blobs only, so the page fetches the file, from the address in
   * `data-worker` of the element "app".
   */
  worker?: string;
  /** The page makes pictures of itself. */
  pictures?: boolean;
}

/** The page of a webview app: one script, one style sheet, and a policy that lets nothing else in. */
export function webviewHtml(webview: vscode.Webview, extensionUri: vscode.Uri, app: string, title: string, options: PageOptions = {}): string {
  const nonce = randomBytes(18).toString("base64");
  const uri = (file: string) => webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, "dist/webview", file));
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource}`,
    `font-src ${webview.cspSource}`,
    `img-src ${webview.cspSource}${options.pictures ? " data: blob:" : ""}`,
    ...(options.worker ? ["worker-src blob:", `connect-src ${webview.cspSource}`] : []),
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="${escapeHtml(vscode.env.language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="stylesheet" href="${uri(`${app}.css`)}">
<title>${escapeHtml(title)}</title>
</head>
<body>
<main id="app"${options.worker ? ` data-worker="${uri(options.worker)}"` : ""}></main>
<script nonce="${nonce}" src="${uri(`${app}.js`)}"></script>
</body>
</html>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
