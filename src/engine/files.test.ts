import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "./errors.ts";
import { fileError, removeLeftovers, writeFileAtomic, writeFilesAtomic } from "./files.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "brecq-test-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Content that fails part way as the system fails where the disk is full. */
async function* untilFull(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(1000);
  throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("writeFileAtomic", () => {
  it("writes texts, bytes and pieces, over an old file too, and leaves nothing else", async () => {
    const path = join(folder, "ä b.txt");
    await writeFileAtomic(path, "grüße");
    expect(await readFile(path, "utf8")).toBe("grüße");
    await writeFileAtomic(path, Uint8Array.of(1, 2));
    expect([...(await readFile(path))]).toEqual([1, 2]);
    await writeFileAtomic(path, [Uint8Array.of(3), new Uint8Array(0), Uint8Array.of(4, 5)]);
    expect([...(await readFile(path))]).toEqual([3, 4, 5]);
    await writeFileAtomic(path, "");
    expect((await stat(path)).size).toBe(0);
    expect(await readdir(folder)).toEqual(["ä b.txt"]);
  });

  it("keeps the old file and leaves no temporary one where the disk is full", async () => {
    const path = join(folder, "a.bin");
    await writeFile(path, "old");
    const error = await failure(writeFileAtomic(path, untilFull()));
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).toLine()).toBe(`The disk is full. (${path}) Free space, or choose another place.`);
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["a.bin"]);
  });

  it("replaces no file of several before all are written", async () => {
    const [first, second] = [join(folder, "1"), join(folder, "2")];
    await writeFile(first, "old");
    const error = await failure(
      writeFilesAtomic([
        { path: first, content: "new" },
        { path: second, content: untilFull() },
      ]),
    );
    expect((error as UserError).place.file).toBe(second);
    expect(await readFile(first, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["1"]);
  });

  it("says that the folder is missing", async () => {
    const error = (await failure(writeFileAtomic(join(folder, "no", "a.txt"), "x"))) as UserError;
    expect(error.message).toBe(`The folder "${join(folder, "no")}" does not exist.`);
  });

  it("says that a part of the path is a file, or that the path is a folder", async () => {
    await writeFile(join(folder, "f"), "");
    expect(((await failure(writeFileAtomic(join(folder, "f", "a.txt"), "x"))) as UserError).message).toMatch(/is a file, not a folder/);
    await mkdir(join(folder, "d"));
    await writeFile(join(folder, "d", "inside"), "");
    expect(await failure(writeFileAtomic(join(folder, "d"), "x"))).toBeInstanceOf(UserError);
    expect((await readdir(folder)).sort()).toEqual(["d", "f"]);
  });

  it.skipIf(process.getuid?.() === 0 || process.platform === "win32")("says that permission is missing (not as root)", async () => {
    await chmod(folder, 0o500);
    const error = (await failure(writeFileAtomic(join(folder, "a.txt"), "x"))) as UserError;
    await chmod(folder, 0o700);
    expect(error.message).toBe("You have no permission to write the file.");
  });

  it("passes on errors that are not of the file system", async () => {
    const defect = new TypeError("defect");
    const content = (function* (): Generator<Uint8Array> {
      yield Uint8Array.of(1);
      throw defect;
    })();
    expect(await failure(writeFileAtomic(join(folder, "a"), content))).toBe(defect);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("removeLeftovers", () => {
  it("removes what a killed process left, and nothing else", async () => {
    const kept = ["model.onnx", ".hidden", "a.tmp", ".model.onnx.12.abc.tmp", "activations.tmp"];
    for (const name of [...kept, ".model.onnx.4711.0123456789ab.tmp", "activations-4711-3.tmp"]) await writeFile(join(folder, name), "");
    await removeLeftovers(folder);
    expect((await readdir(folder)).sort()).toEqual(kept.sort());
  });

  it("knows the names that writeFileAtomic gives", async () => {
    const seen: string[] = [];
    const content = (async function* () {
      yield Uint8Array.of(1);
      seen.push(...(await readdir(folder)));
      await removeLeftovers(folder);
      seen.push(...(await readdir(folder)));
    })();
    await failure(writeFileAtomic(join(folder, "model.onnx"), content));
    expect(seen).toEqual([expect.stringMatching(/^\.model\.onnx\..*tmp$/)]);
  });
});

it.each([
  ["EACCES", "You have no permission to read the file."],
  ["EROFS", "The disk is read-only."],
  ["EMFILE", "Too many files are open."],
  ["EIO", "The disk reported an error."],
  ["EFBIG", "The file would be larger than this system allows."],
  ["EXDEV", "Cannot read the file: EXDEV."],
])("explains %s", (code, message) => {
  const error = fileError(Object.assign(new Error(code), { code, syscall: "open" }), "read", "/x") as UserError;
  expect(error).toBeInstanceOf(UserError);
  expect(error.message).toBe(message);
  expect(error.place.file).toBe("/x");
});
