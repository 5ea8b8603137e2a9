import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fixture } from "../../../test/support/fixtures.ts";
import { UserError } from "../errors.ts";
import { floatTensor } from "../onnx/tensor.ts";
import { readNpy, writeNpy } from "./npy.ts";
import { readZip } from "./zip.ts";

const archive = readFileSync(fixture("arrays.npz"));
const entries = new Map(readZip(archive).map((entry) => [entry.name, entry]));
const array = (name: string) => readNpy(entries.get(`${name}.npy`)!.unpack());
const numbers = Array.from({ length: 24 }, (_, i) => 5 * i);

/** A .npy file with this header text. */
function npy(header: string, data: number): Uint8Array {
  const bytes = new Uint8Array(10 + header.length + data);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length % 256, header.length >> 8]);
  bytes.set(Buffer.from(header, "latin1"), 10);
  return bytes;
}

describe("readNpy", () => {
  it.each(["u1", "u2", "u4", "u8", "f2", "f4", "f8"])("reads %s as NumPy writes it", (name) => {
    expect(array(name)).toEqual(floatTensor(numbers, [2, 3, 4]));
  });

  it.each(["i1", "i2", "i4", "i8", ">i2", ">i4", ">i8"])("reads negative numbers of %s", (name) => {
    expect(Array.from(array(name).data)).toEqual(numbers.map((n) => n - 60));
  });

  it.each([">f2", ">f4", ">f8"])("reads %s", (name) => {
    expect(Array.from(array(name).data)).toEqual(numbers.map((n) => n / 8 - 3));
  });

  it("reads bool, a scalar, and column-major order", () => {
    expect(Array.from(array("b1").data)).toEqual(numbers.map((n) => Number(n % 2 === 0)));
    expect(array("scalar")).toEqual(floatTensor([2.5], []));
    expect(array("fortran")).toEqual(floatTensor(numbers, [2, 3, 4]));
  });

  it.each([2, 3])("reads version %i", (version) => {
    expect(readNpy(readFileSync(fixture(`version${version}.npy`)))).toEqual(floatTensor(numbers, [2, 3, 4]));
  });

  it.each([
    ["records", /records/],
    ["complex", /type "c8"/],
    ["text", /type "U1"/],
  ])("refuses %s", (name, message) => {
    expect(() => array(name)).toThrow(message);
  });

  it.each([
    ["nothing", new Uint8Array(0)],
    ["text", Buffer.from("not an array at all")],
    ["an unknown version", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 4).with(6, 9)],
    ["a header beyond the end", npy("{'descr': '<f4'", 0).with(9, 9)],
    ["a header without shape", npy("{'descr': '<f4', 'fortran_order': False}", 4)],
    ["a shape larger than the data", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 7)],
    ["an absurd shape", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 99999999, 99999999)}", 4)],
    ["an absurd dimension", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,)}", 4)],
  ])("refuses %s", (_, bytes) => {
    expect(() => readNpy(bytes)).toThrow(UserError);
  });

  it("never fails otherwise, whatever bytes are cut off or changed", () => {
    const good = entries.get("f4.npy")!.unpack();
    for (let i = 0; i < good.length; i++) {
      expectUserErrorOrValue(() => readNpy(good.subarray(0, i)));
      if (i < 140) expectUserErrorOrValue(() => readNpy(Uint8Array.from(good).with(i, good[i]! ^ 0x15)));
    }
  });
});

describe("writeNpy", () => {
  it("writes what it reads", () => {
    for (const dims of [[24], [2, 3, 4], [1, 24]]) {
      const tensor = floatTensor(
        numbers.map((n) => n / 7),
        dims,
      );
      expect(readNpy(writeNpy(tensor))).toEqual(tensor);
    }
    expect(readNpy(writeNpy(floatTensor([3], [])))).toEqual(floatTensor([3], []));
  });

  it("is byte for byte NumPy's own", () => {
    expect(Buffer.from(writeNpy(array("f4"))).equals(entries.get("f4.npy")!.unpack())).toBe(true);
  });
});

describe("readZip", () => {
  it("unpacks stored and deflated entries", () => {
    const [deflated] = readZip(readFileSync(fixture("decoded.npz")));
    expect(readNpy(deflated!.unpack()).dims).toEqual([37, 53, 3]);
    expect(entries.size).toBe(23);
  });

  it("finds every changed byte of an entry's content", () => {
    const damaged = Uint8Array.from(archive);
    damaged[200]! ^= 1;
    expect(() => readZip(damaged)[0]!.unpack()).toThrow(/checksum/);
  });

  it("never unpacks more than is announced", () => {
    const bytes = Uint8Array.from(readFileSync(fixture("decoded.npz")));
    const view = new DataView(bytes.buffer);
    const directory = view.getUint32(bytes.length - 6, true);
    view.setUint32(directory + 24, 100, true);
    expect(() => readZip(bytes)[0]!.unpack()).toThrow(/cannot be unpacked/);
  });

  it("refuses what it does not read", () => {
    const directory = (archive.readUInt32LE(archive.length - 6) as number) | 0;
    const changed = (offset: number, value: number) => Uint8Array.from(archive).with(directory + offset, value);
    expect(() => readZip(changed(8, 1))).toThrow(/encrypted/);
    expect(() => readZip(changed(10, 12))).toThrow(/method 12/);
    const zip64 = Uint8Array.from(archive);
    zip64.fill(0xff, directory + 42, directory + 46);
    expect(() => readZip(zip64)).toThrow(/ZIP64/);
  });

  it("never fails otherwise, whatever bytes are cut off or changed", () => {
    for (let i = 0; i < archive.length; i += 7) expectUserErrorOrValue(() => unpackAll(archive.subarray(0, i)));
    for (let i = archive.length - 1500; i < archive.length; i++) {
      expectUserErrorOrValue(() => unpackAll(Uint8Array.from(archive).with(i, archive[i]! ^ 0xff)));
    }
  });
});

function unpackAll(bytes: Uint8Array): void {
  for (const entry of readZip(bytes)) entry.unpack();
}

function expectUserErrorOrValue(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
  }
}
