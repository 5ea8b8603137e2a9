/** @file The layers as a grid: one tab stop, arrow keys inside, only the rows in sight are in the page. */
import * as l10n from "@vscode/l10n";
import { type KeyboardEvent, type MouseEvent, useEffect, useMemo, useRef, useState } from "react";
import { reveal, selectLayers } from "../state/actions.ts";
import { nodeOfLayer } from "../state/receive.ts";
import { setState } from "../state/store.ts";
import { useShallow } from "../state/useShallow.ts";
import { type Column, columns } from "./columns.ts";
import { moveCell } from "./moveCell.ts";
import { type Order, tableRows } from "./rows.ts";

const rowHeight = 26;
const spareRows = 8;

export function LayerTable() {
  const view = useShallow(({ model, shown, sensitivity, details, selected }) => ({ model: model!, shown, sensitivity, details, selected }));
  const [filter, setFilter] = useState("");
  const [order, setOrder] = useState<Order>();
  /** Row 0 holds the headings. */
  const [cell, setCell] = useState({ row: 0, column: 0 });
  const [scroll, setScroll] = useState({ top: 0, height: 600 });
  const grid = useRef<HTMLDivElement>(null);
  const anchor = useRef<number>(undefined);
  const { shown, sensitivity, details } = view;
  const all = useMemo(() => columns({ shown, sensitivity, details }), [shown, sensitivity, details]);
  const rows = useMemo(() => tableRows(view.model.layers, all, filter, order), [view.model, all, filter, order]);
  const selected = useMemo(() => new Set(view.selected), [view.selected]);
  const active = { row: Math.min(cell.row, rows.length), column: cell.column };
  const first = Math.max(0, Math.floor(scroll.top / rowHeight) - spareRows);
  const last = Math.min(rows.length, Math.ceil((scroll.top + scroll.height) / rowHeight) + spareRows);

  useEffect(() => {
    const element = grid.current!;
    const observer = new ResizeObserver(() => setScroll({ top: element.scrollTop, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  // A selection made elsewhere is scrolled to.
  useEffect(() => {
    if (grid.current!.contains(document.activeElement)) return;
    const index = rows.findIndex(({ name }) => name === view.selected[0]);
    const top = index * rowHeight;
    const { scrollTop, clientHeight } = grid.current!;
    if (index >= 0 && (top < scrollTop || top > scrollTop + clientHeight - 3 * rowHeight)) grid.current!.scrollTop = top - clientHeight / 2;
  }, [view.selected, rows]);

  const goTo = (row: number, column: number) => {
    setCell({ row, column });
    const top = (row - 1) * rowHeight;
    const { scrollTop, clientHeight } = grid.current!;
    if (top < scrollTop) grid.current!.scrollTop = Math.max(0, top);
    else if (top > scrollTop + clientHeight - 2 * rowHeight - 12) grid.current!.scrollTop = top - clientHeight + 2 * rowHeight + 12;
    requestAnimationFrame(() => grid.current?.querySelector<HTMLElement>(`[data-cell="${row}:${column}"]`)?.focus());
  };
  const select = (row: number, extend: boolean, add: boolean) => {
    const from = extend ? (anchor.current ?? row) : row;
    if (!extend) anchor.current = row;
    const names = rows.slice(Math.min(from, row) - 1, Math.max(from, row)).map(({ name }) => name);
    selectLayers(names, add);
    const node = nodeOfLayer(rows[row - 1]?.name);
    if (node !== undefined) reveal(node);
  };
  const activate = (row: number, column: number, at: HTMLElement) => {
    const { id, edits } = all[column]!;
    if (row === 0) return setOrder({ column: id, descending: order?.column === id && !order.descending });
    const { name } = rows[row - 1]!;
    if (!edits) return select(row, false, false);
    const { left, bottom } = at.getBoundingClientRect();
    setState({ bitsMenu: { layers: selected.has(name) ? view.selected : [name], which: edits, x: left, y: bottom } });
  };
  const press = (event: KeyboardEvent<HTMLDivElement>) => {
    const next = moveCell(active, event.key, event.ctrlKey || event.metaKey, {
      rows: rows.length + 1,
      columns: all.length,
      page: Math.floor(scroll.height / rowHeight) - 2,
    });
    if (next) {
      goTo(next.row, next.column);
      if (next.row > 0 && event.shiftKey) select(next.row, true, false);
    } else if (event.key === " " && active.row > 0) select(active.row, event.shiftKey, !event.shiftKey);
    else if (event.key === "Enter") activate(active.row, active.column, event.target as HTMLElement);
    else return;
    event.preventDefault();
  };
  const template = {
    gridTemplateColumns: all.map(({ id, numeric }) => (id === "name" ? "minmax(150px, 2fr)" : numeric ? "84px" : "110px")).join(" "),
  };
  const tabIndexOf = (row: number, column: number) => (active.row === row && active.column === column ? 0 : -1);
  const cellProps = (row: number, column: number) => ({
    "data-cell": `${row}:${column}`,
    tabIndex: tabIndexOf(row, column),
    "aria-colindex": column + 1,
    className: all[column]!.numeric ? "cell number" : "cell",
    onClick: (event: MouseEvent<HTMLElement>) => {
      setCell({ row, column });
      if (row === 0 || all[column]!.edits) activate(row, column, event.currentTarget);
      else select(row, event.shiftKey, event.ctrlKey || event.metaKey);
    },
  });
  return (
    <section className="side table" aria-label={l10n.t("Layers")}>
      <input
        type="search"
        id="filter"
        aria-label={l10n.t("Filter layers")}
        placeholder={l10n.t("Filter…")}
        value={filter}
        onChange={({ target }) => setFilter(target.value)}
      />
      <span className="small" role="status">
        {l10n.t("{0} of {1} layers", rows.length, view.model.layers.length)}
      </span>
      {/* biome-ignore lint/a11y/useSemanticElements: the rows in sight alone are no table */}
      <div
        ref={grid}
        role="grid"
        tabIndex={-1}
        className="grid"
        aria-label={l10n.t("Layers")}
        aria-multiselectable="true"
        aria-rowcount={rows.length + 1}
        aria-colcount={all.length}
        onScroll={({ currentTarget }) => setScroll({ top: currentTarget.scrollTop, height: currentTarget.clientHeight })}
        onKeyDown={press}
      >
        {/* biome-ignore lint/a11y/useSemanticElements: as above */}
        <div role="row" aria-rowindex={1} className="row headings" style={template} tabIndex={-1}>
          {all.map((column, index) => (
            // biome-ignore lint/a11y/useSemanticElements: as above
            <div key={column.id} role="columnheader" aria-sort={sortOf(column, order)} {...cellProps(0, index)} tabIndex={tabIndexOf(0, index)}>
              {column.label}
              {order?.column === column.id ? (order.descending ? " ↓" : " ↑") : ""}
            </div>
          ))}
        </div>
        <div role="presentation" className="spacer" style={{ height: rows.length * rowHeight }}>
          {rows.slice(first, last).map((layer, offset) => {
            const row = first + offset + 1;
            return (
              // biome-ignore lint/a11y/useSemanticElements: as above
              <div
                key={layer.name}
                role="row"
                tabIndex={-1}
                aria-rowindex={row + 1}
                aria-selected={selected.has(layer.name)}
                className={selected.has(layer.name) ? "row selected" : "row"}
                style={{ ...template, top: (row - 1) * rowHeight, height: rowHeight }}
              >
                {all.map((column, index) => (
                  <div key={column.id} role={index === 0 ? "rowheader" : "gridcell"} title={column.text(layer)} {...cellProps(row, index)}>
                    {column.edits ? <span className="chip">{column.text(layer)}</span> : column.text(layer)}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
    </section>
  );
}

function sortOf({ id }: Column, order: Order | undefined): "none" | "ascending" | "descending" {
  if (order?.column !== id) return "none";
  return order.descending ? "descending" : "ascending";
}
