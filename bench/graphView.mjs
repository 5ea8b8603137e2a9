/**
 * @file Measures the graph view in Chromium on a deep residual network of 10,000 operators: from the host's messages to the first
 * paint, opening and closing a stage and a block, and frames while panning. `--blocks 1428`. Prints one JSON line a figure.
 * `--slower 4` slows the page's processor down, as on an old laptop.
 * `--netron` also opens a file of the same network in Netron (from PyPI; python3 must have `netron` and `onnx`), up to `--patience 120` seconds.
 * Run: `node bench/graphView.mjs`. It needs Chromium (CHROMIUM names another than /usr/bin/chromium).
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const { values: options } = parseArgs({
  options: {
    blocks: { type: "string", default: "1428" },
    netron: { type: "boolean", default: false },
    patience: { type: "string", default: "120" },
    slower: { type: "string", default: "1" },
  },
});
const outfile = path.join(root, "dist/bench/graphView/harness.mjs");
await build({
  absWorkingDir: root,
  stdin: {
    contents:
      'export { FakeHost } from "./fakeHost.ts"; export { openChromium, openPage } from "./page.ts"; export { visibleGraph } from "../../src/extension/graph/visibleGraph.ts";',
    resolveDir: path.join(root, "test/graphView"),
    loader: "ts",
  },
  bundle: true,
  platform: "node",
  format: "esm",
  external: ["esbuild", "playwright-core"],
  define: { "import.meta.dirname": JSON.stringify(path.join(root, "test/graphView")) },
  outfile,
});
const { FakeHost, openChromium, openPage } = await import(pathToFileURL(outfile).href);

/** The same network as a file, with few channels: Netron draws, it does not compute. */
const writeNetwork = `
import sys, numpy, onnx
from onnx import helper, numpy_helper
blocks, file = int(sys.argv[1]), sys.argv[2]
nodes, weights, before = [], [], "x"
for b in range(blocks):
    start = before
    for i, op in enumerate(["Conv", "Relu", "Conv", "Relu", "Conv", "Add", "Relu"]):
        out, inputs = f"v{b}_{i}", [before]
        if op == "Conv":
            weights.append(numpy_helper.from_array(numpy.zeros((4, 4, 1, 1), numpy.float32), f"w{b}_{i}"))
            inputs.append(f"w{b}_{i}")
        if op == "Add": inputs.append(start)
        nodes.append(helper.make_node(op, inputs, [out], f"n{b}_{i}"))
        before = out
value = lambda name: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4, 8, 8])
onnx.save(helper.make_model(helper.make_graph(nodes, "deep", [value("x")], [value(before)], weights)), file)
`;

const serveNetron = `
import sys, netron
netron.start(sys.argv[1], address=("127.0.0.1", int(sys.argv[2])), browse=False)
netron.wait()
`;

const graph = deepNetwork(Number(options.blocks));
const browser = await openChromium();
const host = new FakeHost(graph);
const view = await openPage(browser, (message) => void host.receive(message), { reducedMotion: true });
const { page } = view;
await page.evaluate(recorder);
const devTools = await page.context().newCDPSession(page);
await devTools.send("Emulation.setCPUThrottlingRate", { rate: Number(options.slower) });
await devTools.send("Performance.enable", { timeDomain: "threadTicks" });
host.post = (message) => page.evaluate(`bench.post(${JSON.stringify(message)})`);

report("operators", graph.operators.length);
await measure("first paint after the parse, ms", () => host.receive({ type: "ready" }), "stage1");
await measure("opening a stage of 357 blocks, ms", () => click("Open stage1"), "block 0.0");
await measure("opening a block, ms", () => click("Open block 0.0"), "conv_0_0_1");
await measure("closing a block, ms", () => click("Close block 0.0"), "Open block 0.0");
await measure("closing a stage, ms", () => click("Close stage1"), "Open stage1");
await measure("opening everything, ms", () => click("Operators"), "Close block 0.0");
await pan("longest frame while panning all operators, ms");
await click("Fit");
await page.waitForTimeout(1000);
await pan("longest frame while panning all operators zoomed out, ms");
await view.close();
if (options.netron) await measureNetron();
await browser.close();

/** From the navigation to the first drawn node: Netron reads, lays out and draws in the page. */
async function measureNetron() {
  const folder = mkdtempSync(path.join(os.tmpdir(), "brecq-netron-"));
  const file = path.join(folder, "deep.onnx");
  execFileSync("python3", ["-c", writeNetwork, options.blocks, file]);
  const port = 18_081;
  const server = spawn("python3", ["-c", serveNetron, file, String(port)], { stdio: "ignore" });
  try {
    await new Promise((resolve) => setTimeout(resolve, 5000));
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    // Netron first asks a server for consent, which is no part of drawing; its cookie says that this is done.
    await page.addInitScript(() => {
      document.cookie = `consent=${Date.now()}`;
    });
    await page.route(/^https?:\/\/(?!127\.0\.0\.1)/, (route) => route.abort());
    const start = performance.now();
    await page.goto(`http://127.0.0.1:${port}/`);
    const isDrawn = () => document.querySelectorAll("#target .node").length > 0 && !/spinner|welcome/.test(document.body.className);
    const drawn = await page.waitForFunction(isDrawn, undefined, { timeout: Number(options.patience) * 1000, polling: 100 }).then(
      () => true,
      () => false,
    );
    report(drawn ? "Netron: from navigation to the drawn graph, ms" : "Netron: not drawn after, ms", performance.now() - start);
  } finally {
    server.kill();
    rmSync(folder, { recursive: true });
  }
}

async function click(label) {
  await page.evaluate(`bench.click(${JSON.stringify(label)})`);
}

