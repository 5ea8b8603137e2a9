/** @file From a model's input back to a picture. */
import type { PreprocessPlan } from "./preprocess.ts";

/**
 * The pixels, interleaved RGB or gray, that a sample of the model's input stands for; values beyond 0..255 are clamped.
 * @param sample in the plan's layout
 */
export function pixelsOf(plan: PreprocessPlan, sample: Float32Array): { data: Uint8Array; channels: 1 | 3 } {
  const channels = plan.values.length === 1 ? 1 : 3;
  const pixels = plan.height * plan.width;
  const data = new Uint8Array(pixels * channels);
  for (let channel = 0; channel < channels; channel++) {
    const [low, high] = [plan.values[channel]![0]!, plan.values[channel]![255]!];
    const target = plan.channels === "BGR" ? channels - 1 - channel : channel;
    for (let i = 0; i < pixels; i++) {
      const value = sample[plan.layout === "NCHW" ? channel * pixels + i : i * channels + channel]!;
      data[i * channels + target] = Math.min(Math.max(Math.round((255 * (value - low)) / (high - low)), 0), 255);
    }
  }
  return { data, channels };
}
