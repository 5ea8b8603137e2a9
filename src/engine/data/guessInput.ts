/** @file A first guess of how a model's images are preprocessed, for the user to check. */
import type { InputConfig } from "../../config/schema.ts";
import { layoutOf } from "./preprocess.ts";

/** Sides below this are of data sets like CIFAR, whose images are taken whole. */
const smallSide = 64;

/**
 * A guess at the `input` of a config, from what exporters and training recipes mostly do; nothing in an ONNX file says it.
 * - One channel: gray, 0..1.
 * - Three channels last, or an exporter of TensorFlow or Keras: -1..1, which most of their networks take.
 * - Three channels first otherwise: mean and deviation of ImageNet, as torchvision's networks take. Square inputs from 64
 *   pixels on are cropped from images 256/224 as large, as in the usual evaluation; others are resized to fit exactly.
 * @param inputDims shape of the model's input with the batch in front
 * @param producer the exporter, as the model names it
 * @returns an empty guess where the input does not look like an image
 */
export function guessInput(inputDims: readonly number[], producer = ""): Partial<InputConfig> {
  if (inputDims.length !== 4) return {};
  const layout = layoutOf(inputDims);
  const [channels, height, width] = layout === "NCHW" ? [inputDims[1]!, inputDims[2]!, inputDims[3]!] : [inputDims[3]!, inputDims[1]!, inputDims[2]!];
  if (channels === 1) return { resize: [height, width], scale: 255, layout, channels: "gray" };
  if (channels !== 3) return {};
  if (layout === "NHWC" || /tf2onnx|tensorflow|keras/i.test(producer)) {
    return { resize: [height, width], scale: 127.5, mean: 1, std: 1, layout, channels: "RGB" };
  }
  const cropped = height === width && height >= smallSide;
  const size: Partial<InputConfig> = cropped ? { resize: Math.round((height * 256) / 224), crop: height } : { resize: [height, width] };
  return { ...size, scale: 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], layout, channels: "RGB" };
}
