/** @file CSV files. */

/** A text with one line a row. */
export function csvText(rows: readonly (readonly (number | string | undefined)[])[]): string {
  return `${rows.map((row) => row.map(csvCell).join(",")).join("\n")}\n`;
}

/** Quotes what would break the row, and disarms names that a spreadsheet would run as formulas. */
function csvCell(value: number | string | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
