/** @file Plain text tables for people; numbers stand to the right. */

/** Lines of a table with a header; columns of numbers are aligned to the right. */
export function textTable(header: readonly string[], rows: readonly (readonly (string | number | undefined)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => (cell === undefined ? "–" : String(cell))));
  const numeric = header.map((_, column) =>
    rows.every((row) => typeof row[column] !== "string" || /^[-+\d.,]+( ?[%a-zA-Z]{1,3})?$/.test(row[column] as string)),
  );
  const widths = header.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (numeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd();
  return [line(header), widths.map((width) => "-".repeat(width)).join("  "), ...cells.map(line)].join("\n");
}

/** A percentage with two digits. */
export function percent(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${value.toFixed(2)} %`;
}
