"""Checks exported models with ONNX's own tools: the full checker, ONNX Runtime for Python at each level, and the reference evaluator.

Takes a folder written by `bench/exportMatrix.ts --output DIR`: pairs NAME.onnx and NAME.simulated.onnx. Prints one JSON line a file and
exits with 1 where the checker refuses a file, the reference evaluator or ONNX Runtime without optimizations disagree with the simulated
network, or a portable file does not run at some level. `--no-reference` leaves out what an old onnx cannot evaluate.

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
# An element near the middle of two levels may fall on either side when sums are taken in another order.
FLIPPED_SHARE = 0.02


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


def attempt(promised, call):
    try:
        return difference(promised, call())
    except Exception as error:  # ONNX Runtime's exceptions have no common class
        return "fails: " + str(error).replace("\n", " ")[:120]


def feeds_of(model):
    random = np.random.default_rng(5)
    shape = lambda value: [dim.dim_value or 2 for dim in value.type.tensor_type.shape.dim]
    return {value.name: random.uniform(-1, 1.3, shape(value)).astype(np.float32) for value in model.graph.input}


def check(path, with_reference):
    simulated = path.with_suffix(".simulated.onnx")
    model = onnx.load(path)
    feeds = feeds_of(model)
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
    if with_reference:
        # The evaluator has QuantizeLinear from operator set 19 on only; the operators used here are the same in 17 and 19.
        model.opset_import[0].version = max(model.opset_import[0].version, 19)
        try:
            found = ReferenceEvaluator(model).run(None, feeds)[0]
            result["reference"] = difference(promised, found)
            result["flipped"] = float((np.abs(promised - found) > TOLERANCE * np.abs(promised).max()).mean())
        except ValueError as error:
            # onnx 1.23's own ConvTranspose cannot do groups of more than one channel.
            result["reference"] = "cannot evaluate: " + str(error)[:120]
    return result


def is_good(result):
    numbers = [result[level] for level in LEVELS]
    loads = "portable" not in result["file"] or all(isinstance(number, float) for number in numbers)
    agrees = result["disabled"] <= TOLERANCE if isinstance(result["disabled"], float) else False
    evaluated = isinstance(result.get("reference"), float)
    reference = not evaluated or result["reference"] <= TOLERANCE or result["flipped"] <= FLIPPED_SHARE
    return result["checker"] is True and loads and agrees and reference


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", default="", help="part of the file names to check")
    parser.add_argument("--no-reference", action="store_true")
    options = parser.parse_args()
    paths = [path for path in sorted(options.folder.glob("*.onnx")) if not path.name.endswith(".simulated.onnx") and options.only in path.name]
    results = [check(path, not options.no_reference) for path in paths]
    bad = 0
    for result in results:
        good = is_good(result)
        bad += not good
        print(json.dumps({"benchmark": "checkExport", "onnx": onnx.__version__, "onnxruntime": ort.__version__, "good": good, **result}))
    print(f"{len(results) - bad} of {len(results)} files are good", file=sys.stderr)
    return 1 if bad or not results else 0


if __name__ == "__main__":
    sys.exit(main())
