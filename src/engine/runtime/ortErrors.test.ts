import { expect, it } from "vitest";
import { UserError } from "../errors.ts";
import { loadError, runError } from "./ortErrors.ts";

it.each([
  [
    "/onnxruntime_src/onnxruntime/core/graph/model.cc:202 onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::ModelOptions&) Unsupported model IR version: 99, max supported IR version: 13\n",
    "Unsupported model IR version: 99, max supported IR version: 13.",
  ],
  [
    "D:\\a\\_work\\1\\s\\onnxruntime\\core\\graph\\model.cc:202 onnxruntime::Model::Model(int) const Unsupported model IR version: 99",
    "Unsupported model IR version: 99.",
  ],
  [
    "/onnxruntime_src/onnxruntime/core/x.cc:136 onnxruntime::X::Initialize(const onnxruntime::Y&)::<lambda()> a.b == c::D::E was false. No adapter\n",
    "No adapter.",
  ],
  ["Load model from /a b/m.onnx failed:Load model /a b/m.onnx failed. File doesn't exist", "Load model /a b/m.onnx failed. File doesn't exist."],
  [
    "Can't create a session. ERROR_CODE: 7, ERROR_MESSAGE: Failed to load model because protobuf parsing failed.",
    "Failed to load model because protobuf parsing failed.",
  ],
])("leaves of %j what the user can read", (text, message) => {
  const error = loadError(new Error(text), "/a b/m.onnx");
  expect(error.message).toBe(`ONNX Runtime cannot load the model: ${message}`);
  expect(error.place.file).toBe("/a b/m.onnx");
});

it.each([
  ["Non-zero status code returned while running Conv node. Name:'/conv1/Conv' Status Message: bad", "/conv1/Conv"],
  ["Node (odd one) Op (Add) [ShapeInferenceError] Incompatible dimensions", "odd one"],
  ["Type Error: Type 'tensor(int64)' of input parameter (x) of operator (Conv) in node (odd) is invalid.", "odd"],
  ['This is an invalid model. In Node, ("odd", Softmax, "", -1) : ("x": tensor(float),)', "odd"],
  ["Could not find an implementation for Identity(21) node with name 'out'", "out"],
])("finds the node in %j", (text, node) => {
  expect(runError(new Error(text)).place.node).toBe(node);
});

it("keeps a UserError as it is and gives a hint where it knows one", () => {
  const error = new UserError("clear");
  expect(loadError(error)).toBe(error);
  expect(runError(new Error("std::bad_alloc")).hint).toBe("Free memory, or use smaller batches.");
  expect(runError(new Error("something else")).hint).toBeUndefined();
});
