/** A VS Code that `scripts/vscode/install.mjs` has put on this machine. */
export type InstalledVscode = { kind: "electron"; executable: string } | { kind: "code-server"; node: string; entry: string; chromium: string };

/** The VS Code that the runner script chose and passed on to the test process. */
export function installedVscode(): InstalledVscode {
  const text = process.env.BRECQ_TEST_VSCODE;
  if (!text) throw new Error("BRECQ_TEST_VSCODE is not set: start these tests with scripts/test-extension.mjs or scripts/test-e2e.mjs.");
  return JSON.parse(text);
}
