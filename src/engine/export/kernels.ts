/** @file Operators that ONNX Runtime cannot run at the operator sets that native exports need. */
import { UserError } from "../errors.ts";
import { type Graph, nodeLabel } from "../graph/graph.ts";
import { isOperator, nodesWithin } from "../graph/subgraphs.ts";
import { type ExportFormat, neededOpset } from "./integerTypes.ts";

/** The operator set from which ONNX Runtime (1.30 and 1.32, CPU) has no implementation of some operators. */
const lossyOpset = 22;

/** Those operators, by loading every operator that changed between operator sets 21 and 25 at both. */
export const operatorsWithoutKernels = [
  "Bernoulli",
  "GlobalLpPool",
  "MaxRoiPool",
  "Multinomial",
  "RandomNormalLike",
  "RandomUniformLike",
  "RoiAlign",
] as const;

/**
 * Checks that an export with integers of these bits can run; call it before long work.
 * @throws UserError where the integers need an operator set at which ONNX Runtime lacks one of the network's operators
 */
export function requireKernels(graph: Graph, bits: readonly number[], format: ExportFormat): void {
  const opset = neededOpset(bits, format);
  if (opset < lossyOpset) return;
  for (const node of nodesWithin(graph.nodes)) {
    if (!isOperator(node, ...operatorsWithoutKernels)) continue;
    throw new UserError(`ONNX Runtime has no ${node.opType} at operator set ${opset}, which integers of 2 bits need in the native format.`, {
      hint: 'Set "export": "portable", or use 3 bits or more.',
      place: { node: nodeLabel(node) },
    });
  }
}
