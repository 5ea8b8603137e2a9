import * as l10n from "@vscode/l10n";
import { useEffect, useState } from "react";
import { send } from "./host.ts";
import { goTo } from "./state/actions.ts";
import { setState, useView } from "./state/store.ts";

const pause = 120;

/** Finds names, operators and shapes. Enter goes to what is found and selects it, again and again to the next; Shift+Enter to the previous. */
export function SearchBox() {
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  /** Whether the active hit is the one that is selected; before, the list is there to choose from. */
  const [isThere, setIsThere] = useState(false);
  const found = useView((state) => state.found);
  useEffect(() => {
    setActive(0);
    setIsThere(false);
    if (query.trim() === "") {
      setState({ found: undefined });
      return;
    }
    const timer = setTimeout(() => send({ type: "find", query }), pause);
    return () => clearTimeout(timer);
  }, [query]);
  const isAnswered = query.trim() !== "" && found?.query === query;
  const hits = isAnswered ? found.hits : [];
  const isOpen = isAnswered && !isThere;
  const choose = (index: number) => {
    const hit = hits[index];
    if (!hit) return;
    setActive(index);
    setIsThere(true);
    goTo(hit);
  };
  const step = (by: number) => choose(isThere ? (active + by + hits.length) % hits.length : active);
  const point = (index: number) => {
    setIsThere(false);
    setActive(Math.max(0, Math.min(hits.length - 1, index)));
  };
  const leave = () => {
    setQuery("");
    document.querySelector<HTMLElement>(".pane")?.focus();
  };
  return (
    <span className="search">
      <input
        id="search"
        type="text"
        role="combobox"
        aria-expanded={isOpen}
        aria-controls="hits"
        aria-activedescendant={isOpen && hits[active] ? `hit-${active}` : undefined}
        aria-label={l10n.t("Find by name, operator or shape")}
        placeholder={l10n.t("Find…")}
        value={query}
        onChange={({ target }) => setQuery(target.value)}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") point(active + 1);
          else if (event.key === "ArrowUp") point(active - 1);
          else if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
          else if (event.key === "Escape") leave();
          else return;
          event.preventDefault();
        }}
      />
      {isThere && hits.length > 0 && (
        <>
          <span className="place" role="status">
            {l10n.t("{0} of {1}", active + 1, hits.length)}
          </span>
          <button type="button" aria-label={l10n.t("Previous")} title={l10n.t("Previous (Shift+Enter)")} onClick={() => step(-1)}>
            ↑
          </button>
          <button type="button" aria-label={l10n.t("Next")} title={l10n.t("Next (Enter)")} onClick={() => step(1)}>
            ↓
          </button>
        </>
      )}
      <span id="hits" className="popup hits" role="listbox" aria-label={l10n.t("Found")} hidden={!isOpen}>
        {hits.map(({ id, name, op, shape }, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keys
          <span key={id} id={`hit-${index}`} role="option" tabIndex={-1} aria-selected={index === active} onClick={() => choose(index)}>
            <b>{op}</b> {name} <span className="small">{shape}</span>
          </span>
        ))}
        {isOpen && hits.length === 0 && (
          <span role="option" tabIndex={-1} aria-selected={false}>
            {l10n.t("Nothing found")}
          </span>
        )}
      </span>
    </span>
  );
}
