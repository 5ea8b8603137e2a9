/** @file What the finished blocks of a run depend on, as one number: they are taken up again only where it is the same. */
import { createHash, type Hash } from "node:crypto";
import type { InputConfig, RunConfig } from "../config/schema.ts";
import { layOutExternalData } from "../engine/onnx/externalDataWriter.ts";
import { serializeModel } from "../engine/onnx/modelFile.ts";
import type { ModelProto } from "../engine/onnx/onnx_pb.ts";
import { floatData } from "../engine/onnx/tensor.ts";
import type { ActivationCache } from "../engine/reconstruction/activationCache.ts";
import { brecqVersion } from "./version.ts";

export interface RunBasis {
  readonly model: ModelProto;
  readonly run: RunConfig;
  readonly input: InputConfig | undefined;
  /** The calibration samples as the network gets them. */
  readonly samples: ActivationCache;
  /** Their classes, where the loss takes them. */
  readonly labels?: Int32Array | undefined;
}

/** Of contents and not of names: an image or a weight that was replaced in the meantime counts. */
export function runFingerprint({ model, run, input, samples, labels }: RunBasis): string {
  const hash = createHash("sha256");
  const { export: _format, ...settings } = run;
  hash.update(
    JSON.stringify({ settings, input, version: brecqVersion, samples: samples.samples, dims: samples.dims, labels: labels && [...labels] }),
  );
  updateWithModel(hash, model);
  for (let row = 0; row < samples.samples; row++) hash.update(floatData(samples.read(row, 1)));
  return hash.digest("hex");
}

/** Adds a model's structure and weights to a hash. */
export function updateWithModel(hash: Hash, model: ModelProto): void {
  const { model: structure, chunks } = layOutExternalData(model, "weights");
  hash.update(serializeModel(structure));
  for (const chunk of chunks) hash.update(chunk);
}
