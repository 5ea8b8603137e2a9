/** @file Writing searched bits into a config, with its comments kept. */
import { readFile } from "node:fs/promises";
import { applyTextEdits, setLayerBits, setValue } from "../config/edits.ts";
import type { RunConfig } from "../config/schema.ts";
import type { SearchResult } from "../config/searchResult.ts";
import { UserError } from "../engine/errors.ts";
import { writeFileAtomic } from "../engine/files.ts";
import { parseConfig } from "./readConfig.ts";

/**
 * Writes the bits as the layers of a run. A run that is missing is made, with those settings of the searched one that its bits were
 * searched for.
 * @throws UserError where the run searches itself: its bits would then be fixed
 */
export async function writeBits(configFile: string, run: string, searched: RunConfig, search: SearchResult): Promise<void> {
  let text = await readFile(configFile, "utf8");
  const present = parseConfig(text, configFile).runs[run];
  if (present?.search) {
    throw new UserError(`The run "${run}" searches its bits itself, and bits by name would fix them.`, {
      hint: "Name another run after --write.",
      place: { file: configFile },
    });
  }
  const searchedBits = Object.entries(search.bits).filter(([layer]) => !search.fixed.includes(layer));
  if (present) {
    for (const [layer, bits] of searchedBits) text = applyTextEdits(text, setLayerBits(text, run, layer, "weights", bits));
  } else {
    const { seed, export: format, activations } = searched;
    const layers = Object.fromEntries(searchedBits.map(([layer, weights]) => [layer, { weights }]));
    text = applyTextEdits(text, setValue(text, ["runs", run], { export: format, ...(activations !== "fp32" && { activations }), seed, layers }));
  }
  // What was made must be a config again before it takes the old one's place.
  parseConfig(text, configFile);
  await writeFileAtomic(configFile, text);
}
