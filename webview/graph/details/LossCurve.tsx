import * as l10n from "@vscode/l10n";
import type { BlockResult } from "../../../src/config/result.ts";
import { lossText } from "../text.ts";

const size = { width: 320, height: 110 };

/** Loss of a block while it was trained, on a logarithmic scale. */
export function LossCurve({ block: { name, curve } }: { block: BlockResult }) {
  const points = curve.filter(({ loss }) => loss > 0);
  if (points.length < 2) return <p className="small">{l10n.t("There is no loss curve for this block.")}</p>;
  const losses = points.map(({ loss }) => Math.log(loss));
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const last = points.at(-1)!;
  const first = points[0]!;
  const x = (step: number) => ((step - first.step) / (last.step - first.step || 1)) * size.width;
  const y = (loss: number) => (1 - (Math.log(loss) - low) / (high - low || 1)) * size.height;
  return (
    <svg
      viewBox={`0 -4 ${size.width} ${size.height + 24}`}
      role="img"
      aria-label={l10n.t("Loss curve of the block {0}, from {1} to {2} in {3} steps", name, lossText(first.loss), lossText(last.loss), last.step)}
    >
      <polyline className="curve" points={points.map(({ step, loss }) => `${x(step)},${y(loss)}`).join(" ")} />
      <text x={0} y={size.height + 16}>
        {lossText(Math.exp(low))} – {lossText(Math.exp(high))}
      </text>
      <text x={size.width} y={size.height + 16} textAnchor="end">
        {l10n.t("{0} steps", last.step)}
      </text>
    </svg>
  );
}
