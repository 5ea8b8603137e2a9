import { expect, it } from "vitest";
import { parseConfigDocument } from "../extension/configDocument.ts";
import { parseConfig } from "../worker/readConfig.ts";
import { tooDeeplyNested } from "./nesting.ts";

it("finds nesting beyond 100, and is not fooled by strings, comments and closed brackets", () => {
  expect(tooDeeplyNested("[".repeat(100))).toBeUndefined();
  expect(tooDeeplyNested("[".repeat(101))).toBe(100);
  expect(tooDeeplyNested(`{"a":`.repeat(200))).toBe(500);
  expect(tooDeeplyNested(`["${"[".repeat(500)}", /* ${"{".repeat(500)} */ ${"[],".repeat(500)} 1]`)).toBeUndefined();
});

it.each(["[", '{"runs":', '[{"a":'])("refuses 200,000 times %s with a line, in the command and in the editor", (piece) => {
  const text = `\n${piece.repeat(200_000)}`;
  expect(() => parseConfig(text, "x.brecq.json")).toThrow("The config is nested too deeply.");
  expect(parseConfigDocument(text)).toMatchObject({ root: undefined, runs: [], syntaxErrors: [{}] });
});
