import { resolve } from "node:path";
import { distillConfigured } from "../../worker/distillConfigured.ts";
import { type Command, onePositional, openRuntime, parse, positiveNumber } from "../commandLine.ts";

export const distillCommand: Command = {
  name: "distill",
  usage: "CONFIG.brecq.json [--pictures DIR] [--count N]",
  summary: "Makes calibration images from the model's BatchNorm statistics, where there is no data.",
  options: [
    ["--pictures DIR", "also write images as PNG files, to look at"],
    ["--count N", "how many PNG files to write (default: 64)"],
  ],
  async run(args, context) {
    const { values, positionals } = parse(args, { pictures: { type: "string" }, count: { type: "string", default: "64" } });
    const configFile = onePositional(positionals, "The config's path");
    const count = positiveNumber(values.count, "--count");
    const { runtime } = await openRuntime(values);
    const pictures = values.pictures === undefined ? undefined : { folder: resolve(values.pictures), count };
    const made = await distillConfigured({ runtime, configFile, pictures }, context);
    if (values.json) context.print(JSON.stringify(made, undefined, 2));
    else
      context.print([`${made.count} images: ${made.file}`, ...(pictures ? [`${made.pictures.length} pictures: ${pictures.folder}`] : [])].join("\n"));
  },
};
