import * as l10n from "@vscode/l10n";
import { useEffect, useState } from "react";
import { ExportMenu } from "./export/ExportMenu.tsx";
import { send } from "./host.ts";
import { metrics } from "./metrics/metric.ts";
import { SearchBox } from "./SearchBox.tsx";
import { compareWith, goToTerminal, measure, showLevel, trace } from "./state/actions.ts";
import { setState } from "./state/store.ts";
import { useShallow } from "./state/useShallow.ts";
import { zoomToFit } from "./viewports.ts";

export function Toolbar() {
  const view = useShallow(({ model, shown, other, comparing, sensitivity, measuring, progress, nodeData, details, colour, panel }) => {
    return { model: model!, shown, other, comparing, sensitivity, measuring, progress, nodeData, details, colour, panel };
  });
  const [other, setOther] = useState("");
  useEffect(() => setOther(view.comparing ? (view.other?.run ?? "fp32") : ""), [view.comparing, view.other]);
  const runs = view.model.runs;
  // Of a network that cannot be prepared, only the operators are known.
  const isPrepared = view.model.unprepared === undefined;
  return (
    <header className="toolbar">
      <SearchBox />
      {isPrepared && <Levels />}
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms */}
      <span role="group" aria-label={l10n.t("Go to")}>
        <button type="button" onClick={zoomToFit}>
          {l10n.t("Fit")}
        </button>
        <button type="button" onClick={() => goToTerminal("input")}>
          {l10n.t("Input")}
        </button>
        <button type="button" onClick={() => goToTerminal("output")}>
          {l10n.t("Output")}
        </button>
        <button type="button" onClick={() => trace("up")}>
          {l10n.t("Upstream")}
        </button>
        <button type="button" onClick={() => trace("down")}>
          {l10n.t("Downstream")}
        </button>
      </span>
      <label>
        {l10n.t("Colour by")}{" "}
        <select id="colour" value={view.colour} onChange={({ target }) => setState({ colour: target.value })}>
          <option value="none">{l10n.t("nothing")}</option>
          {metrics(view, view.shown).map(({ id, label }) => (
            <option key={id} value={id}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <button type="button" onClick={() => send({ type: "choose-node-data" })}>
        {l10n.t("Own values…")}
      </button>
      {isPrepared && (
        <button type="button" onClick={measure}>
          {view.measuring ? l10n.t("Stop measuring") : l10n.t("Compute sensitivity")}
        </button>
      )}
      {view.progress !== undefined && view.measuring && <span role="status">{view.progress}</span>}
      {isPrepared && runs.length > 0 && (
        <label>
          {l10n.t("Run")}{" "}
          <select
            id="run"
            value={view.shown.run ?? ""}
            onChange={({ target }) => send({ type: "show-run", run: target.value || undefined, other: view.other?.run })}
          >
            <option value="">FP32</option>
            {runs.map((run) => (
              <option key={run}>{run}</option>
            ))}
          </select>
        </label>
      )}
      {isPrepared && (
        <label>
          {l10n.t("Compare with")}{" "}
          <select
            id="other"
            value={other}
            onChange={({ target }) => {
              setOther(target.value);
              compareWith(target.value || undefined);
            }}
          >
            <option value="">{l10n.t("nothing")}</option>
            <option value="fp32">FP32</option>
            {runs.map((run) => (
              <option key={run} value={run}>
                {run}
              </option>
            ))}
          </select>
        </label>
      )}
      <ExportMenu />
      {isPrepared && (
        <button type="button" aria-pressed={view.panel === "table"} onClick={() => setState({ panel: view.panel === "table" ? "none" : "table" })}>
          {l10n.t("Table")}
        </button>
      )}
      <button
        type="button"
        aria-pressed={view.panel === "details"}
        onClick={() => setState({ panel: view.panel === "details" ? "none" : "details" })}
      >
        {l10n.t("Details")}
      </button>
      <button type="button" aria-label={l10n.t("Keyboard shortcuts")} onClick={() => setState({ sheet: true })}>
        ?
      </button>
    </header>
  );
}

function Levels() {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms
    <span role="group" aria-label={l10n.t("Levels")}>
      <button type="button" onClick={() => showLevel("stages")}>
        {l10n.t("Stages")}
      </button>
      <button type="button" onClick={() => showLevel("blocks")}>
        {l10n.t("Blocks")}
      </button>
      <button type="button" onClick={() => showLevel("operators")}>
        {l10n.t("Operators")}
      </button>
    </span>
  );
}
