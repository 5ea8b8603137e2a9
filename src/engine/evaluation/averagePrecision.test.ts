import { describe, expect, it } from "vitest";
import type { Detection, TrueBox } from "../data/box.ts";
import { averagePrecision, type ImageDetections } from "./averagePrecision.ts";

function box(left: number, top: number, width = 10, height = 10) {
  return { left, top, right: left + width, bottom: top + height };
}

function truth(left: number, top: number, one = 0, crowd = false): TrueBox {
  return { ...box(left, top), class: one, crowd };
}

function found(left: number, top: number, score: number, one = 0): Detection {
  return { ...box(left, top), class: one, score };
}

describe("averagePrecision", () => {
  it("is whole where everything is found exactly, and nothing where nothing is", () => {
    const images: ImageDetections[] = [{ truth: [truth(0, 0), truth(50, 50, 2)], found: [found(0, 0, 0.9), found(50, 50, 0.8, 2)] }];
    expect(averagePrecision(images)).toEqual({ ap50: 100, map: 100 });
    expect(averagePrecision([{ truth: images[0]!.truth, found: [] }])).toEqual({ ap50: 0, map: 0 });
    expect(averagePrecision([{ truth: [], found: images[0]!.found }])).toBeUndefined();
  });

  it("interpolates at 101 levels of recall", () => {
    // In order of score: hit, miss, hit; of three true boxes. Precision is 1 up to recall 1/3 (34 levels), 2/3 up to 2/3 (33 levels), then 0.
    const images = [{ truth: [truth(0, 0), truth(50, 50), truth(90, 90)], found: [found(0, 0, 0.9), found(200, 200, 0.8), found(50, 50, 0.7)] }];
    expect(averagePrecision(images)?.ap50).toBeCloseTo((100 * (34 + (33 * 2) / 3)) / 101, 10);
  });

  it("counts a box once, and takes it at thresholds up to its overlap", () => {
    // Shifted by 2 of 10: IoU 8 / 12 = 0.667, enough for 0.50, 0.55, 0.60 and 0.65.
    const shifted = averagePrecision([{ truth: [truth(0, 0)], found: [found(2, 0, 0.9)] }]);
    expect(shifted?.ap50).toBeCloseTo(100, 10);
    expect(shifted?.map).toBeCloseTo(40, 10);
    // The second detection of the same box is a miss, behind full recall: it costs nothing; before the hit it halves precision.
    expect(averagePrecision([{ truth: [truth(0, 0)], found: [found(0, 0, 0.9), found(0, 0, 0.8)] }])?.ap50).toBe(100);
    expect(averagePrecision([{ truth: [truth(0, 0)], found: [found(30, 0, 0.9), found(0, 0, 0.8)] }])?.ap50).toBeCloseTo(50, 10);
  });

  it("leaves out detections in crowds, which are not to be found", () => {
    const images = [{ truth: [truth(0, 0), truth(50, 50, 0, true)], found: [found(50.5, 50, 0.99), found(50, 50, 0.95), found(0, 0, 0.9)] }];
    expect(averagePrecision(images)).toEqual({ ap50: 100, map: 100 });
  });

  it("keeps images apart and averages over the classes in the truth", () => {
    const images = [
      { truth: [truth(0, 0, 0)], found: [found(0, 0, 0.5, 1), found(0, 0, 0.5, 7)] },
      { truth: [truth(0, 0, 1)], found: [found(0, 0, 0.4, 1)] },
    ];
    // Class 0 is not found; class 1 is wrong in the first image and right in the second.
    expect(averagePrecision(images)?.ap50).toBeCloseTo((0 + 50) / 2, 10);
  });

  it("equals pycocotools 2.0.11 on random boxes with equal scores, crowds, and over 100 detections of a class", () => {
    expect(averagePrecision(randomImages())).toEqual({ map: expect.closeTo(36.24819327757581, 8), ap50: expect.closeTo(59.6641167970342, 8) });
  });
});

/** 12 images with 8 true boxes each; the minimal standard generator makes them the same in any language. */
function randomImages(): ImageDetections[] {
  let state = 42;
  const random = () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
  return Array.from({ length: 12 }, (_, image) => {
    const all: TrueBox[] = [];
    const detections: Detection[] = [];
    for (let k = 0; k < 8; k++) {
      const [left, top, width, height] = [random() * 120, random() * 120, 10 + random() * 60, 10 + random() * 60];
      const one = Math.floor(random() * 3);
      all.push({ ...box(left, top, width, height), class: one, crowd: random() < 0.1 });
      for (let r = 0; r < 2; r++) {
        const spread = random() * 0.4;
        const moved = [left + (random() - 0.5) * width * spread, top + (random() - 0.5) * height * spread] as const;
        const size = [width * (1 + (random() - 0.5) * spread), height * (1 + (random() - 0.5) * spread)] as const;
        const guess = random() < 0.85 ? one : Math.floor(random() * 3);
        detections.push({ ...box(...moved, ...size), class: guess, score: Math.floor(random() * 20) / 20 });
      }
    }
    for (let k = 0; k < (image === 0 ? 130 : 0); k++) {
      const corner = [random() * 100, random() * 100] as const;
      detections.push({ ...box(...corner, 40, 40), class: 0, score: 0.97 * random() });
    }
    return { truth: all, found: detections };
  });
}
