import { UserError } from "../../engine/errors.ts";
import { exportResult } from "../../worker/exportResult.ts";
import { type Command, onePositional, openRuntime, parse } from "../commandLine.ts";
import { textTable } from "../table.ts";

export const exportCommand: Command = {
  name: "export",
  usage: "RESULT.json --format native|portable --output OUT.onnx",
  summary: "Writes a finished run's network in another format, and verifies it.",
  options: [
    ["--format NAME", "native: INT2/INT4 tensors; portable: 8-bit containers that load everywhere"],
    ["--output FILE", "the file to write"],
  ],
  async run(args, { print }) {
    const { values, positionals } = parse(args, { format: { type: "string" }, output: { type: "string" } });
    const result = onePositional(positionals, "The path of a result.json");
    const { format, output } = values;
    if (format !== "native" && format !== "portable") throw new UserError(`--format must be native or portable${format ? `, not "${format}"` : ""}.`);
    if (output === undefined) throw new UserError("--output is missing.", { hint: "Name the file to write." });
    const { runtime } = await openRuntime(values);
    const exported = await exportResult({ runtime, result, format, output });
    const rows = exported.verification.map(({ level, loads, maxDifference, message }) => [
      level,
      loads ? "loads" : "does not load",
      maxDifference?.toExponential(1),
      message?.slice(0, 80),
    ]);
    print(
      values.json
        ? JSON.stringify(exported, undefined, 2)
        : `Wrote ${exported.output} (${exported.bytes} bytes)\n\n${textTable(["optimization level", "", "difference", ""], rows)}`,
    );
  },
};
