"""Writes the node tests of the PyPI package `onnx` into a folder: NAME/model.onnx, input_I.pb, output_I.pb (TensorProto).

Besides each test as it is, one with all inputs but the first as constants, as networks have them, and those that onnx's own converter
brings to older operator sets. Tests with inputs that are no tensors are left out.

Run: python3 bench/conformance/generate.py DIR
"""

import pathlib
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper, version_converter
from onnx.backend.test.case.node import collect_testcases

OLDER = [13, 11, 9]
# The converter keeps the newest, which ONNX Runtime may not read yet.
OLDER_IR = 8


def write(folder, model, inputs, outputs):
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    for kind, values, arrays in [("input", model.graph.input, inputs), ("output", model.graph.output, outputs)]:
        for i, (value, array) in enumerate(zip(values, arrays, strict=True)):
            tensor = array if isinstance(array, onnx.TensorProto) else numpy_helper.from_array(np.asarray(array), value.name)
            tensor.name = value.name
            (folder / f"{kind}_{i}.pb").write_bytes(tensor.SerializeToString())


def with_constants(model, inputs):
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for value, array in zip(list(copy.graph.input)[1:], inputs[1:]):
        copy.graph.initializer.append(numpy_helper.from_array(np.asarray(array), value.name))
        copy.graph.input.remove(value)
    return copy


def main():
    target = pathlib.Path(sys.argv[1])
    warnings.simplefilter("ignore")
    written = 0
    for case in collect_testcases(None):
        inputs, outputs = case.data_sets[0] if case.data_sets else ([], [])
        plain = case.model is not None and case.model.graph.input and all(isinstance(a, (np.ndarray, np.generic)) for a in [*inputs, *outputs])
        if not plain:
            continue
        models = {"": (case.model, inputs)}
        if len(inputs) > 1:
            models[".constants"] = (with_constants(case.model, inputs), inputs[:1])
        for opset in OLDER:
            try:
                base, given = models.get(".constants", models[""])
                older = version_converter.convert_version(base, opset)
                older.ir_version = min(older.ir_version, OLDER_IR)
                models[f".opset{opset}"] = (older, given)
            except Exception:  # the converter knows few ways back, and says so in many ways
                pass
        for suffix, (model, given) in models.items():
            try:
                write(target / f"{case.name}{suffix}", model, given, outputs)
                written += 1
            except (ValueError, TypeError):
                pass
    print(f"onnx {onnx.__version__}: {written} models")


main()
