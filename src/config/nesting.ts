/** @file A guard in front of parsers that call themselves: JSON of brackets alone would overflow their stack. */

/** No config or result comes near it. */
const deepest = 100;

/** Strings and comments, whose brackets do not count, and the brackets that do. */
const pieces = /"[^"\\\n]*(?:\\.[^"\\\n]*)*"?|\/\/.*|\/\*[\s\S]*?(?:\*\/|$)|[[{\]}]/g;

/** Where a text of JSON with comments is nested too deeply to be parsed; undefined where it is not. */
export function tooDeeplyNested(text: string): number | undefined {
  let depth = 0;
  for (const { 0: piece, index } of text.matchAll(pieces)) {
    if (piece === "{" || piece === "[") depth++;
    if (piece === "}" || piece === "]") depth--;
    if (depth > deepest) return index;
  }
  return undefined;
}
