/** @file Option values of the commands about mixed precision. */
import { UserError } from "../engine/errors.ts";

/** "2,4,8" as numbers of bits in rising order. */
export function parseCandidates(text: string): number[] {
  const bits = text.split(",").map((part) => part.trim());
  if (!bits.every((part) => /^[2-8]$/.test(part))) {
    throw new UserError(`--candidates takes numbers of bits from 2 to 8 with commas between, not "${text}".`);
  }
  return [...new Set(bits.map(Number))].sort((a, b) => a - b);
}
