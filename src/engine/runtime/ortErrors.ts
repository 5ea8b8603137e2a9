/** @file ONNX Runtime's error texts as errors that a user can act on. */
import { errorMessage, UserError } from "../errors.ts";
import { passableTypesHint } from "./ortTensor.ts";

/** What ONNX Runtime's text says, in the order in which it is looked for, and what the user can do. */
const hints: readonly [RegExp, string][] = [
  [/bad_alloc|allocate memory|out of memory|Out of bounds memory|RangeError: Array buffer allocation/i, "Free memory, or use smaller batches."],
  [/unsupported data type: \d+/i, passableTypesHint],
  [/protobuf parsing failed/i, "Check that the file is a complete ONNX model."],
  [
    /is not a registered function\/op|No Op registered/i,
    "The model uses an operator that this ONNX Runtime does not know; export it with standard operators.",
  ],
  [/Could not find an implementation/i, "This ONNX Runtime has no kernel for that operator and type; export the model with another type or opset."],
  [/Unsupported model IR version|opset .* is under development/i, "Export the model with an older opset or IR version."],
  [/Got invalid (dimensions|rank) for input|Invalid rank for input/i, "Make the input's shape that of the model's input."],
  [/Unexpected input data type/i, "Make the input's type that of the model's input."],
  [/Type Error|TypeInferenceError|ShapeInferenceError|invalid model/i, "Check the model, or export it again."],
];

const nodePatterns = [
  /while running \S+ node\. Name:'([^']*)'/,
  /[Nn]ode \(([^)]*)\)/,
  /In Node, \("([^"]*)"/,
  /Node:\s?(\S+)/,
  /node with name '([^']*)'/,
];

/** An error of loading a model. `file` is the model's path, where it has one. */
export function loadError(error: unknown, file?: string): UserError {
  return toUserError("ONNX Runtime cannot load the model", error, file);
}

/** An error of running a model. */
export function runError(error: unknown): UserError {
  return toUserError("ONNX Runtime failed while it ran the model", error);
}

function toUserError(what: string, error: unknown, file?: string): UserError {
  if (error instanceof UserError) return error;
  const text = errorMessage(error);
  const node = nodePatterns.map((pattern) => pattern.exec(text)?.[1]).find((name) => name);
  return new UserError(`${what}: ${clean(text)}`, {
    hint: hints.find(([pattern]) => pattern.test(text))?.[1],
    place: { file, node },
    cause: error,
  });
}

/** One line without the parts that speak of ONNX Runtime's own source. */
function clean(text: string): string {
  const line = text
    .replace(/\s+/g, " ")
    .replace(/^Can't create a session\. |^failed to call OrtRun\(\)\. /, "")
    .replace(/ERROR_CODE: \d+, ERROR_MESSAGE: /, "")
    .replace(/^Exception during (initialization|loading): /, "")
    .replace(/^Load model from .* failed: ?/, "")
    .replace(/(\/onnxruntime_src|[A-Z]:\\\S*onnxruntime)\S*:\d+ .*?\)( const)?(::<lambda\(\)>)? /g, "")
    .replace(/^[\w:.()&|=!<> -]+ was false\. (?=\S)/, "")
    .replace(/\[ONNXRuntimeError\] : \d+ : \w+ : /g, "")
    .trim();
  return /[.!?]$/.test(line) ? line : `${line}.`;
}
