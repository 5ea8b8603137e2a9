import { initConfig } from "../../worker/initConfig.ts";
import { type Command, onePositional, openRuntime, parse } from "../commandLine.ts";

export const initCommand: Command = {
  name: "init",
  usage: "MODEL.onnx [--calibration DIR]",
  summary: "Writes MODEL.brecq.json, filled in from the model.",
  options: [["--calibration DIR", "folder of images to learn from (default: found beside the model)"]],
  async run(args, { print }) {
    const { values, positionals } = parse(args, { calibration: { type: "string" } });
    const model = onePositional(positionals, "The model's path");
    const { runtime } = await openRuntime(values);
    const config = await initConfig({ runtime, model, calibration: values.calibration });
    print(values.json ? JSON.stringify({ config }) : `Wrote ${config}`);
  },
};
