import type { NetworkGraph } from "../config/networkGraph.ts";
import { UserError } from "../engine/errors.ts";
import { fileBytes } from "../engine/export/size.ts";
import { fileGraph } from "../engine/graph/fileGraph.ts";
import { networkGraph } from "../engine/graph/networkGraph.ts";
import { prepareNetwork } from "../engine/graph/prepare.ts";
import { loadModel } from "../engine/onnx/modelFile.ts";
import type { Runtime } from "../engine/runtime/runtime.ts";

/**
 * A model file as it is drawn: prepared, with stages and blocks, or where it is unfit for that the operators of the file, with the reason.
 * @throws UserError where the file cannot be read
 */
export async function drawModel(runtime: Runtime, model: string): Promise<NetworkGraph> {
  const source = await loadModel(model);
  const bytes = await fileBytes(model);
  try {
    return networkGraph(await prepareNetwork(source, runtime), model, bytes);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return fileGraph(source, model, [error.message, error.hint].filter(Boolean).join(" "), bytes);
  }
}
