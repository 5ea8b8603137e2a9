import * as vscode from "vscode";

/** The strings of the display language, which a view's own copy of l10n needs. */
export function viewTranslations(): Record<string, string> | undefined {
  const entries = Object.entries(vscode.l10n.bundle ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}
