import * as vscode from "vscode";
import type { ConfigDiagnostics } from "./diagnostics.ts";

/** Offers the fixes that the problems bring with them. */
export class ConfigQuickFixes implements vscode.CodeActionProvider {
  private readonly diagnostics: ConfigDiagnostics;

  constructor(diagnostics: ConfigDiagnostics) {
    this.diagnostics = diagnostics;
  }

  provideCodeActions(document: vscode.TextDocument, range: vscode.Range, context: vscode.CodeActionContext): vscode.CodeAction[] {
    return this.diagnostics.problemsOf(document).flatMap(({ span, fix, code }) => {
      const place = new vscode.Range(document.positionAt(span.offset), document.positionAt(span.offset + span.length));
      if (!fix || !place.intersection(range)) return [];
      const action = new vscode.CodeAction(fix.title, vscode.CodeActionKind.QuickFix);
      action.diagnostics = context.diagnostics.filter((diagnostic) => diagnostic.code === code && diagnostic.range.isEqual(place));
      action.isPreferred = true;
      action.edit = new vscode.WorkspaceEdit();
      for (const edit of fix.edits) {
        const edited = new vscode.Range(document.positionAt(edit.offset), document.positionAt(edit.offset + edit.length));
        action.edit.replace(document.uri, edited, edit.content);
      }
      return [action];
    });
  }
}
