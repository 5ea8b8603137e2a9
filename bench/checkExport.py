"""Checks exported models with ONNX's own tools: the full checker, ONNX Runtime for Python at each level, and the reference evaluator.

Takes a folder written by `bench/exportMatrix.ts --output DIR` or by `bench/roundTrip.ts`: pairs NAME.onnx and NAME.simulated.onnx, and
NAME.input.npy where the input is not made up. Prints one JSON line a file and exits with 1 where the checker refuses a file, ONNX Runtime
without optimizations or another runtime disagrees with the simulated network, or a portable file does not run at some level.
`--no-reference` leaves out what an old onnx cannot evaluate; `--openvino` adds OpenVINO; `--fp32 MODEL` names the network that was quantized.

Runtimes other than ONNX Runtime take sums in another order, and an element near the middle of two levels may then fall on the other side,
which later layers carry on. So they agree where their differences are small, or rare, or (with `--fp32`) small beside quantization's own error.

Run: python3 bench/checkExport.py DIR
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx.reference import ReferenceEvaluator

LEVELS = {
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
TOLERANCE = 1e-5
FLIPPED_SHARE = 0.02
# Root mean square, in parts of the error that quantization itself makes.
NOISE_SHARE = 0.5


def run(path, feeds, level, config=None):
    options = ort.SessionOptions()
    options.graph_optimization_level = LEVELS[level]
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    for key, value in (config or {}).items():
        options.add_session_config_entry(key, value)
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, feeds)[0]


def difference(promised, found):
    return float(np.abs(promised - found).max() / np.abs(promised).max())


def root_mean_square(values):
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def attempt(promised, call):
    try:
        return difference(promised, call())
    except Exception as error:  # ONNX Runtime's exceptions have no common class
        return "fails: " + str(error).replace("\n", " ")[:120]


class Comparison:
    """The outputs that other runtimes are compared with."""

    def __init__(self, promised, fp32):
        self.promised = promised
        self.error = root_mean_square(promised - fp32) if fp32 is not None else None

    def of(self, call):
        """The greatest difference, the share of elements that differ, and the error in parts of quantization's own; or why there is none."""
        try:
            found = call()
        except Exception as error:  # runtimes have no common class of exceptions
            return {"fails": f"{type(error).__name__}: {error}".replace("\n", " ")[:160]}
        apart = np.abs(self.promised - found)
        result = {"difference": difference(self.promised, found), "share": float((apart > TOLERANCE * np.abs(self.promised).max()).mean())}
        return {**result, "noise": root_mean_square(apart) / self.error} if self.error else result


def agrees(found):
    if "fails" in found:
        return True  # what a runtime cannot do is told, and no fault of the file
    return found["difference"] <= TOLERANCE or found["share"] <= FLIPPED_SHARE or found.get("noise", 1) <= NOISE_SHARE


def run_openvino(path, feeds):
    import openvino

    core = openvino.Core()
    # Without "accuracy" it computes in bfloat16 where the processor can, and rounds the inputs of matrix products to 8 bits.
    settings = {"EXECUTION_MODE_HINT": "ACCURACY", "INFERENCE_NUM_THREADS": 1}
    return core.compile_model(core.read_model(path), "CPU", settings)(feeds)[0]


def run_reference(model, feeds):
    # The evaluator has QuantizeLinear from operator set 19 on only; the operators used here are the same in 17 and 19.
    model.opset_import[0].version = max(model.opset_import[0].version, 19)
    return ReferenceEvaluator(model).run(None, feeds)[0]


def feeds_of(model, path):
    given = path.with_suffix(".input.npy")
    if given.exists():
        return {model.graph.input[0].name: np.load(given)}
    random = np.random.default_rng(5)
    shape = lambda value: [dim.dim_value or 2 for dim in value.type.tensor_type.shape.dim]
    return {value.name: random.uniform(-1, 1.3, shape(value)).astype(np.float32) for value in model.graph.input}


def check(path, options):
    simulated = path.with_suffix(".simulated.onnx")
    model = onnx.load(path)
    feeds = feeds_of(model, path)
    result = {"file": path.name, "opset": model.opset_import[0].version}
    try:
        onnx.checker.check_model(str(path), full_check=True)
        result["checker"] = True
    except Exception as error:
        result["checker"] = str(error)[:200]
    promised = run(simulated, feeds, "disabled")
    for level in LEVELS:
        result[level] = attempt(promised, lambda: run(path, feeds, level))
    result["cured"] = attempt(promised, lambda: run(path, feeds, "all", {"session.disable_quant_qdq": "1"}))
    comparison = Comparison(promised, run(options.fp32, feeds, "disabled") if options.fp32 else None)
    if options.reference:
        result["reference"] = comparison.of(lambda: run_reference(model, feeds))
    if options.openvino:
        result["openvino"] = comparison.of(lambda: run_openvino(path, feeds))
    return result


def is_good(result):
    numbers = [result[level] for level in LEVELS]
    loads = "portable" not in result["file"] or all(isinstance(number, float) for number in numbers)
    exact = result["disabled"] <= TOLERANCE if isinstance(result["disabled"], float) else False
    return result["checker"] is True and loads and exact and all(agrees(result[other]) for other in ("reference", "openvino") if other in result)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", default="", help="part of the file names to check")
    parser.add_argument("--no-reference", dest="reference", action="store_false")
    parser.add_argument("--openvino", action="store_true")
    parser.add_argument("--fp32", type=pathlib.Path)
    options = parser.parse_args()
    paths = [path for path in sorted(options.folder.glob("*.onnx")) if not path.name.endswith(".simulated.onnx") and options.only in path.name]
    results = [check(path, options) for path in paths]
    bad = 0
    for result in results:
        good = is_good(result)
        bad += not good
        print(json.dumps({"benchmark": "checkExport", "onnx": onnx.__version__, "onnxruntime": ort.__version__, "good": good, **result}))
    print(f"{len(results) - bad} of {len(results)} files are good", file=sys.stderr)
    return 1 if bad or not results else 0


if __name__ == "__main__":
    sys.exit(main())
