"""This engine against the published PyTorch code, side by side on one machine: time to quality and peak memory.

    python3 bench/compare/compare.py --reference DIR [--seeds 1005,1006,1007] [--steps 200] [--threads 2] [--lines FILE]

DIR is a checkout of https://github.com/yhhhli/BRECQ (PyTorch, onnx and Pillow come from PyPI); this repository must be built (`npm ci && npm run build`).
The bundled ResNet-20, 1,024 calibration images, weights of 2 bits, first and last layer 8 bits. For each seed the two take turns: ours with default
settings, the published code with --steps steps a block. Its time for the published 20,000 steps is extrapolated: what its training loops took, times 20,000 / steps,
plus the rest of the run; processor time counts next to wall time, because it depends less on what else runs. --only ours or --only reference does one half. Each run is a JSON line on standard output, and is added to FILE; in the end a table of all
lines of FILE (or of this call) follows. Peak memory is the greatest resident set of each process (ru_maxrss).
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(os.path.dirname(here))
sample = os.path.join(root, "samples", "cifar10-resnet20")
published_steps = 20000


def run(command):
    """A command's standard output, with its wall and processor time in seconds and its peak resident memory in MiB."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        # This process must stay small: a child's ru_maxrss starts with its parent's.
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=root)
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            errors.seek(0)
            sys.exit(f"{' '.join(command[:3])}: exit status {child.returncode}\n{errors.read().decode()[-2000:]}")
    return output, time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, round(usage.ru_maxrss / 1024)


def ours(seed, threads):
    with tempfile.TemporaryDirectory() as folder:
        preprocessing = json.dumps({"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]})
        data = ["--calibration", os.path.join(sample, "calibration"), "--evaluation", os.path.join(sample, "evaluation"), "--input", preprocessing]
        options = ["--weights", "2", "--seed", str(seed), "--threads", str(threads), "--output", os.path.join(folder, "quantized.onnx"), "--json"]
        output, seconds, processor, memory = run(["node", os.path.join(root, "dist", "cli.mjs"), "quantize", os.path.join(sample, "resnet20.onnx"), *data, *options])
    result = json.loads(output)
    metrics = result["metrics"]
    figures = {"fp32": metrics["fp32"]["top1"], "top1": metrics["quantized"]["top1"], "agreement": metrics["agreement"], "images": metrics["images"]}
    return {"of": "ours", "seed": seed, "steps": result["blocks"][0]["steps"], **figures, "seconds": round(seconds, 1), "processor_seconds": round(processor, 1), "peak_mib": memory}


def reference(checkout, seed, steps, threads):
    output, seconds, processor, memory = run([sys.executable, os.path.join(here, "reference.py"), os.path.abspath(checkout), str(steps), str(seed), str(threads)])
    result = json.loads(output.splitlines()[-1])
    more = published_steps / steps - 1
    published = {"published_seconds": round(seconds + result["training_seconds"] * more), "published_processor_seconds": round(processor + result["training_processor_seconds"] * more)}
    return {**result, "seconds": round(seconds, 1), "processor_seconds": round(processor, 1), **published, "peak_mib": memory}


def table(lines):
    rows = ["| | steps a block | seeds | top-1 (FP32) | agreement with FP32 | wall time (processor) | for 20,000 steps | peak memory |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    groups = {}
    for line in lines:
        groups.setdefault((line["of"], line["steps"]), []).append(line)
    for (of, steps), runs in groups.items():
        mean = lambda key: statistics.mean(r[key] for r in runs)
        median = lambda key: statistics.median(r[key] for r in runs)
        long = f"{median('published_seconds'):,.0f} s ({median('published_processor_seconds'):,.0f} s)" if of == "reference" else ""
        seeds = ", ".join(str(r["seed"]) for r in runs)
        name = "published code" if of == "reference" else "BRECQ for VS Code"
        quality = f"{mean('top1'):.2f} % ({mean('fp32'):.2f} %) | {mean('agreement'):.2f} %"
        rows.append(f"| {name} | {steps:,} | {seeds} | {quality} | {median('seconds'):.0f} s ({median('processor_seconds'):.0f} s) | {long} | {median('peak_mib'):.0f} MiB |")
    return "\n".join(rows)


def ratios(lines):
    """Medians over the seeds that both halves have, of ours to the reference's."""
    pairs = [(a, b) for a in lines for b in lines if a["of"] == "ours" and b["of"] == "reference" and a["seed"] == b["seed"]]
    if not pairs:
        return None
    speed = statistics.median(b["published_seconds"] / a["seconds"] for a, b in pairs)
    processor = statistics.median(b["published_processor_seconds"] / a["processor_seconds"] for a, b in pairs)
    memory = statistics.median(a["peak_mib"] / b["peak_mib"] for a, b in pairs)
    return {"pairs": len(pairs), "times_as_fast": round(speed, 1), "times_less_processor_time": round(processor, 1), "memory_ratio": round(memory, 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", metavar="DIR")
    parser.add_argument("--seeds", default="1005,1006,1007")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=["ours", "reference"])
    parser.add_argument("--lines", metavar="FILE")
    options = parser.parse_args()
    if options.only != "ours" and not os.path.isfile(os.path.join(options.reference or "", "quant", "block_recon.py")):
        parser.error("--reference must be a checkout of https://github.com/yhhhli/BRECQ")
    lines = []
    if options.lines and os.path.exists(options.lines):
        with open(options.lines) as file:
            lines = [json.loads(line) for line in file]
    for seed in filter(None, options.seeds.split(",")):
        halves = [] if options.only == "reference" else [lambda: ours(int(seed), options.threads)]
        halves += [] if options.only == "ours" else [lambda: reference(options.reference, int(seed), options.steps, options.threads)]
        for half in halves:
            line = half()
            lines.append(line)
            print(json.dumps(line), flush=True)
            if options.lines:
                with open(options.lines, "a") as file:
                    file.write(json.dumps(line) + "\n")
    if ratio := ratios(lines):
        print(json.dumps(ratio))
    print(table(lines))


main()
