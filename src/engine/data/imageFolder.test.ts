import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../../test/support/fixtures.ts";
import { compareCodePoints, drawSample, listImages } from "./imageFolder.ts";

describe("listImages", () => {
  it("finds images by their names at every depth, in the order of code points", async () => {
    const folder = temporaryFolder({
      "b/1.jpg": "",
      "b/10.JPEG": "",
      "b/2.png": "",
      "B.webp": "",
      "a-b/c/x.jpg": "",
      "a/x.jpg": "",
      "\u{1f600}.png": "",
      "\uff21.png": "",
      "é.png": "",
      "notes.txt": "",
      "a/model.onnx": "",
      ".hidden/x.jpg": "",
      "a/._x.jpg": "",
    });
    mkdirSync(join(folder, "folder.jpg"));
    const { files, outsideLinks } = await listImages(folder);
    expect(files).toEqual(["B.webp", "a-b/c/x.jpg", "a/x.jpg", "b/1.jpg", "b/10.JPEG", "b/2.png", "é.png", "\uff21.png", "\u{1f600}.png"]);
    expect(outsideLinks).toBe(0);
  });

  it.skipIf(process.platform === "win32")("follows links to files inside, and no others", async () => {
    const outside = temporaryFolder({ "secret.jpg": "", "deep/x.jpg": "" });
    const folder = temporaryFolder({ "all/1.jpg": "", "notes.txt": "" });
    mkdirSync(join(folder, "cat"));
    symlinkSync("../all/1.jpg", join(folder, "cat/1.jpg"));
    symlinkSync(join(outside, "secret.jpg"), join(folder, "stolen.jpg"));
    symlinkSync(outside, join(folder, "elsewhere"));
    symlinkSync("..", join(folder, "all/parent"));
    symlinkSync("missing.jpg", join(folder, "broken.jpg"));
    symlinkSync("notes.txt", join(folder, "text.jpg"));
    const { files, outsideLinks } = await listImages(folder);
    expect(files).toEqual(["all/1.jpg", "cat/1.jpg", "text.jpg"]);
    expect(outsideLinks).toBe(2);
    symlinkSync(folder, join(outside, "link"));
    expect((await listImages(join(outside, "link"))).files).toEqual(files);
  });

  it("explains a missing folder and a file in its place", async () => {
    const folder = temporaryFolder({ file: "" });
    await expect(listImages(join(folder, "none"))).rejects.toThrow("The folder of images does not exist.");
    await expect(listImages(join(folder, "file"))).rejects.toThrow("not a folder");
  });
});

describe("compareCodePoints", () => {
  it("puts characters beyond U+FFFF last, as sorting by UTF-8 does", () => {
    const names = ["\u{1f600}", "\uffee", "z", "a", "ab", "", "a/b", "a-b", "é", "\u{10000}b", "\u{10000}a"];
    expect(names.toSorted(compareCodePoints)).toEqual(names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  });
});

describe("drawSample", () => {
  const files = Array.from({ length: 100 }, (_, i) => `${i}.jpg`);

  it("depends on the seed alone", () => {
    expect(drawSample(files, 10, 7)).toEqual(drawSample(files, 10, 7));
    expect(drawSample(files, 10, 7)).not.toEqual(drawSample(files, 10, 8));
    expect(drawSample(files, 10, 7)).toEqual(drawSample(files, 20, 7).slice(0, 10));
  });

  it("draws each file once, and all where there are no more", () => {
    expect(new Set(drawSample(files, 60, 1)).size).toBe(60);
    expect(drawSample(files, 1000, 1).toSorted()).toEqual(files.toSorted());
  });
});
