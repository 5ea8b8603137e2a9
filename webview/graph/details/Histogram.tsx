import * as l10n from "@vscode/l10n";
import type { LayerDetails } from "../../../src/config/layerDetails.ts";
import { lossText } from "../text.ts";

const size = { width: 320, height: 120 };

/** Weights of a layer, and the values that quantized weights can take. */
export function Histogram({ details: { histogram, grid } }: { details: LayerDetails }) {
  const { from, to, counts } = histogram;
  const most = Math.max(1, ...counts);
  const low = Math.min(from, ...grid);
  const high = Math.max(to, ...grid);
  const span = high - low || 1;
  const x = (value: number) => ((value - low) / span) * size.width;
  const step = (to - from) / counts.length;
  return (
    <figure>
      <figcaption>{l10n.t("Weights and the quantization grid")}</figcaption>
      <svg
        viewBox={`0 0 ${size.width} ${size.height + 18}`}
        role="img"
        aria-label={l10n.t("Histogram of weights from {0} to {1}; the grid has {2} values", lossText(from), lossText(to), grid.length)}
      >
        {counts.map((count, index) => {
          const height = (Math.sqrt(count) / Math.sqrt(most)) * size.height;
          const left = from + index * step;
          return (
            <rect
              key={left}
              className="bar"
              x={x(left)}
              y={size.height - height}
              width={Math.max(0.5, x(left + step) - x(left) - 0.4)}
              height={height}
            />
          );
        })}
        {grid.map((value) => (
          <line key={value} className="gridLine" x1={x(value)} x2={x(value)} y1={0} y2={size.height} />
        ))}
        <text x={0} y={size.height + 14}>
          {lossText(low)}
        </text>
        <text x={size.width} y={size.height + 14} textAnchor="end">
          {lossText(high)}
        </text>
      </svg>
      <p className="small">{l10n.t("Heights are square roots of counts, so that rare weights can be seen.")}</p>
    </figure>
  );
}
