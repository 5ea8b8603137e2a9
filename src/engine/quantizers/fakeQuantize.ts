/** @file Fake quantizers: float values rounded to a tensor's grid, as the exported file rounds them. */
import { create } from "@bufbuild/protobuf";
import { fakeQuantizeOperator } from "../autodiff/rules/fakeQuantize.ts";
import { makeAttributes } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { type NodeProto, NodeProtoSchema } from "../onnx/onnx_pb.ts";

/** A value's quantizer as a graph has it. */
export interface FakeQuantizer {
  readonly bits: number;
  readonly zeroPoint: number;
  /** A scalar value: the step size. */
  readonly scale: string;
  /** A value of x's shape: 1 where the output stays x, 0 where it is quantized. */
  readonly kept?: string | undefined;
}

export interface FakeQuantized {
  readonly output: string;
  /** The values that were made: the output, and where elements are kept, the quantized form of all. */
  readonly made: readonly string[];
  /** Stands for the emitted nodes where the graph is differentiated; it is not in the graph itself. */
  readonly node: NodeProto;
}

/**
 * Emits q(x) = s (clamp(round(x/s) + z, 0, 2^bits - 1) - z), by the operators of the exported file. Sessions must be made with
 * `withoutIntegerOperators`, or ONNX Runtime may fuse them with their neighbours.
 */
export function emitFakeQuantize(b: GraphBuilder, x: string, { bits, zeroPoint, scale, kept }: FakeQuantizer): FakeQuantized {
  const zero = b.constant({ type: "uint8", dims: [], data: Uint8Array.of(zeroPoint) });
  const highest = b.op("Mul", [scale, b.scalar(2 ** bits - 1 - zeroPoint)]);
  const integers = b.op("QuantizeLinear", [b.op("Min", [x, highest]), scale, zero]);
  const quantized = b.op("DequantizeLinear", [integers, scale, zero]);
  const output = kept ? emitMix(b, x, quantized, kept) : quantized;
  const node = create(NodeProtoSchema, {
    ...fakeQuantizeOperator,
    name: output,
    input: kept ? [x, scale, quantized, kept] : [x, scale, quantized],
    output: [output],
    attribute: makeAttributes({ bits, zero_point: zeroPoint }),
  });
  return { output, made: [output, quantized], node };
}

/** `a` where the mask is 1, `b` where it is 0. Where takes ten times as long as these three (8.4 against 0.7 ms for 32x16x32x32). */
export function emitMix(builder: GraphBuilder, a: string, b: string, mask: string): string {
  return builder.op("Add", [b, builder.op("Mul", [mask, builder.op("Sub", [a, b])])]);
}
