/**
 * @file Times of a convolution's gradients at batch 32 with 2 threads: the rule's own formulas (autodiff/convWeightGradient.ts,
 * autodiff/convolution.ts) and others. Variants of a shape take turns; a line a figure: median wall and processor milliseconds, and the
 * least wall time, of what is often a busy machine. Arguments pick shapes by a part of their name. Run:
 * `npx esbuild bench/convGradient.ts --bundle --platform=node --format=esm --packages=external --outfile=dist/bench/convGradient.mjs && node dist/bench/convGradient.mjs 64x56x56`
 */
import { type ConvolutionShapes, inputGradient } from "../src/engine/autodiff/convolution.ts";
import { byConvolution, byRows, eachTap, splitTaps, weightGradient } from "../src/engine/autodiff/convWeightGradient.ts";
import { padInput, sliceTap, taps } from "../src/engine/autodiff/slidingWindow.ts";
import { GraphBuilder, microsoftDomain } from "../src/engine/graph/builder.ts";
import { floatTensor, sizeOf, type Tensor } from "../src/engine/onnx/tensor.ts";
import { createRuntime } from "../src/engine/runtime/createRuntime.ts";
import type { Runtime, Session } from "../src/engine/runtime/runtime.ts";

const batch = 32;
const threads = 2;
const secondsPerShape = 6;

interface Shape {
  name: string;
  convolution: ConvolutionShapes;
}

function shape(name: string, channels: [number, number], size: number, { kernel = 3, stride = 1, groups = 1 } = {}): Shape {
  const pad = (kernel - 1) / 2;
  const both = (value: number) => [value, value];
  const output = Math.floor((size - 1) / stride) + 1;
  const window = {
    kernel: both(kernel),
    strides: both(stride),
    dilations: both(1),
    before: both(pad),
    after: both(pad),
    input: both(size),
    output: both(output),
  };
  return { name, convolution: { batch, groups, inputChannels: channels[0], outputChannels: channels[1], window } };
}

const shapes: Shape[] = [
  shape("16x32x32 3x3", [16, 16], 32),
  shape("32x16x16 3x3", [32, 32], 16),
  shape("64x8x8 3x3", [64, 64], 8),
  shape("64x56x56 3x3", [64, 64], 56),
  shape("128x28x28 3x3", [128, 128], 28),
  shape("256x14x14 3x3", [256, 256], 14),
  shape("512x7x7 3x3", [512, 512], 7),
  shape("64to128x56x56 3x3/2", [64, 128], 56, { stride: 2 }),
  shape("24to144x56x56 1x1", [24, 144], 56, { kernel: 1 }),
  shape("96to576x14x14 1x1", [96, 576], 14, { kernel: 1 }),
  shape("depthwise 144x56x56 3x3", [144, 144], 56, { groups: 144 }),
  shape("depthwise 144x56x56 3x3/2", [144, 144], 56, { groups: 144, stride: 2 }),
  shape("depthwise 192x28x28 3x3", [192, 192], 28, { groups: 192 }),
  shape("depthwise 192x28x28 3x3/2", [192, 192], 28, { groups: 192, stride: 2 }),
  shape("depthwise 576x14x14 3x3", [576, 576], 14, { groups: 576 }),
  shape("depthwise 672x14x14 5x5", [672, 672], 14, { groups: 672, kernel: 5 }),
  shape("depthwise 960x7x7 3x3", [960, 960], 7, { groups: 960 }),
];

/** Emits a gradient; undefined where the variant does not serve the shape. */
type Variant = (b: GraphBuilder, shapes: ConvolutionShapes) => string | undefined;

const weightVariants: Record<string, Variant> = {
  rule: (b, shapes) => weightGradient(b, "x", "dy", shapes),
  each: (b, shapes) => eachTap(b, "x", "dy", shapes),
  split: (b, shapes) => (shapes.window.strides[0] === 1 && shapes.window.kernel[0]! > 1 ? splitTaps(b, "x", "dy", shapes) : undefined),
  convolution: (b, shapes) => (shapes.groups === shapes.inputChannels ? byConvolution(b, "x", "dy", shapes) : undefined),
  rows: (b, shapes) => (shapes.groups === shapes.inputChannels ? byRows(b, "x", "dy", shapes) : undefined),
  im2col,
};

