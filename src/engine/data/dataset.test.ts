import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, npzFixture, temporaryFolder } from "../../../test/support/fixtures.ts";
import { calibrationSchema, evaluationSchema, inputSchema } from "../../config/schema.ts";
import { CancelledError, UserError } from "../errors.ts";
import { floatTensor } from "../onnx/tensor.ts";
import { openCalibration, openEvaluation } from "./dataset.ts";
import { writeNpy } from "./npy.ts";

/** All of these are 53x37. */
const good = readFileSync(fixture("images/rgb.png"));
const jpeg = readFileSync(fixture("images/photo.jpg"));
const cutOff = readFileSync(fixture("broken/cutOff.jpg"));
const inputDims = [1, 3, 37, 53];

type CalibrationSettings = { arrays: string; count?: number } | { images: string; count?: number };

function calibrate(folder: string, settings: CalibrationSettings = { images: "." }, seed = 1, dims = inputDims) {
  const calibration = calibrationSchema.parse(settings);
  if ("distill" in calibration) throw new Error("not data on disk");
  return openCalibration({ calibration, input: undefined, inputDims: dims, folder, seed });
}

function evaluation(folder: string, settings: object = {}) {
  return openEvaluation({ evaluation: evaluationSchema.parse({ images: "images", ...settings }), input: undefined, inputDims, folder });
}

async function failure(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

describe("openCalibration with images", () => {
  it("gives preprocessed samples, any of them in any order", async () => {
    const dataset = await calibrate(temporaryFolder({ "a.png": good, "b/c.jpg": jpeg }));
    expect(dataset.count).toBe(2);
    expect(dataset.dims).toEqual(inputDims);
    expect(dataset.labels).toBeUndefined();
    const all = await dataset.read(0, 2);
    const size = 3 * 37 * 53;
    expect(all).toHaveLength(2 * size);
    expect(await dataset.read(1, 1)).toEqual(all.slice(size));
    const pixels = npzFixture("decoded.npz").get("rgb.png")!.data;
    const at = dataset.names.indexOf("a.png") * size;
    expect(all[at + 100]).toBe(Math.fround(pixels[300]! / 255));
    expect(all[at + size - 1]).toBe(Math.fround(pixels.at(-1)! / 255));
  });

  it("draws by the seed", async () => {
    const folder = temporaryFolder(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}.png`, good])));
    const names = async (seed: number) => (await calibrate(folder, { images: ".", count: 5 }, seed)).names;
    expect(await names(1)).toHaveLength(5);
    expect(await names(1)).toEqual(await names(1));
    expect(await names(1)).not.toEqual(await names(2));
  });

  it("skips, counts and names what cannot be read", async () => {
    const broken = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`bad${i}.jpg`, i === 0 ? "text" : cutOff]));
    const dataset = await calibrate(temporaryFolder({ ...broken, "good.png": good }));
    expect(dataset.names).toEqual(["good.png"]);
    expect(dataset.warnings).toHaveLength(1);
    expect(dataset.warnings[0]).toMatch(/^7 of 8 images could not be read and were skipped: bad\d\.jpg \(The .*\), .*, and 2 more\.$/);
  });

  it("refuses a folder with none, or none that can be read", async () => {
    expect((await failure(calibrate(temporaryFolder({ "x.txt": "" })))).message).toBe("The folder has no JPEG, PNG or WebP images.");
    const error = await failure(calibrate(temporaryFolder({ "x.jpg": cutOff, "y.jpg": cutOff })));
    expect(error.message).toMatch(/^None of the 2 images could be read\. The first: The image is damaged/);
    expect(error.place.file).toMatch(/\.jpg$/);
  });

  it("refuses an image of the wrong size: not the image is wrong, but the config", async () => {
    const folder = temporaryFolder({ "a.png": good });
    const calibration = { images: ".", count: 1 };
    const error = await failure(openCalibration({ calibration, input: inputSchema.parse({}), inputDims: [1, 3, 32, 32], folder, seed: 1 }));
    expect(error.toLine()).toMatch(/An image is 53x37, and the model wants 32x32.*a\.png.*"resize"/);
  });

  it.skipIf(process.platform === "win32")("says that links out of the folder were not followed", async () => {
    const outside = temporaryFolder({ "x.png": good });
    const folder = temporaryFolder();
    symlinkSync(join(outside, "x.png"), join(folder, "link.png"));
    expect((await failure(calibrate(folder))).hint).toMatch(/symbolic links/);
    writeFileSync(join(folder, "own.png"), good);
    expect((await calibrate(folder)).warnings[0]).toMatch(/^1 symbolic links/);
  });

  it("reports progress and can be cancelled", async () => {
    const folder = temporaryFolder(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}.png`, good])));
    const seen: number[] = [];
    const controller = new AbortController();
    const open = openCalibration({
      calibration: { images: ".", count: 20 },
      input: undefined,
      inputDims,
      folder,
      seed: 1,
      signal: controller.signal,
      onProgress: (done, total) => {
        expect(total).toBe(20);
        seen.push(done);
        if (done > 8) controller.abort();
      },
    });
    await expect(open).rejects.toBeInstanceOf(CancelledError);
    expect(seen).toEqual([8, 16]);
  });
});

