/** @file Latency tables by name. */

import { onnxRuntimeInt8 } from "./latencyPresets/onnxRuntimeInt8.ts";
import type { LatencyTable } from "./latencyTable.ts";

/** An accelerator that multiplies 8-bit numbers 10^12 times a second, and fewer bits faster in proportion, with 10 GB/s of memory. */
const roofline: LatencyTable = {
  name: "roofline",
  description: "A simple accelerator: 10^12 multiply-accumulates of 8 by 8 bits a second, in proportion to the bits; 10 GB/s.",
  entries: [],
  roofline: { bitOpsPerSecond: 64e12, bytesPerSecond: 10e9, overheadMs: 0 },
};

export const latencyPresets: Readonly<Record<string, LatencyTable>> = { roofline, [onnxRuntimeInt8.name]: onnxRuntimeInt8 };
