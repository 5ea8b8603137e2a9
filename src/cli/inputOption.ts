import { type InputConfig, inputSchema } from "../config/schema.ts";
import { UserError } from "../engine/errors.ts";

/** Parses preprocessing given as JSON. */
export function parseInput(text: string): InputConfig {
  try {
    return inputSchema.parse(JSON.parse(text));
  } catch {
    throw new UserError(`--input is not a valid "input" section: ${text}`, {
      hint: 'For example: {"resize": 256, "crop": 224, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}',
    });
  }
}
