import { expect, test } from "vitest";
import { formatByteSize, parseByteSize } from "./byteSize.ts";

test("reads sizes with decimal and binary units", () => {
  expect(parseByteSize("0.5 MB")).toBe(500_000);
  expect(parseByteSize("300KiB")).toBe(307_200);
  expect(parseByteSize(".5kb")).toBe(500);
  expect(parseByteSize("1200")).toBe(1200);
});

test("refuses what is no size", () => {
  for (const text of ["", "0", "0 MB", "-1 MB", "MB", "1 ib", "1 XB", "1,5 MB", "1 MB 2"]) expect(parseByteSize(text), text).toBeUndefined();
});

test("writes sizes with three digits", () => {
  expect(formatByteSize(274_304)).toBe("274 kB");
  expect(formatByteSize(1_094_447)).toBe("1.09 MB");
  expect(formatByteSize(46_748_554)).toBe("46.7 MB");
  expect(formatByteSize(12)).toBe("12 B");
});
