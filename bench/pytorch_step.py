"""Time of one training step of this engine against PyTorch eager's, side by side: `python3 bench/pytorch_step.py [rounds]`.

Needs PyTorch (`pip install torch`) and a built checkout (`npm ci`). Basic residual blocks of ResNet-20 and ResNet-18, batch 32,
two threads, soft-rounded weights of 2 bits, Adam. The two take turns; one JSON line a shape gives the medians and their ratio.
"""
import json
import os
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
torch.set_num_threads(2)


def start_engine():
    bundle = os.path.join(root, ".artifacts", "trainingStep.mjs")
    esbuild = ["npx", "esbuild", "bench/trainingStep.ts", "--bundle", "--platform=node", "--format=esm", "--packages=external"]
    subprocess.run([*esbuild, f"--outfile={bundle}", "--log-level=error"], cwd=root, check=True, stderr=subprocess.DEVNULL)
    return subprocess.Popen(["node", bundle], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)


def engine_step(engine, channels, size, steps):
    engine.stdin.write(f"{channels} {size} {steps}\n")
    return float(engine.stdout.readline())


class TorchBlock:
    """The same step written as the published code writes it, with its quantizer, loss and regularizer."""

    def __init__(self, channels, size, cached=128):
        self.x = torch.relu(torch.randn(cached, channels, size, size))
        self.t = torch.relu(torch.randn(cached, channels, size, size))
        self.layers = []
        for _ in range(2):
            w = torch.randn(channels, channels, 3, 3) * (2 / (9 * channels)) ** 0.5
            low, high = w.amin((1, 2, 3), keepdim=True) * 0.7, w.amax((1, 2, 3), keepdim=True) * 0.7
            s = (high - low) / 3
            rest = w / s - torch.floor(w / s)
            v = torch.nn.Parameter(-torch.log(1.2 / (rest + 0.1) - 1))
            self.layers.append((torch.floor(w / s), s, torch.round(-low / s), torch.randn(channels) * 0.1, v))
        self.optimizer = torch.optim.Adam([layer[4] for layer in self.layers], lr=1e-3)

    def step(self):
        index = torch.randint(0, len(self.x), (32,))
        x, t = self.x[index], self.t[index]
        self.optimizer.zero_grad()
        weights, penalty = [], 0
        for floor, s, z, _, v in self.layers:
            h = torch.clamp(torch.sigmoid(v) * 1.2 - 0.1, 0, 1)
            weights.append((torch.clamp(floor + h + z, 0, 3) - z) * s)
            penalty = penalty + 0.01 * (1 - ((h - 0.5).abs() * 2).pow(20.0)).sum()
        y = F.relu(F.conv2d(x, weights[0], self.layers[0][3], padding=1))
        y = F.relu(F.conv2d(y, weights[1], self.layers[1][3], padding=1) + x)
        loss = (y - t).pow(2).sum(1).mean() + penalty
        loss.backward()
        self.optimizer.step()


def torch_step(block, steps):
    begin = time.perf_counter()
    for _ in range(steps):
        block.step()
    return (time.perf_counter() - begin) / steps * 1e3


def main():
    engine = start_engine()
    shapes = [("resnet20", 16, 32), ("resnet20", 32, 16), ("resnet20", 64, 8), ("resnet18", 64, 56), ("resnet18", 128, 28), ("resnet18", 256, 14), ("resnet18", 512, 7)]
    for network, channels, size in shapes:
        steps = 20 if network == "resnet20" else 2
        block = TorchBlock(channels, size)
        engine_step(engine, channels, size, 1)
        torch_step(block, 1)
        pairs = [(engine_step(engine, channels, size, steps), torch_step(block, steps)) for _ in range(rounds)]
        ours, theirs = (statistics.median(values) for values in zip(*pairs))
        ratio = statistics.median(a / b for a, b in pairs)
        print(json.dumps({"block": f"{network} {channels}x{size}x{size}", "engine_ms": round(ours, 2), "pytorch_ms": round(theirs, 2), "ratio": round(ratio, 2)}), flush=True)
    engine.stdin.close()
    engine.wait()


main()
