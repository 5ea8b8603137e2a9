/** @file Rectangles on images. */

/** Corners in pixels of the original image; `right` and `bottom` are where the box ends, so width is right - left. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A box that a data set says is there. */
export interface TrueBox extends Box {
  readonly class: number;
  /** A region of many objects, as COCO's `iscrowd`: detections in it count neither as right nor as wrong. */
  readonly crowd?: boolean;
}

/** A box that a network found. */
export interface Detection extends Box {
  readonly class: number;
  readonly score: number;
}

export function boxArea({ left, top, right, bottom }: Box): number {
  return Math.max(0, right - left) * Math.max(0, bottom - top);
}

/** Area of the intersection over that of the union; 0 where both are empty. */
export function boxOverlap(a: Box, b: Box): number {
  const shared = intersection(a, b);
  return shared > 0 ? shared / (boxArea(a) + boxArea(b) - shared) : 0;
}

/** Area that two boxes share. */
export function intersection(a: Box, b: Box): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}
