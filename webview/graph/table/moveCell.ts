export interface Cell {
  row: number;
  column: number;
}

/** The cell that a key leads to in a grid, as the ARIA practices have it; undefined for other keys. */
export function moveCell(
  { row, column }: Cell,
  key: string,
  control: boolean,
  size: { rows: number; columns: number; page: number },
): Cell | undefined {
  const moves: Record<string, Cell> = {
    ArrowUp: { row: row - 1, column },
    ArrowDown: { row: row + 1, column },
    ArrowLeft: { row, column: column - 1 },
    ArrowRight: { row, column: column + 1 },
    Home: { row: control ? 0 : row, column: 0 },
    End: { row: control ? size.rows - 1 : row, column: size.columns - 1 },
    PageUp: { row: row - Math.max(1, size.page), column },
    PageDown: { row: row + Math.max(1, size.page), column },
  };
  const next = moves[key];
  if (!next) return undefined;
  const within = (value: number, count: number) => Math.min(count - 1, Math.max(0, value));
  return { row: within(next.row, size.rows), column: within(next.column, size.columns) };
}
