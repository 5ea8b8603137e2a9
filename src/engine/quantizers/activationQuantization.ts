/** @file A quantized tensor of the network's activations. */
export interface ActivationQuantization {
  /** The value that is quantized, once, for all quantized operators that read it. */
  readonly value: string;
  /** Output names of the nodes that read the quantized value; other readers keep the FP32 one. */
  readonly readers: readonly string[];
  readonly bits: number;
  readonly scale: number;
  /** In 0..2^bits-1. */
  readonly zeroPoint: number;
}
