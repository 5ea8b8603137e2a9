import type { NetworkGraph } from "../config/networkGraph.ts";
import { fileBytes } from "../engine/export/size.ts";
import { networkGraph } from "../engine/graph/networkGraph.ts";
import { prepareNetwork } from "../engine/graph/prepare.ts";
import { loadModel } from "../engine/onnx/modelFile.ts";
import type { Runtime } from "../engine/runtime/runtime.ts";

/**
 * A model file as it is drawn.
 * @throws UserError where the file cannot be read
 */
export async function drawModel(runtime: Runtime, model: string): Promise<NetworkGraph> {
  const network = await prepareNetwork(await loadModel(model), runtime);
  return networkGraph(network, model, await fileBytes(model));
}