/** From the beginning of an action to the frame after the one in which its text is there. */
async function measure(figure, act, text) {
  await page.waitForTimeout(800);
  await page.evaluate(`bench.waitFor(${JSON.stringify(text)})`);
  await act();
  report(figure, await page.evaluate("bench.seen"));
}

/** Drags the network over more than three screens, up and down. */
async function pan(figure) {
  await page.waitForTimeout(1500);
  const { width, height } = page.viewportSize();
  const work = [];
  let before = await mainThreadSeconds();
  await page.evaluate("bench.frames()");
  for (const direction of [-1, -1, -1, -1, 1, 1, 1, 1]) {
    const [x, y] = [width * 0.25, height * (0.5 - 0.35 * direction)];
    await page.mouse.move(x, y);
    await page.mouse.down();
    for (let i = 1; i <= 30; i++) {
      await page.mouse.move(x + i, y + (direction * height * 0.7 * i) / 30);
      const now = await mainThreadSeconds();
      work.push(1000 * (now - before));
      before = now;
    }
    await page.mouse.up();
  }
  const frames = await page.evaluate("bench.endFrames()");
  report(figure.replace("longest frame", "mean work of the page's thread a step"), work.reduce((sum, each) => sum + each, 0) / work.length);
  report(figure.replace("longest frame", "most work of the page's thread a step"), Math.max(...work));
  frames.sort((a, b) => a - b);
  report(figure, frames.at(-1));
  report(`${figure.replace("longest", "95 % of")}`, frames[Math.floor(frames.length * 0.95)]);
}

/** Work of the page's thread: unlike times of frames, it does not depend on what else the machine does. */
async function mainThreadSeconds() {
  const { metrics } = await devTools.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "TaskDuration").value;
}

function report(figure, value) {
  console.log(JSON.stringify({ figure, value: Math.round(value * 10) / 10 }));
}

/** Runs in the page: its own clock, so that the way from this process to the page does not count. */
function recorder() {
  let start = 0;
  let frameTimes = [];
  let isRecording = false;
  globalThis.bench = {
    post(message) {
      start ||= performance.now();
      window.postMessage(message, "*");
    },
    click(label) {
      start = performance.now();
      const buttons = [...document.querySelectorAll("button")];
      buttons.find((button) => button.getAttribute("aria-label") === label || button.textContent === label).click();
    },
    waitFor(text) {
      start = 0;
      const isThere = () =>
        document.querySelector(`[aria-label=${JSON.stringify(text)}]`) ??
        [...document.querySelectorAll(".card .name")].find((name) => name.textContent === text);
      bench.seen = new Promise((resolve) => {
        const look = () => {
          if (start > 0 && isThere()) requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
          else requestAnimationFrame(look);
        };
        look();
      });
    },
    frames() {
      frameTimes = [];
      isRecording = true;
      let last = performance.now();
      const tick = (now) => {
        frameTimes.push(now - last);
        last = now;
        if (isRecording) requestAnimationFrame(tick);
      };
      requestAnimationFrame(tick);
    },
    endFrames() {
      isRecording = false;
      return frameTimes.slice(2);
    },
  };
}

/** Four stages of residual blocks: three convolutions, their activations, a sum. */
function deepNetwork(blocks) {
  const groups = [];
  const operators = [];
  const edges = [];
  const layers = [];
  let before = "in:x";
  for (let stage = 0; stage < 4; stage++) {
    const stageName = `stage${stage + 1}`;
    const stageGroup = {
      id: `stage:${stageName}`,
      name: stageName,
      level: "stage",
      kind: "stage",
      operators: 0,
      layers: [],
      outputShape: [1, 64, 56, 56],
    };
    groups.push(stageGroup);
    for (let block = 0; block < blocks / 4; block++) {
      const name = `block ${stage}.${block}`;
      const group = {
        id: `block:${name}`,
        name,
        level: "block",
        kind: "residual",
        parent: stageGroup.id,
        operators: 7,
        layers: [],
        outputShape: [1, 64, 56, 56],
      };
      groups.push(group);
      const input = before;
      for (const op of ["Conv", "Relu", "Conv", "Relu", "Conv", "Add", "Relu"]) {
        const id = `op:${operators.length}`;
        const layer = op === "Conv" ? `conv_${stage}_${block}_${group.layers.length + 1}` : undefined;
        operators.push({ id, name: layer ?? id, op, domain: "", parent: group.id, layer, outputShape: [1, 64, 56, 56], attributes: {} });
        edges.push({ from: before, to: id, value: `v${edges.length}` });
        if (op === "Add") edges.push({ from: input, to: id, value: `v${edges.length}` });
        if (layer) {
          group.layers.push(layer);
          stageGroup.layers.push(layer);
          layers.push({
            name: layer,
            op,
            block: name,
            stage: stageName,
            shape: [64, 64, 3, 3],
            parameters: 36_928,
            weights: 36_864,
            channels: 64,
            macs: 115_605_504,
            weightRange: [-1, 1],
            nearestSqnr: { 2: 8, 4: 20, 8: 45 },
          });
        }
        before = id;
        stageGroup.operators++;
      }
    }
  }
  edges.push({ from: before, to: "out:y", value: "y" });
  return {
    model: "deep.onnx",
    opset: 17,
    inputs: [{ id: "in:x", name: "x", shape: [1, 64, 56, 56] }],
    outputs: [{ id: "out:y", name: "y", shape: [1, 64, 56, 56] }],
    groups,
    operators,
    edges,
    layers,
    firstLast: [],
    aliases: {},
    fp32Bytes: 1e9,
    warnings: [],
  };
}
