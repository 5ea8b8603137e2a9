/** @file What a gradient rule is given and what it gives. */
import type { GraphBuilder } from "../graph/builder.ts";
import type { NodeProto } from "../onnx/onnx_pb.ts";
import type { DataType, Tensor } from "../onnx/tensor.ts";

/** What is known of the values of the graph that is differentiated. Shapes are complete: the batch is a number. */
export interface ValueFacts {
  shapeOf(value: string): readonly number[];
  typeOf(value: string): DataType;
  /** The value, where it is a constant. */
  constantOf(value: string): Tensor | undefined;
}

/** One node to differentiate. Inputs, outputs and gradients are value names in `builder`'s graph. */
export interface RuleContext extends ValueFacts {
  readonly builder: GraphBuilder;
  readonly node: NodeProto;
  readonly opset: number;
  /** Gradient of the loss at output `i`; undefined where nothing depends on that output. */
  gradientOf(output: number): string | undefined;
  /** Whether the caller needs the gradient at input `i`. */
  wants(input: number): boolean;
}

/**
 * Emits the nodes that compute the gradients at a node's inputs, and gives their names by input position
 * (undefined: none, or zero). Emitted nodes must be valid in opsets 13 to 25, and run in float and, but for
 * what a Conv needs, in double.
 */
export type GradientRule = (context: RuleContext) => readonly (string | undefined)[];
