/**
 * @file Average precision of detections as COCO defines it: 101 recall levels, IoU 0.50:0.05:0.95, at most 100 detections
 * a class and image, all sizes. The rules of matching and of equal scores are those of the reference implementation,
 * pycocotools' COCOeval (Lin et al., "Microsoft COCO", 2014, and cocodataset.org/#detection-eval).
 */
import { boxArea, boxOverlap, type Detection, intersection, type TrueBox } from "../data/box.ts";

/** What is true of an image, and what was found in it. */
export interface ImageDetections {
  readonly truth: readonly TrueBox[];
  readonly found: readonly Detection[];
}

/** In percent, as means over the classes that occur in the truth. */
export interface DetectionAccuracy {
  readonly ap50: number;
  /** Mean over the IoU thresholds. */
  readonly map: number;
}

/** As NumPy's `linspace` rounds them, which decides where a recall is exactly at a level. */
const thresholds = Array.from({ length: 10 }, (_, i) => (i === 9 ? 0.95 : 0.5 + i * ((0.95 - 0.5) / 9)));
const recallLevels = Array.from({ length: 101 }, (_, i) => (i === 100 ? 1 : i * 0.01));
const maxDetections = 100;

/** Undefined where there is no true box at all. */
export function averagePrecision(images: readonly ImageDetections[]): DetectionAccuracy | undefined {
  const classes = new Set(images.flatMap(({ truth }) => truth.filter(({ crowd }) => !crowd).map((box) => box.class)));
  if (classes.size === 0) return undefined;
  const sums = thresholds.map(() => 0);
  for (const one of classes) {
    const ofClass = images.map(({ truth, found }) => ({
      truth: truth.filter((box) => box.class === one),
      found: best(found.filter((box) => box.class === one)),
    }));
    for (const [i, threshold] of thresholds.entries()) sums[i]! += classPrecision(ofClass, threshold);
  }
  const means = sums.map((sum) => (100 * sum) / classes.size);
  return { ap50: means[0]!, map: means.reduce((sum, mean) => sum + mean, 0) / means.length };
}

function best(found: readonly Detection[]): Detection[] {
  return found.toSorted(byScore).slice(0, maxDetections);
}

function byScore(a: { readonly score: number }, b: { readonly score: number }): number {
  return b.score - a.score;
}

/** A detection's score, and whether it is a hit; those in crowds are left out. */
interface Outcome {
  readonly score: number;
  readonly hit: boolean;
}

function classPrecision(images: readonly ImageDetections[], threshold: number): number {
  const outcomes = images.flatMap((image) => match(image, threshold)).sort(byScore);
  const positives = images.reduce((sum, { truth }) => sum + truth.filter(({ crowd }) => !crowd).length, 0);
  return interpolatedPrecision(outcomes, positives);
}

/** In order of score, each detection takes the free true box that it overlaps most, the later of equals; crowds come last and stay free. */
function match({ truth, found }: ImageDetections, threshold: number): Outcome[] {
  const single = truth.filter(({ crowd }) => !crowd);
  const crowds = truth.filter(({ crowd }) => crowd);
  const taken = new Set<TrueBox>();
  return found.flatMap((detection) => {
    let least = Math.min(threshold, 1 - 1e-10);
    let chosen: TrueBox | undefined;
    for (const box of single) {
      if (taken.has(box)) continue;
      const overlap = boxOverlap(detection, box);
      if (overlap < least) continue;
      least = overlap;
      chosen = box;
    }
    if (chosen) taken.add(chosen);
    else if (crowds.some((box) => coveredShare(detection, box) >= threshold)) return [];
    return { score: detection.score, hit: chosen !== undefined };
  });
}

/** How much of a detection lies in a crowd's region. */
function coveredShare(detection: Detection, crowd: TrueBox): number {
  const area = boxArea(detection);
  return area > 0 ? intersection(detection, crowd) / area : 0;
}

/** Mean over the recall levels of the best precision at that recall or a higher one; 0 at levels that are not reached. */
function interpolatedPrecision(outcomes: readonly Outcome[], positives: number): number {
  const recall: number[] = [];
  const precision: number[] = [];
  let hits = 0;
  for (const [i, { hit }] of outcomes.entries()) {
    if (hit) hits++;
    recall.push(hits / positives);
    precision.push(hits / (i + 1));
  }
  for (let i = precision.length - 2; i >= 0; i--) precision[i] = Math.max(precision[i]!, precision[i + 1]!);
  let at = 0;
  let sum = 0;
  for (const level of recallLevels) {
    while (at < recall.length && recall[at]! < level) at++;
    sum += precision[at] ?? 0;
  }
  return sum / recallLevels.length;
}
