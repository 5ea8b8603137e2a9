/** @file ONNX Runtime as a judge: runs test graphs in any element type, apart from the engine's own runtime. */
import { toBinary } from "@bufbuild/protobuf";
import * as ort from "onnxruntime-node";
import { type ModelProto, ModelProtoSchema } from "../../src/engine/onnx/onnx_pb.ts";
import type { DataType, NumericArray, Tensor } from "../../src/engine/onnx/tensor.ts";

const ortTypes: Partial<Record<DataType, ort.Tensor.Type>> = {
  float: "float32",
  double: "float64",
  bool: "bool",
  int8: "int8",
  uint8: "uint8",
  int32: "int32",
  int64: "int64",
};
const typesOfOrt = new Map(Object.entries(ortTypes).map(([type, ortType]) => [ortType as string, type as DataType]));

/** A loaded test model. */
export class TestSession {
  readonly #session: ort.InferenceSession;

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
  }

  static async create(model: ModelProto, optimization: "disabled" | "basic" | "extended" | "all" = "all"): Promise<TestSession> {
    const options: ort.InferenceSession.SessionOptions = {
      graphOptimizationLevel: optimization,
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    };
    return new TestSession(await ort.InferenceSession.create(toBinary(ModelProtoSchema, model), options));
  }

  async run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> {
    const results = await this.#session.run(Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toOrt(tensor)])));
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, fromOrt(tensor)]));
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

function toOrt(tensor: Tensor): ort.Tensor {
  const type = ortTypes[tensor.type];
  if (!type) throw new Error(`TestSession: no ${tensor.type} tensors`);
  return new ort.Tensor(type, tensor.data as Float32Array, tensor.dims);
}

function fromOrt(tensor: ort.Tensor): Tensor {
  const type = typesOfOrt.get(tensor.type);
  if (!type) throw new Error(`TestSession: no ${tensor.type} tensors`);
  return { type, dims: tensor.dims, data: tensor.data as NumericArray };
}
