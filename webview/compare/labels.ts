/** @file Names of the comparison's figures in the display language; what is not listed is a metric's name, which is the same in all. */
import * as l10n from "@vscode/l10n";

export function figureLabel(label: string): string {
  switch (label) {
    case "Weights":
      return l10n.t("Weights");
    case "Activations":
      return l10n.t("Activations");
    case "Method":
      return l10n.t("Method");
    case "Agreement with FP32":
      return l10n.t("Agreement with FP32");
    case "SQNR of the outputs":
      return l10n.t("SQNR of the outputs");
    case "PSNR to FP32":
      return l10n.t("PSNR to FP32");
    case "Images":
      return l10n.t("Images");
    case "Size":
      return l10n.t("Size");
    case "Size of FP32":
      return l10n.t("Size of FP32");
    case "Average bits of weights":
      return l10n.t("Average bits of weights");
    case "Time":
      return l10n.t("Time");
    case "Peak memory":
      return l10n.t("Peak memory");
    case "Seed":
      return l10n.t("Seed");
    default:
      return label;
  }
}
