import * as l10n from "@vscode/l10n";
import { ReactFlowProvider } from "@xyflow/react";
import { useMemo } from "react";
import { BitsMenu } from "./bits/BitsMenu.tsx";
import { DetailsPanel } from "./details/DetailsPanel.tsx";
import { GraphPane } from "./GraphPane.tsx";
import { ShortcutSheet } from "./keyboard/ShortcutSheet.tsx";
import { Legend } from "./Legend.tsx";
import { useHeat } from "./metrics/useHeat.ts";
import { StatusLine } from "./StatusLine.tsx";
import { fp32Run } from "./state/state.ts";
import { useShallow } from "./state/useShallow.ts";
import { Toolbar } from "./Toolbar.tsx";
import { LayerTable } from "./table/LayerTable.tsx";

export function App() {
  const view = useShallow(({ model, drawing, shown, other, comparing, panel, failed, focused }) => {
    return { model, isDrawn: drawing !== undefined, shown, other: other ?? fp32Run, comparing, panel, failed, focused };
  });
  const { model, isDrawn, shown, other, comparing, panel } = view;
  const heat = useHeat();
  const compared = useMemo(() => (comparing ? ([shown, other] as const) : undefined), [comparing, shown, other]);
  if (!model || !isDrawn) return <p role="status">{view.failed ?? l10n.t("Reading the network …")}</p>;
  return (
    <>
      <h1 className="hidden">{l10n.t("Network of {0}", model.name)}</h1>
      <Toolbar />
      {model.unprepared !== undefined && (
        <p className="warnings" role="alert">
          {l10n.t(
            "Only the operators of the file are shown: blocks, bits and sensitivity are missing because the network cannot be prepared for quantization. {0}",
            model.unprepared,
          )}
        </p>
      )}
      {model.warnings && model.warnings.length > 0 && (
        <ul className="warnings" aria-label={l10n.t("Warnings")}>
          {model.warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      )}
      <div className="main">
        <div className="network">
          <div className="panes">
            {[shown, ...(comparing ? [other] : [])].map((run, pane) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a pane is its place
              <ReactFlowProvider key={pane}>
                <GraphPane pane={pane} run={run} compared={compared} heat={heat.panes[pane]!} />
              </ReactFlowProvider>
            ))}
          </div>
          <Legend heat={heat} />
        </div>
        {panel === "table" && model.unprepared === undefined && <LayerTable />}
        {panel === "details" && <DetailsPanel />}
      </div>
      {model.unprepared === undefined && <StatusLine />}
      <BitsMenu />
      <ShortcutSheet />
    </>
  );
}