describe("classes of calibration images", () => {
  const folders = { "c/dog/1.png": good, "c/cat/2.png": good, "e/cat/1.png": good, "e/cow/1.png": good, "e/dog/1.png": good };
  const dataset = (files: Record<string, Buffer | string>, evaluation: object) =>
    openCalibration({
      calibration: { images: "c", count: 9 },
      input: undefined,
      inputDims,
      folder: temporaryFolder(files),
      seed: 1,
      classes: evaluationSchema.parse({ images: "e", ...evaluation }),
    });
  const labelled = ({ names, labels }: Awaited<ReturnType<typeof dataset>>) =>
    labels && Object.fromEntries(names.map((name, i) => [name, labels[i]]));

  it("are numbered as the evaluation's folders are", async () => {
    const ranked = await dataset(folders, {});
    expect(labelled(ranked)).toEqual({ "dog/1.png": 2, "cat/2.png": 0 });
    expect(ranked.rankedFolders).toBe(3);
    const listed = await dataset({ ...folders, list: "dog\ncow\ncat" }, { classes: "list" });
    expect(labelled(listed)).toEqual({ "dog/1.png": 0, "cat/2.png": 2 });
    expect(listed.rankedFolders).toBeUndefined();
  });

  it("are not known where one image has none, or the evaluation has no classes", async () => {
    expect(labelled(await dataset({ ...folders, "c/hen/1.png": good }, {}))).toBeUndefined();
    expect(labelled(await dataset({ ...folders, "c/1.png": good }, {}))).toBeUndefined();
    expect(labelled(await dataset(folders, { labels: "none" }))).toBeUndefined();
  });

  it("come from a list where that is of the same folder", async () => {
    const list = { ...folders, list: "dog/1.png 7\ncat/2.png 0" };
    expect(labelled(await dataset(list, { images: "c", labels: "list" }))).toEqual({ "dog/1.png": 7, "cat/2.png": 0 });
    expect(labelled(await dataset(list, { labels: "list" }))).toBeUndefined();
  });
});

