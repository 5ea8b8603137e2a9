/** @file Laying out initializers in a data file beside the model. */
import { clearField, create, toBinary } from "@bufbuild/protobuf";
import { shallowCopy } from "./messages.ts";
import {
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from "./onnx_pb.ts";

/** Smaller initializers stay in the model, as in ONNX's own tools: shape constants must be readable without the data file. */
const minBytes = 1024;

/** Data starts at page boundaries, so that a runtime can map the file into memory. */
const alignment = 4096;

export interface ExternalLayout {
  /** The model with its large initializers referring to the data file; all else is shared. */
  model: ModelProto;
  /** The data file's content in order. */
  chunks: Uint8Array[];
}

/** Puts every large initializer of the main graph into a data file of that name. The model that is given stays as it is. */
export function layOutExternalData(model: ModelProto, dataFileName: string): ExternalLayout {
  const chunks: Uint8Array[] = [];
  const offsets = new Map<Uint8Array, number>();
  let end = 0;
  const external = mapLargeInitializers(model, (tensor) => {
    let offset = offsets.get(tensor.rawData);
    if (offset === undefined) {
      offset = Math.ceil(end / alignment) * alignment;
      chunks.push(new Uint8Array(offset - end), tensor.rawData);
      end = offset + tensor.rawData.length;
      offsets.set(tensor.rawData, offset);
    }
    return externalTensor(tensor, dataFileName, offset);
  });
  return { model: external, chunks };
}

function externalTensor(tensor: TensorProto, location: string, offset: number): TensorProto {
  const entries = { location, offset: `${offset}`, length: `${tensor.rawData.length}` };
  const copy = shallowCopy(TensorProtoSchema, tensor, {
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value })),
  });
  clearField(copy, TensorProtoSchema.field.rawData);
  return copy;
}

/** The serialized size of a model in bytes, not less than the true one and at most a few bytes a tensor more. */
export function serializedSizeBound(model: ModelProto): number {
  let dataBytes = 0;
  const skeleton = mapLargeInitializers(model, (tensor) => {
    // The lengths of the data, the tensor, the graph and the model take up to five bytes each.
    dataBytes += tensor.rawData.length + 20;
    return shallowCopy(TensorProtoSchema, tensor, { rawData: new Uint8Array(0) });
  });
  return toBinary(ModelProtoSchema, skeleton).length + dataBytes;
}

function mapLargeInitializers(model: ModelProto, change: (tensor: TensorProto) => TensorProto): ModelProto {
  if (!model.graph) return model;
  const initializer = model.graph.initializer.map((tensor) => (tensor.rawData.length >= minBytes ? change(tensor) : tensor));
  return shallowCopy(ModelProtoSchema, model, { graph: shallowCopy(GraphProtoSchema, model.graph, { initializer }) });
}
