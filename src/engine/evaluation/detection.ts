/** @file Average precision of detectors. */
import type { Accuracy } from "../../config/result.ts";
import type { Detection } from "../data/box.ts";
import type { ImageView } from "../data/dataset.ts";
import { UserError } from "../errors.ts";
import { averagePrecision } from "./averagePrecision.ts";
import type { Decoder } from "./decoders/decoder.ts";
import { nanodetDecoder } from "./decoders/nanodet.ts";
import { scoredBoxesDecoder } from "./decoders/scoredBoxes.ts";
import { yoloxDecoder } from "./decoders/yolox.ts";
import type { Batch, Task, TaskMetrics, TaskOptions } from "./task.ts";

export class DetectionTask implements Task {
  readonly #options: TaskOptions;
  readonly #view: ImageView;
  readonly #decode: Decoder;
  readonly #fp32: Detection[][] = [];
  readonly #quantized: Detection[][] = [];

  /** @throws UserError where no decoder is named */
  constructor(options: TaskOptions) {
    const { view } = options.dataset;
    if (!view) throw new Error("internal: boxes without images");
    this.#options = options;
    this.#view = view;
    this.#decode = createDecoder(options, view);
  }

  async add({ start, count, quantized, reference }: Batch): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.#quantized.push(this.#detect(quantized, i, start));
      if (reference) this.#fp32.push(this.#detect(reference, i, start));
    }
  }

  #detect(outputs: Batch["quantized"], i: number, start: number): Detection[] {
    return this.#decode(outputs, i).map((detection) => ({ ...detection, ...this.#view.toImage(start + i, detection) }));
  }

  get result(): TaskMetrics {
    return { fp32: this.#accuracy(this.#fp32), quantized: this.#accuracy(this.#quantized) };
  }

  #accuracy(detections: readonly Detection[][]): Accuracy {
    const truth = this.#options.dataset.boxes!;
    return averagePrecision(detections.map((found, i) => ({ found, truth: truth[i]! }))) ?? {};
  }
}

function createDecoder({ decoder, boxFormat, outputOffset }: TaskOptions, canvas: ImageView): Decoder {
  switch (decoder) {
    case "yolox":
      return yoloxDecoder(canvas);
    case "nanodet":
      return nanodetDecoder(canvas);
    case "boxes":
      return scoredBoxesDecoder(canvas, { format: boxFormat, outputOffset });
    case undefined:
      throw new UserError('There are boxes to compare with, and no "decoder" says how the model\'s outputs become boxes.', {
        hint: 'Add "decoder": "yolox", "nanodet" or "boxes" to "evaluation".',
      });
  }
}
