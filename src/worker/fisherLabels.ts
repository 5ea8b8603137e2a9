/** @file The calibration data's classes, for the loss "fisher". */
import type { Dataset } from "../engine/data/dataset.ts";
import type { Network } from "../engine/graph/prepare.ts";
import { findTaskLoss } from "../engine/reconstruction/fisherGradient.ts";

/** The classes of calibration samples as places in the network's scores; undefined where they are not known, or do not fit the scores. */
export function fisherLabels(network: Network, { labels, rankedFolders }: Dataset, offset: number): Int32Array | undefined {
  const classes = findTaskLoss(network).kind === "classes" ? network.shapes.shapeOf(network.graph.outputs[0]!.name, 1)[1]! : 0;
  // Ranks of folders are classes where there is a folder for each.
  if (!labels || (rankedFolders !== undefined && rankedFolders !== classes - offset)) return undefined;
  const places = labels.map((label) => label + offset);
  return places.every((place) => place < classes) ? places : undefined;
}
