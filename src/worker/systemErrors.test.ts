import { existsSync, openSync, writeSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { UserError } from "../engine/errors.ts";
import { machineError } from "./systemErrors.ts";

describe("machineError", () => {
  it.skipIf(!existsSync("/dev/full"))("puts a full disk in words (needs /dev/full)", () => {
    const file = openSync("/dev/full", "w");
    let error: unknown;
    try {
      writeSync(file, "x");
    } catch (thrown) {
      error = machineError(thrown);
    }
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).toLine()).toBe("The disk is full. Free space, or choose another place.");
  });

  it("leaves defects as they are", () => {
    const defect = new TypeError("x is not a function");
    expect(machineError(defect)).toBe(defect);
    const missing = Object.assign(new Error("ENOENT"), { code: "ENOENT", syscall: "open" });
    expect(machineError(missing)).toBe(missing);
  });
});