const inputVariants: Record<string, Variant> = {
  rule: (b, shapes) => inputGradient(b, "dy", "w", shapes),
  ConvTranspose: (b, { groups, window: { kernel, strides, before, input, output } }) => {
    const rest = input.map((length, axis) => length + 2 * before[axis]! - (output[axis]! - 1) * strides[axis]! - kernel[axis]!);
    return b.op("ConvTranspose", ["dy", "w"], { kernel_shape: kernel, strides, group: groups, pads: [...before, ...before], output_padding: rest });
  },
};

/** All columns side by side, one product an image, and ReduceSum. */
function im2col(b: GraphBuilder, { groups, inputChannels, outputChannels, window }: ConvolutionShapes): string {
  const positions = sizeOf(window.output);
  const matrix = (value: string, rows: number) => b.op("Reshape", [value, b.ints([batch, groups, rows, positions])]);
  const padded = padInput(b, "x", window);
  const columns = taps(window.kernel).map((tap) => matrix(sliceTap(b, padded, window, tap), inputChannels / groups));
  const all = columns.length === 1 ? columns[0]! : b.op("Concat", columns, { axis: 2 });
  const products = b.op("FusedMatMul", [matrix("dy", outputChannels / groups), all], { transB: 1 }, { domain: microsoftDomain });
  const sum = b.op("ReduceSum", [products, b.ints([0])], { keepdims: 0 });
  const split = b.op("Reshape", [sum, b.ints([outputChannels, sizeOf(window.kernel), inputChannels / groups])]);
  return b.op("Transpose", [split], { perm: [0, 2, 1] });
}

interface Measured {
  variant: string;
  session: Session;
  wall: number[];
  cpu: number[];
}

async function measure(runtime: Runtime, { name, convolution }: Shape, gradient: "weights" | "input"): Promise<void> {
  const feeds = feedsFor(convolution, gradient);
  const measured: Measured[] = [];
  for (const [variant, emit] of Object.entries(gradient === "weights" ? weightVariants : inputVariants)) {
    const b = new GraphBuilder();
    for (const [input, { dims }] of Object.entries(feeds)) b.input(input, "float", dims);
    const result = emit(b, convolution);
    if (!result) continue;
    // A sum of it all, so that no time goes into handing over a large result.
    b.output(b.op("ReduceSum", [result], { keepdims: 0 }), "sum", "float", []);
    measured.push({ variant, session: await runtime.createSession(b.model({ opset: 17 })), wall: [], cpu: [] });
  }
  const end = performance.now() + secondsPerShape * 1000;
  for (let run = 0; run < 5 || (run < 100 && performance.now() < end); run++) for (const entry of measured) await time(entry, feeds);
  for (const { variant, session, wall, cpu } of measured) {
    const least = rounded(Math.min(...wall));
    console.log(JSON.stringify({ benchmark: "convGradient", gradient, shape: name, variant, wall: median(wall), least, cpu: median(cpu) }));
    await session.release();
  }
}

async function time({ session, wall, cpu }: Measured, feeds: Record<string, Tensor>): Promise<void> {
  const start = performance.now();
  const before = process.cpuUsage();
  await session.run(feeds);
  const { user, system } = process.cpuUsage(before);
  wall.push(performance.now() - start);
  cpu.push((user + system) / 1000);
}

function feedsFor({ groups, inputChannels, outputChannels, window }: ConvolutionShapes, gradient: "weights" | "input"): Record<string, Tensor> {
  const dy = waves([batch, outputChannels, ...window.output], 0.3);
  if (gradient === "weights") return { x: waves([batch, inputChannels, ...window.input], 1.7), dy };
  return { w: waves([outputChannels, inputChannels / groups, ...window.kernel], 0.9), dy };
}

function waves(dims: number[], frequency: number): Tensor {
  return floatTensor(
    Float32Array.from({ length: sizeOf(dims) }, (_, i) => Math.sin(i * frequency)),
    dims,
  );
}

function median(values: number[]): number {
  return rounded(values.toSorted((a, b) => a - b)[values.length >> 1]!);
}

function rounded(milliseconds: number): number {
  return Number(milliseconds.toFixed(2));
}

const wanted = process.argv.slice(2);
const runtime = await createRuntime({ threads });
for (const candidate of shapes) {
  if (wanted.length > 0 && !wanted.some((part) => candidate.name.includes(part))) continue;
  await measure(runtime, candidate, "weights");
  await measure(runtime, candidate, "input");
}
