import { expect, test } from "vitest";
import { floatTensor } from "../onnx/tensor.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { GraphBuilder } from "./builder.ts";
import { Graph } from "./graph.ts";
import { observeShapes } from "./shapes.ts";

// In a file, and so a process, of its own: peak memory of a process never falls.
test("observing shapes holds few values at once", async () => {
  const b = new GraphBuilder();
  const weight = b.constant(floatTensor(new Float32Array(256), [16, 16, 1, 1]));
  let x = b.input("x", "float", ["N", 16, 128, 128]);
  for (let i = 0; i < 100; i++) x = b.op("Relu", [b.op("Conv", [x, weight])]);
  b.output(x, "y");
  const graph = new Graph(b.model({ opset: 17 }));
  const runtime = await createRuntime({ threads: 2 });
  const peak = () => process.resourceUsage().maxRSS / 1024;
  const before = peak();
  const shapes = await observeShapes(graph, runtime);
  expect(shapes.shapeOf("y", 5)).toEqual([5, 16, 128, 128]);
  // 200 values of 3 MiB (three samples) are 600 MiB.
  expect(peak() - before).toBeLessThan(200);
});
