import * as l10n from "@vscode/l10n";
import { useMemo } from "react";
import { formatByteSize } from "../../src/config/byteSize.ts";
import { estimate } from "./bits/estimate.ts";
import { send } from "./host.ts";
import { useShallow } from "./state/useShallow.ts";
import { countText, lossText } from "./text.ts";

/** What the bits that are set make together; it changes with every edit. */
export function StatusLine() {
  const { model, shown, sensitivity, failed, selected } = useShallow(({ model, shown, sensitivity, failed, selected }) => {
    return { model: model!, shown, sensitivity, failed, selected };
  });
  const { native, portable, fp32, averageBits, bitOperations, loss, unknown } = useMemo(
    () => estimate(model.layers, shown.bits, sensitivity),
    [model, shown, sensitivity],
  );
  const lossPart =
    loss === undefined
      ? l10n.t("not measured")
      : unknown === 0
        ? lossText(loss)
        : unknown === 1
          ? l10n.t("{0} and 1 unknown layer", lossText(loss))
          : l10n.t("{0} and {1} unknown layers", lossText(loss), unknown);
  return (
    <footer className="status">
      <span role="status">
        {[
          l10n.t("Weights {0} native, {1} portable, of {2}", formatByteSize(native), formatByteSize(portable), formatByteSize(fp32)),
          l10n.t("Average {0} bits", averageBits.toFixed(2)),
          l10n.t("Bit-operations {0}", countText(bitOperations)),
          l10n.t("Predicted loss {0}", lossPart),
          l10n.t("{0} selected", selected.length),
        ].join(" · ")}
      </span>
      {model.config === undefined && (
        <button type="button" onClick={() => send({ type: "create-config" })}>
          {l10n.t("Create a config to set bits")}
        </button>
      )}
      {failed !== undefined && (
        <span className="failed" role="alert">
          {failed}
        </span>
      )}
    </footer>
  );
}
