"""Time of one training step of this engine against PyTorch eager's, side by side: `python3 bench/pytorch_step.py [--rounds 5] [PART…]`.

Needs PyTorch (`pip install torch`) and `npm ci`. The residual blocks of bench/step/shapes.json (ResNet-20 and -18, MobileNetV2, RegNetX), or those whose names hold
a PART. Batch 32, two threads, soft-rounded weights of 2 bits, Adam; PyTorch trains the rounding alone, as the published code does, this engine step sizes and biases
too. The two take turns; one JSON line a shape gives the medians of both and of their ratios, and in the end a table follows.
"""
import argparse
import json
import os
import statistics
import subprocess
import time

import torch
import torch.nn.functional as F

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
seconds_per_turn = 0.4
torch.set_num_threads(2)
activations = {"none": lambda x: x, "relu": F.relu, "relu6": F.relu6}


def start_engine():
    bundle = os.path.join(root, ".artifacts", "trainingStep.mjs")
    esbuild = ["npx", "esbuild", "bench/trainingStep.ts", "--bundle", "--platform=node", "--format=esm", "--packages=external"]
    subprocess.run([*esbuild, f"--outfile={bundle}", "--log-level=error"], cwd=root, check=True, stderr=subprocess.DEVNULL)
    return subprocess.Popen(["node", bundle], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)


def engine_step(engine, shape, steps):
    engine.stdin.write(json.dumps({"shape": shape, "steps": steps}) + "\n")
    return float(engine.stdout.readline())


class TorchBlock:
    """The same step written as the published code writes it, with its quantizer, loss and regularizer."""

    def __init__(self, shape, cached=128):
        channels, size = shape["channels"], shape["size"]
        self.x = torch.relu(torch.randn(cached, channels, size, size))
        self.t = torch.relu(torch.randn(cached, channels, size, size))
        self.activation = activations[shape["activation"]]
        self.layers, self.rounding = [], []
        for layer in shape["layers"]:
            outputs, kernel, groups = layer["outputs"], layer["kernel"], layer["groups"]
            fan = channels // groups * kernel * kernel
            w = torch.randn(outputs, channels // groups, kernel, kernel) * (2 / fan) ** 0.5
            low, high = w.amin((1, 2, 3), keepdim=True).clamp(max=0) * 0.7, w.amax((1, 2, 3), keepdim=True).clamp(min=0) * 0.7
            s = (high - low) / 3
            rest = w / s - torch.floor(w / s)
            self.rounding.append(torch.nn.Parameter(-torch.log(1.2 / (rest + 0.1) - 1)))
            convolution = {"bias": torch.randn(outputs) * 0.1, "padding": kernel // 2, "groups": groups}
            self.layers.append((torch.floor(w / s), s, torch.round(-low / s), convolution, activations[layer["activation"]]))
            channels = outputs
        self.optimizer = torch.optim.Adam(self.rounding, lr=1e-3)

    def step(self):
        index = torch.randint(0, len(self.x), (32,))
        x, t = self.x[index], self.t[index]
        self.optimizer.zero_grad()
        y, penalty = x, 0
        for (floor, s, z, convolution, activation), v in zip(self.layers, self.rounding):
            h = torch.clamp(torch.sigmoid(v) * 1.2 - 0.1, 0, 1)
            weights = (torch.clamp(floor + h + z, 0, 3) - z) * s
            penalty = penalty + 0.01 * (1 - ((h - 0.5).abs() * 2).pow(20.0)).sum()
            y = activation(F.conv2d(y, weights, **convolution))
        loss = (self.activation(y + x) - t).pow(2).sum(1).mean() + penalty
        loss.backward()
        self.optimizer.step()


def torch_step(block, steps):
    begin = time.perf_counter()
    for _ in range(steps):
        block.step()
    return (time.perf_counter() - begin) / steps * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("parts", nargs="*", metavar="PART")
    options = parser.parse_args()
    with open(os.path.join(root, "bench", "step", "shapes.json")) as file:
        shapes = [shape for shape in json.load(file) if not options.parts or any(part in shape["name"] for part in options.parts)]
    if not shapes:
        parser.error("no shape of bench/step/shapes.json has such a name")
    engine = start_engine()
    rows = []
    for shape in shapes:
        block = TorchBlock(shape)
        engine_step(engine, shape, 1)
        torch_step(block, 1)
        steps = max(1, round(seconds_per_turn * 1e3 / torch_step(block, 2)))
        pairs = [(engine_step(engine, shape, steps), torch_step(block, steps)) for _ in range(options.rounds)]
        ours, theirs = (statistics.median(values) for values in zip(*pairs))
        ratio = statistics.median(a / b for a, b in pairs)
        rows.append((shape["name"], ours, theirs, ratio))
        print(json.dumps({"block": shape["name"], "engine_ms": round(ours, 2), "pytorch_ms": round(theirs, 2), "ratio": round(ratio, 2)}), flush=True)
    engine.stdin.close()
    engine.wait()
    print("\n| block | this engine | PyTorch | ratio |\n| --- | --- | --- | --- |")
    for name, ours, theirs, ratio in rows:
        print(f"| {name} | {ours:.1f} ms | {theirs:.1f} ms | {ratio:.2f} |")


main()
