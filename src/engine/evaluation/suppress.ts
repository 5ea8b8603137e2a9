/** @file Non-maximum suppression. */
import { boxOverlap, type Detection } from "../data/box.ts";

/**
 * Leaves out each detection that overlaps a better one of its class by more than `maxOverlap` (IoU).
 * @returns the others, best first
 */
export function suppressOverlaps(detections: readonly Detection[], maxOverlap: number): Detection[] {
  const kept = new Map<number, Detection[]>();
  const all: Detection[] = [];
  for (const detection of detections.toSorted((a, b) => b.score - a.score)) {
    const better = kept.get(detection.class) ?? [];
    if (better.some((other) => boxOverlap(other, detection) > maxOverlap)) continue;
    better.push(detection);
    kept.set(detection.class, better);
    all.push(detection);
  }
  return all;
}
