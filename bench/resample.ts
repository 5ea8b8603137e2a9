/**
 * @file Resizing in JavaScript against ONNX Runtime's Resize with antialiasing: the evidence behind docs/decisions/resampling.md.
 * One JSON line a size: milliseconds an image (least of 10 runs), and how the result differs from Pillow's where a
 * fixture has it. Run:
 * `npx esbuild bench/resample.ts --bundle --platform=node --format=esm --external:onnxruntime-* --outfile=dist/bench/resample.mjs && node dist/bench/resample.mjs`
 */
import { readFileSync } from "node:fs";
import type { Image } from "../src/engine/data/image.ts";
import { readNpy } from "../src/engine/data/npy.ts";
import { createRandom, integerBelow } from "../src/engine/data/random.ts";
import { resize } from "../src/engine/data/resample.ts";
import { readZip } from "../src/engine/data/zip.ts";
import { GraphBuilder } from "../src/engine/graph/builder.ts";
import type { Tensor } from "../src/engine/onnx/tensor.ts";
import { createRuntime } from "../src/engine/runtime/createRuntime.ts";

type Resizer = (image: Image, width: number, height: number) => Promise<Image>;

const runtime = await createRuntime({ threads: 2 });

/** ONNX Runtime's Resize of a whole image [1, height, width, 3] or, planes apart, [1, 3, height, width]. */
async function ortResizer(layout: "NHWC" | "NCHW", type: "uint8" | "float"): Promise<Resizer> {
  const b = new GraphBuilder();
  const nchw = layout === "NCHW";
  const image = b.input("image", "uint8", nchw ? [1, 3, "h", "w"] : [1, "h", "w", 3]);
  const sizes = b.input("sizes", "int64", [4]);
  const x = type === "float" ? b.op("Cast", [image], { to: 1 }) : image;
  const resized = b.op("Resize", [x, "", "", sizes], {
    mode: "linear",
    antialias: 1,
    exclude_outside: 1,
    coordinate_transformation_mode: "half_pixel",
  });
  b.output(type === "float" ? b.op("Cast", [b.op("Round", [resized])], { to: 2 }) : resized, "y", "uint8");
  const session = await runtime.createSession(b.model({ opset: 19, irVersion: 9 }));
  return async (source, width, height) => {
    const shape = (h: number, w: number) => (nchw ? [1, 3, h, w] : [1, h, w, 3]);
    const feeds: Record<string, Tensor> = {
      image: { type: "uint8", dims: shape(source.height, source.width), data: nchw ? planes(source) : source.data },
      sizes: { type: "int64", dims: [4], data: BigInt64Array.from(shape(height, width), BigInt) },
    };
    const { y } = await session.run(feeds);
    const image: Image = { width, height, channels: 3, data: y!.data as Uint8Array };
    return nchw ? { ...image, data: interleaved(image) } : image;
  };
}

function planes({ width, height, data }: Image): Uint8Array {
  const area = width * height;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) out[c * area + i] = data[i * 3 + c]!;
  return out;
}

function interleaved({ width, height, data }: Image): Uint8Array {
  const area = width * height;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) out[i * 3 + c] = data[c * area + i]!;
  return out;
}

const resizers: Record<string, Resizer> = {
  JavaScript: async (image, width, height) => resize(image, width, height),
  "ORT uint8 NHWC": await ortResizer("NHWC", "uint8"),
  "ORT uint8 NCHW": await ortResizer("NCHW", "uint8"),
  "ORT float NCHW": await ortResizer("NCHW", "float"),
};

const arrays = new Map(readZip(readFileSync("test/fixtures/resized.npz")).map((entry) => [entry.name, readNpy(entry.unpack())]));
function fixtureImage(name: string): Image {
  const { dims, data } = arrays.get(`${name}.npy`)!;
  return { height: dims[0]!, width: dims[1]!, channels: 3, data: Uint8Array.from(data) };
}

for (const [name, resizer] of Object.entries(resizers)) {
  let greatest = 0;
  let differing = 0;
  let values = 0;
  const farSizes = new Set<string>();
  try {
    for (const size of [...arrays.keys()].filter((key) => /^\d/.test(key))) {
      const expected = fixtureImage(size.replace(".npy", ""));
      const { data } = await resizer(fixtureImage("source"), expected.width, expected.height);
      for (const [i, value] of data.entries()) {
        const difference = Math.abs(value - expected.data[i]!);
        greatest = Math.max(greatest, difference);
        if (difference > 0) differing++;
        if (difference > 1) farSizes.add(size.replace(".npy", ""));
      }
      values += data.length;
    }
    console.log(
      JSON.stringify({
        bench: "resample",
        resizer: name,
        greatestDifference: greatest,
        differingPercent: (100 * differing) / values,
        sizesOffByMore: [...farSizes],
      }),
    );
  } catch (error) {
    console.log(JSON.stringify({ bench: "resample", resizer: name, error: String(error) }));
    continue;
  }
  for (const [width, height, toWidth, toHeight] of [
    [500, 375, 341, 256],
    [640, 480, 416, 312],
    [4000, 3000, 341, 256],
    [32, 32, 224, 224],
  ] as const) {
    const random = createRandom(1);
    const image: Image = { width, height, channels: 3, data: Uint8Array.from({ length: width * height * 3 }, () => integerBelow(random, 256)) };
    let least = Infinity;
    for (let i = 0; i < 10; i++) {
      const begin = performance.now();
      await resizer(image, toWidth, toHeight);
      least = Math.min(least, performance.now() - begin);
    }
    console.log(
      JSON.stringify({
        bench: "resample",
        resizer: name,
        from: `${width}x${height}`,
        to: `${toWidth}x${toHeight}`,
        milliseconds: Number(least.toFixed(2)),
      }),
    );
  }
}
