/** @file What the paper says that quantization-aware training costs, for the comparison's table: quoted, not measured here. */

export interface QuotedFigure {
  readonly network: string;
  readonly method: string;
  readonly kind: "QAT" | "PTQ";
  readonly bits: string;
  /** ImageNet top-1, %. */
  readonly top1: number;
  /** Training or calibration images; undefined where the source at hand does not say. */
  readonly images: number | undefined;
  readonly gpuHours: number;
}

export const quotedSource = "Li et al., BRECQ (ICLR 2021), table 4: ImageNet";

/** The rows whose figures could be checked in a digest of the paper; the paper itself has more. */
export const quotedFigures: readonly QuotedFigure[] = [
  { network: "ResNet-18", method: "LSQ", kind: "QAT", bits: "W4A4", top1: 71.1, images: 1_200_000, gpuHours: 100 },
  { network: "ResNet-18", method: "BRECQ", kind: "PTQ", bits: "W4A4", top1: 69.6, images: 1024, gpuHours: 0.4 },
  { network: "MobileNetV2", method: "DSQ", kind: "QAT", bits: "W4A4", top1: 64.8, images: undefined, gpuHours: 192 },
  { network: "MobileNetV2", method: "BRECQ", kind: "PTQ", bits: "W4A4", top1: 66.57, images: 1024, gpuHours: 0.8 },
];