describe("openCalibration with arrays", () => {
  const values = Float32Array.from({ length: 5 * 4 }, (_, i) => i);
  const samples = (dims: number[]) => writeNpy(floatTensor(values, dims));
  const dims = [1, 1, 2, 2];

  it("draws samples of the model's shape", async () => {
    const dataset = await calibrate(temporaryFolder({ "x.npy": samples([5, 1, 2, 2]) }), { arrays: "x.npy", count: 3 }, 1, dims);
    expect(dataset.count).toBe(3);
    expect(dataset.dims).toEqual(dims);
    const data = await dataset.read(0, 3);
    dataset.names.forEach((name, i) => {
      const first = 4 * Number(name);
      expect(Array.from(data.subarray(4 * i, 4 * i + 4))).toEqual([first, first + 1, first + 2, first + 3]);
    });
    expect(await dataset.read(2, 1)).toEqual(data.slice(8));
  });

  it.each([
    ["another shape", samples([5, 4]), /shape \[5, 4\], and samples for the model have \[n, 1, 2, 2\]/],
    ["no samples", writeNpy(floatTensor([], [0, 1, 2, 2])), /shape \[0, 1, 2, 2\]/],
    ["a scalar", writeNpy(floatTensor([1], [])), /shape \[\]/],
    ["a value that is not finite", writeNpy(floatTensor([1, 2, 3, 4, 5, NaN, 7, 8], [2, 1, 2, 2])), /not finite \(NaN\) in sample 1/],
    ["no array", Buffer.from("text"), /not a \.npy array/],
    ["many arrays", readFileSync(fixture("arrays.npz")), /holds 23 arrays \(u1, u2, .*not clear/],
  ])("refuses %s", async (_, content, message) => {
    const error = await failure(calibrate(temporaryFolder({ x: content }), { arrays: "x" }, 1, dims));
    expect(error.message).toMatch(message);
    expect(error.place.file).toMatch(/x$/);
  });

  it("explains a missing file", async () => {
    expect((await failure(calibrate(temporaryFolder(), { arrays: "none.npy" }))).message).toBe("The file does not exist.");
  });
});

describe("openEvaluation", () => {
  const folders = { "images/dog/1.png": good, "images/cat/2.png": good, "images/cat/1.png": good, "images/Zebra/x/y.png": good };

  it("numbers folders in the order of their names", async () => {
    const dataset = await evaluation(temporaryFolder({ ...folders, "images/empty/note.txt": "" }));
    expect(dataset.names).toEqual(["Zebra/x/y.png", "cat/1.png", "cat/2.png", "dog/1.png"]);
    expect(Array.from(dataset.labels!)).toEqual([0, 1, 1, 2]);
    expect(dataset.rankedFolders).toBe(4);
  });

  it("keeps the classes where images are left out", async () => {
    const folder = temporaryFolder({ ...folders, "images/cat/1.png": cutOff });
    const dataset = await evaluation(folder, { count: 3 });
    expect(dataset.names).toEqual(["Zebra/x/y.png", "cat/2.png"]);
    expect(Array.from(dataset.labels!)).toEqual([0, 1]);
    expect(dataset.warnings).toHaveLength(1);
  });

  it("numbers folders by a file of classes", async () => {
    const dataset = await evaluation(temporaryFolder({ ...folders, "list.txt": "\ufeffdog\r\ncow\r\ncat\r\nZebra\r\n" }), { classes: "list.txt" });
    expect(Array.from(dataset.labels!)).toEqual([3, 2, 2, 0]);
    expect(dataset.rankedFolders).toBeUndefined();
  });

  it("refuses folders that are not listed, double lines, and images in no folder", async () => {
    const unlisted = await failure(evaluation(temporaryFolder({ ...folders, list: "dog\ncat" }), { classes: "list" }));
    expect(unlisted.message).toBe('The folder "Zebra" is not in the list of classes.');
    const twice = await failure(evaluation(temporaryFolder({ ...folders, list: "dog\ncat\ndog" }), { classes: "list" }));
    expect(twice.place.line).toBe(3);
    const loose = await failure(evaluation(temporaryFolder({ ...folders, "images/loose.png": good })));
    expect(loose.message).toBe('The image "loose.png" lies outside of the class folders.');
  });

  it("reads a list of paths and classes", async () => {
    const list = "dog/1.png 7\n\ncat/2.png\t0\r\n./cat/my photo 3.png   12\nnone.png 1\n";
    const folder = temporaryFolder({ ...folders, "images/cat/my photo 3.png": good, "list.txt": list });
    const dataset = await evaluation(folder, { labels: "list.txt" });
    expect(dataset.names).toEqual(["cat/2.png", "cat/my photo 3.png", "dog/1.png"]);
    expect(Array.from(dataset.labels!)).toEqual([0, 12, 7]);
    expect(dataset.warnings[0]).toBe("1 of 4 images could not be read and were skipped: none.png (The file does not exist).");
  });

  it.each([
    ["dog/1.png", /not of the form "path index"/],
    ["dog/1.png one", /not of the form/],
    ["dog/1.png -1", /not of the form/],
    ["dog/1.png 99999999999", /not of the form/],
    ["../outside.png 1", /leads out of the folder/],
    ["dog/../../outside.png 1", /leads out of the folder/],
    ["/etc/passwd 1", /leads out of the folder/],
    ["link.png 1", /leads out of the folder/],
    ["cat/1.png 1", /listed twice/],
  ])("refuses the line %s", async (line, message) => {
    const folder = temporaryFolder({ ...folders, "outside.png": good, "list.txt": `cat/1.png 1\n${line}\n` });
    if (line.startsWith("link")) {
      if (process.platform === "win32") return;
      symlinkSync("../outside.png", join(folder, "images/link.png"));
    }
    const error = await failure(evaluation(folder, { labels: "list.txt" }));
    expect(error.message).toMatch(message);
    expect(error.place).toEqual({ file: join(folder, "list.txt"), line: 2 });
  });

  it("reads boxes of YOLO label files, in pixels of each image", async () => {
    const labels = { "labels/cat/1.txt": "3 0.5 0.5 1 1\n0 0.25 0.25 0.5 0.5\n" };
    const dataset = await evaluation(temporaryFolder({ ...folders, ...labels }), { labels: "yolo", boxes: "labels" });
    expect(dataset.labels).toBeUndefined();
    const at = dataset.names.indexOf("cat/1.png");
    const [width, height] = [53, 37];
    expect(dataset.boxes?.[at]).toEqual([
      { class: 3, left: 0, right: width, top: 0, bottom: height },
      { class: 0, left: 0, right: width / 2, top: 0, bottom: height / 2 },
    ]);
    expect(dataset.boxes?.filter((_, i) => i !== at).flat()).toEqual([]);
  });

  it.each([
    ["0 0.5 0.5 1", /is not a box/],
    ["0 0.5 0.5 1 x", /is not a box/],
    ["-1 0.5 0.5 1 1", /is not a box/],
    ["0 50 50 10 10", /in shares of the image/],
  ])("refuses the label line %s", async (line, message) => {
    const folder = temporaryFolder({ ...folders, "labels/cat/1.txt": `0 0.5 0.5 1 1\n${line}` });
    const error = await failure(evaluation(folder, { labels: "yolo", boxes: "labels" }));
    expect(error.message).toMatch(message);
    expect(error.place).toEqual({ file: join(folder, "labels/cat/1.txt"), line: 2 });
  });

  it("asks for the folder of boxes, and for label files in it", async () => {
    const folder = temporaryFolder({ ...folders, "labels/other.txt": "" });
    expect((await failure(evaluation(folder, { labels: "yolo" }))).message).toMatch(/where the boxes are/);
    const error = await failure(evaluation(folder, { labels: "yolo", boxes: "labels" }));
    expect(error.message).toBe("No image has a label file in the folder of boxes.");
    expect((await failure(evaluation(folder, { labels: "yolo", boxes: "missing" }))).place.file).toBe(join(folder, "missing"));
  });

  it("asks for a mask of each image", async () => {
    const folder = temporaryFolder({ ...folders, "masks/cat/1.png": good });
    expect((await failure(evaluation(folder, { labels: "masks", masks: "masks" }))).message).toMatch(/has no mask/);
  });

  it("takes unlabelled images", async () => {
    const dataset = await evaluation(temporaryFolder(folders), { labels: "none" });
    expect([dataset.labels, dataset.boxes, dataset.readMask, dataset.readTarget]).toEqual([undefined, undefined, undefined, undefined]);
  });
});
