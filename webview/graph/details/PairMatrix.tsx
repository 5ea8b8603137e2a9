import * as l10n from "@vscode/l10n";
import { useState } from "react";
import type { Sensitivity } from "../../../src/config/sensitivity.ts";
import type { ShownRun } from "../../../src/protocol/graphView.ts";
import { paint, scaleOf } from "../colour/scale.ts";
import { lossText } from "../text.ts";
import { pairLoss } from "./pairs.ts";

interface PairMatrixProps {
  block: string;
  layers: readonly string[];
  sensitivity: Sensitivity;
  bits: ShownRun["bits"];
}

/** What pairs of layers in a block cost together, beyond what each costs alone; on the diagonal each alone. */
export function PairMatrix({ block, layers, sensitivity }: PairMatrixProps) {
  const [bits, setBits] = useState(sensitivity.candidates[0] ?? 2);
  const values = layers.map((row) => layers.map((column) => pairLoss(sensitivity, row, column, bits)));
  const scale = scaleOf(
    values.flat().filter((value) => value !== undefined),
    false,
  );
  return (
    <div className="matrix">
      <table>
        <caption>{l10n.t("Sensitivity inside the block {0}: each layer on the diagonal, what pairs cost on top elsewhere", block)}</caption>
        <thead>
          <tr>
            <td />
            {layers.map((layer, index) => (
              <th key={layer} scope="col" title={layer}>
                <span className="hidden">{layer}</span>
                <span aria-hidden="true">{index + 1}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {layers.map((layer, row) => (
            <tr key={layer}>
              <th scope="row" title={layer}>
                {row + 1} {layer}
              </th>
              {values[row]!.map((value, column) => (
                <td key={layers[column]} style={value === undefined || !scale ? undefined : paint(value, scale)}>
                  {value === undefined ? "–" : lossText(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <label>
        {l10n.t("At bits")}{" "}
        <select value={bits} onChange={({ target }) => setBits(Number(target.value))}>
          {sensitivity.candidates.map((candidate) => (
            <option key={candidate}>{candidate}</option>
          ))}
        </select>
      </label>
    </div>
  );
}
