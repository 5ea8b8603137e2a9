import * as l10n from "@vscode/l10n";
import { useEffect, useState } from "react";
import { send } from "./host.ts";
import { reveal } from "./state/actions.ts";
import { setState, useView } from "./state/store.ts";

const pause = 120;

/** Finds names, operators and shapes; the arrow keys and Enter choose. */
export function SearchBox() {
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const found = useView((state) => state.found);
  useEffect(() => {
    setActive(0);
    if (query.trim() === "") {
      setState({ found: undefined });
      return;
    }
    const timer = setTimeout(() => send({ type: "find", query }), pause);
    return () => clearTimeout(timer);
  }, [query]);
  const hits = found?.hits ?? [];
  const isOpen = query.trim() !== "" && found?.query === query;
  const choose = (id: string | undefined) => {
    if (id === undefined) return;
    reveal(id);
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
          if (event.key === "ArrowDown") setActive(Math.min(hits.length - 1, active + 1));
          else if (event.key === "ArrowUp") setActive(Math.max(0, active - 1));
          else if (event.key === "Enter") choose(hits[active]?.id);
          else if (event.key === "Escape") setQuery("");
          else return;
          event.preventDefault();
        }}
      />
      <span id="hits" className="popup hits" role="listbox" aria-label={l10n.t("Found")} hidden={!isOpen}>
        {hits.map(({ id, name, op, shape }, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keys
          <span key={id} id={`hit-${index}`} role="option" tabIndex={-1} aria-selected={index === active} onClick={() => choose(id)}>
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
