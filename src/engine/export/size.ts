/** @file Sizes of model files. */
import { stat } from "node:fs/promises";

/** Bytes of a model file, with its external data where that lies beside it under the name that this program gives. */
export async function fileBytes(path: string): Promise<number> {
  const [model, data] = await Promise.all([stat(path), stat(`${path}.data`).catch(() => undefined)]);
  return model.size + (data?.size ?? 0);
}
