import * as l10n from "@vscode/l10n";
import { hex } from "./colour/colourMap.ts";
import { colourAt, valueAt } from "./colour/scale.ts";
import type { HeatMap } from "./metrics/heatMap.ts";
import { aggregateText } from "./metrics/metric.ts";

const shares = Array.from({ length: 24 }, (_, i) => i / 23);

/** The scale of the colours, with values, and what groups show. */
export function Legend({ heat: { metric, scale } }: { heat: HeatMap }) {
  if (!metric) return null;
  return (
    <section className="legend" aria-label={l10n.t("Legend")}>
      <strong>{metric.label}</strong>
      {scale ? (
        <>
          <span className="scale">
            <span className="ramp" aria-hidden="true">
              {shares.map((share) => (
                <span key={share} style={{ background: hex(colourAt(share, scale)) }} />
              ))}
            </span>
            <span className="marks">
              {[0, 0.5, 1].map((share) => (
                <span key={share}>{metric.format(valueAt(share, scale))}</span>
              ))}
            </span>
          </span>
          <span className="small">
            {aggregateText(metric.aggregate)} {scale.logarithmic ? l10n.t("Logarithmic.") : ""}
          </span>
        </>
      ) : (
        <span className="small">{l10n.t("No values yet.")}</span>
      )}
    </section>
  );
}
