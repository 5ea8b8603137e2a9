/**
 * @file Times this engine's training step for bench/pytorch_step.py, which starts it: reads lines { shape, steps } of JSON on
 * standard input and answers each with the milliseconds of one step (batch 32) of that block (bench/step/shapes.json), on 2 threads.
 */
import { createInterface } from "node:readline";
import { createRuntime } from "../src/engine/runtime/createRuntime.ts";
import { type BlockShape, type BlockStep, prepareStep } from "./step/blockStep.ts";

const runtime = await createRuntime({ threads: 2 });
let current: { name: string; step: BlockStep } | undefined;

for await (const line of createInterface({ input: process.stdin })) {
  const { shape, steps } = JSON.parse(line) as { shape: BlockShape; steps: number };
  if (current?.name !== shape.name) {
    await current?.step.release();
    current = { name: shape.name, step: await prepareStep(runtime, shape) };
  }
  console.log(String(await current.step.time(steps)));
}
