/**
 * @file Times of formulas that gradient rules could emit, on a 32x64x56x56 tensor with 2 threads: the evidence behind autodiff/steps.ts.
 * Each line is the time beyond reading the operands once (least of 60 runs). Run:
 * `npx esbuild bench/gradientFormulas.ts --bundle --platform=node --format=esm --external:onnxruntime-* --outfile=dist/bench/gradientFormulas.mjs && node dist/bench/gradientFormulas.mjs`
 */
import { float } from "../src/engine/graph/attributes.ts";
import { GraphBuilder } from "../src/engine/graph/builder.ts";
import { floatTensor, sizeOf } from "../src/engine/onnx/tensor.ts";
import { createRuntime } from "../src/engine/runtime/createRuntime.ts";

type Formula = (b: GraphBuilder, y: string, dy: string) => string;

const dims = [32, 64, 56, 56];
const floatCode = 1;
const steep = 2 ** 100;

const formulas: Record<string, Formula> = {
  "Mul(dy, y)": (b, y, dy) => b.op("Mul", [dy, y]),
  "Relu: Mul(dy, HardSigmoid(y))": (b, y, dy) => b.op("Mul", [dy, b.op("HardSigmoid", [y], { alpha: float(steep), beta: float(0) })]),
  "Relu: Mul(dy, Clip(y steep))": (b, y, dy) => b.op("Mul", [dy, b.op("Clip", [b.op("Mul", [y, b.scalar(steep)]), b.scalar(0), b.scalar(1)])]),
  "Relu: Mul(dy, Cast(Greater(y, 0)))": (b, y, dy) => b.op("Mul", [dy, b.op("Cast", [b.op("Greater", [y, b.scalar(0)])], { to: floatCode })]),
  "Relu: Where(Greater(y, 0), dy, 0)": (b, y, dy) => b.op("Where", [b.op("Greater", [y, b.scalar(0)]), dy, b.scalar(0)]),
  "Relu: Mul(dy, Sign(y))": (b, y, dy) => b.op("Mul", [dy, b.op("Sign", [y])]),
  "Clip: two HardSigmoids": (b, y, dy) => {
    const above = b.op("Mul", [dy, b.op("HardSigmoid", [y], { alpha: float(steep), beta: float(0) })]);
    return b.op("Mul", [above, b.op("HardSigmoid", [y], { alpha: float(-steep), beta: float(6 * steep) })]);
  },
  "Clip: Mul(dy, Cast(Equal(x, y)))": (b, y, dy) => b.op("Mul", [dy, b.op("Cast", [b.op("Equal", ["x", y])], { to: floatCode })]),
  "accumulate: Add(Add(dy, y), x)": (b, y, dy) => b.op("Add", [b.op("Add", [dy, y]), "x"]),
  "accumulate: Sum(dy, y, x)": (b, y, dy) => b.op("Sum", [dy, y, "x"]),
};

/** Least milliseconds of a run, the sums that make the result small included. */
async function time(formula: Formula): Promise<number> {
  const b = new GraphBuilder();
  for (const name of ["x", "dy"]) b.input(name, "float", dims);
  // Made in the graph, as an activation is, so that ONNX Runtime owns its memory.
  const y = b.op("Add", ["x", b.scalar(1)]);
  b.output(b.op("ReduceSum", [formula(b, y, "dy")], { keepdims: 0 }), "result", "float", []);
  b.output(b.op("ReduceSum", [y], { keepdims: 0 }), "activation", "float", []);
  const runtime = await createRuntime({ threads: 2 });
  const session = await runtime.createSession(b.model({ opset: 17 }));
  const values = (frequency: number, offset: number) => Float32Array.from({ length: sizeOf(dims) }, (_, i) => Math.sin(i * frequency) + offset);
  const feeds = { x: floatTensor(values(1.7, -1), dims), dy: floatTensor(values(0.3, 0), dims) };
  let least = Infinity;
  for (let run = 0; run < 60; run++) {
    const start = performance.now();
    await session.run(feeds);
    least = Math.min(least, performance.now() - start);
  }
  await session.release();
  return least;
}

const floor = await time((_b, _y, dy) => dy);
for (const [name, formula] of Object.entries(formulas)) {
  const milliseconds = Number(((await time(formula)) - floor).toFixed(2));
  console.log(JSON.stringify({ benchmark: "gradientFormulas", formula: name, milliseconds }));
}
