import { expect, it } from "vitest";
import { TestRandom } from "../../../test/support/random.ts";
import { TestSession } from "../../../test/support/session.ts";
import { sharedModelPath, sharedModels } from "../../../test/support/sharedModels.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { Graph } from "../graph/graph.ts";
import { loadModel } from "../onnx/modelFile.ts";
import { floatTensor, sizeOf } from "../onnx/tensor.ts";
import { differentiate } from "./differentiate.ts";

const model = "cifar10_resnet20.onnx";
const dims = [2, 16, 6, 5];

/** Tensors of the block x → relu(conv(relu(conv(x))) + x), in double. */
interface Point {
  x: Float64Array;
  w1: Float64Array;
  b1: Float64Array;
  w2: Float64Array;
  b2: Float64Array;
}

it.skipIf(!sharedModels.includes(model))("differentiates the first residual block of ResNet-20 as finite differences in double do", async () => {
  const graph = new Graph(await loadModel(sharedModelPath(model)));
  const add = graph.nodes.findIndex((node) => node.opType === "Add");
  const nodes = graph.nodes.slice(add - 3, add + 2);
  expect(nodes.map(({ opType }) => opType)).toEqual(["Conv", "Relu", "Conv", "Add", "Relu"]);
  const [first, , second, , last] = nodes as [(typeof nodes)[0], unknown, (typeof nodes)[0], unknown, (typeof nodes)[0]];
  const names = { x: first.input[0]!, w1: first.input[1]!, b1: first.input[2]!, w2: second.input[1]!, b2: second.input[2]! };
  const output = last.output[0]!;

  const random = new TestRandom(20);
  const floats = (name: string) => Float32Array.from(graph.constant(name)!.data as Float32Array);
  const values = {
    x: Float32Array.from(random.tensor(dims, 0, 2).data),
    w1: floats(names.w1),
    b1: floats(names.b1),
    w2: floats(names.w2),
    b2: floats(names.b2),
  };
  const shapes = { x: dims, w1: [16, 16, 3, 3], b1: [16], w2: [16, 16, 3, 3], b2: [16] };
  const cotangent = Float32Array.from(random.tensor(dims, -1, 1).data);

  const builder = new GraphBuilder("grad/");
  const keys = Object.keys(names) as (keyof Point)[];
  const shapeByName = new Map(keys.map((key) => [names[key], shapes[key]]));
  for (const key of keys) builder.input(names[key], "float", shapes[key]);
  builder.input("dy", "float", dims);
  for (const node of nodes) builder.add(node);
  const facts = { shapeOf: (value: string) => shapeByName.get(value) ?? dims, typeOf: () => "float" as const, constantOf: () => undefined };
  const wrt = keys.map((key) => names[key]);
  const gradients = differentiate({ builder, nodes, facts, opset: graph.opset, seeds: new Map([[output, "dy"]]), wrt });
  builder.output(output, output, "float", dims);
  for (const key of keys) builder.output(gradients.get(names[key])!, `grad_${key}`, "float", shapes[key]);
  const session = await TestSession.create(builder.model({ opset: graph.opset }));
  const feeds = Object.fromEntries(keys.map((key) => [names[key], floatTensor(values[key], shapes[key])]));
  const results = await session.run({ ...feeds, dy: floatTensor(cotangent, dims) });
  await session.release();

  const point = Object.fromEntries(keys.map((key) => [key, Float64Array.from(values[key])])) as unknown as Point;
  expectClose(results[output]!.data as Float32Array, residualBlock(point), "output");
  for (const key of keys) {
    const size = sizeOf(shapes[key]);
    const sampled = size <= 16 ? Array.from({ length: size }, (_, i) => i) : Array.from({ length: 150 }, () => random.integer(0, size - 1));
    const expected = sampled.map((i) => derivative(point, key, i, cotangent));
    const actual = results[`grad_${key}`]!;
    expect(actual.dims).toEqual(shapes[key]);
    expectClose(
      sampled.map((i) => Number(actual.data[i])),
      expected,
      key,
    );
  }
});

function derivative(point: Point, key: keyof Point, index: number, cotangent: Float32Array): number {
  const step = 1e-6;
  const lossAt = (by: number) => {
    const moved = { ...point, [key]: point[key].with(index, point[key][index]! + by) };
    return residualBlock(moved).reduce((sum, value, i) => sum + value * cotangent[i]!, 0);
  };
  return (lossAt(step) - lossAt(-step)) / (2 * step);
}

function residualBlock({ x, w1, b1, w2, b2 }: Point): Float64Array {
  const inner = convolve(x, w1, b1).map((value) => Math.max(value, 0));
  return convolve(inner, w2, b2).map((value, i) => Math.max(value + x[i]!, 0));
}

/** A 3x3 convolution with padding 1, from and to tensors of shape `dims`. */
function convolve(x: Float64Array, weights: Float64Array, bias: Float64Array): Float64Array {
  const [batch, channels, height, width] = dims as [number, number, number, number];
  const y = new Float64Array(x.length);
  for (let n = 0; n < batch; n++) {
    for (let out = 0; out < channels; out++) {
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          let sum = bias[out]!;
          for (let tap = 0; tap < 9; tap++) {
            const h = row + Math.floor(tap / 3) - 1;
            const w = column + (tap % 3) - 1;
            if (h < 0 || h >= height || w < 0 || w >= width) continue;
            for (let c = 0; c < channels; c++) {
              sum += x[((n * channels + c) * height + h) * width + w]! * weights[(out * channels + c) * 9 + tap]!;
            }
          }
          y[((n * channels + out) * height + row) * width + column] = sum;
        }
      }
    }
  }
  return y;
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  const largest = Array.from(expected).reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  expect(largest).toBeGreaterThan(0);
  for (let i = 0; i < expected.length; i++) {
    expect(Math.abs(actual[i]! - expected[i]!) / largest, `${what} at ${i}: ${actual[i]} against ${expected[i]}`).toBeLessThan(1e-4);
  }
}
