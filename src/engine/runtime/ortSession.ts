/** @file A loaded model behind our Session interface; the same for both builds of ONNX Runtime. */
import type { InferenceSession } from "onnxruntime-node";
import { UserError } from "../errors.ts";
import type { DataType, Tensor } from "../onnx/tensor.ts";
import { runError } from "./ortErrors.ts";
import { dataTypeOfOrt, fromOrtTensor, isPassableOrtType, type OrtTensorConstructor, passableTypesHint, toOrtTensor } from "./ortTensor.ts";
import type { Session, SessionOptions } from "./runtime.ts";

/**
 * Session options as ONNX Runtime's JavaScript API takes them.
 *
 * `extra` is how both builds take session configuration entries: they walk it recursively and join nested keys
 * with dots, so `{session: {disable_quant_qdq: "1"}}` and `{"session.disable_quant_qdq": "1"}` are the same entry.
 * The flat form is used: it needs no splitting, and an entry's name may itself contain dots
 * (`session.intra_op.allow_spinning`). Values must be strings. Tested in createRuntime.test.ts.
 */
export function ortSessionOptions(options: SessionOptions, provider: string): InferenceSession.SessionOptions {
  return {
    executionProviders: [provider],
    graphOptimizationLevel: options.optimization ?? "all",
    // Fatal only: every error is thrown as well, and printing it a second time would clutter stderr.
    logSeverityLevel: 4,
    extra: { ...options.config },
  };
}

/** Wraps a session after checking that its inputs and outputs can pass through the JavaScript API. */
export async function wrapSession(session: InferenceSession, construct: OrtTensorConstructor): Promise<Session> {
  const values = [...session.inputMetadata, ...session.outputMetadata];
  // Returning such a value makes the native build read past its type table.
  const wrong = values.find((value) => !value.isTensor || !isPassableOrtType(value.type));
  if (wrong) {
    await session.release();
    throw new UserError(`The model's input or output "${wrong.name}" is ${wrong.isTensor ? `of type ${wrong.type}` : "not a tensor"}.`, {
      hint: passableTypesHint,
    });
  }
  return new OrtSession(session, construct);
}

class OrtSession implements Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly outputTypes: readonly DataType[];
  readonly #session: InferenceSession;
  readonly #construct: OrtTensorConstructor;

  constructor(session: InferenceSession, construct: OrtTensorConstructor) {
    this.#session = session;
    this.#construct = construct;
    this.inputNames = session.inputNames;
    this.outputNames = session.outputNames;
    this.outputTypes = session.outputMetadata.map((value) => dataTypeOfOrt((value as InferenceSession.TensorValueMetadata).type));
  }

  async run(feeds: Readonly<Record<string, Tensor>>, fetches: readonly string[] = this.outputNames): Promise<Record<string, Tensor>> {
    this.#checkNames(feeds, fetches);
    const ortFeeds = Object.entries(feeds).map(([name, tensor]) => [name, toOrtTensor(name, tensor, this.#construct)]);
    let results: InferenceSession.ReturnType;
    try {
      results = await this.#session.run(Object.fromEntries(ortFeeds), fetches);
    } catch (error) {
      throw runError(error);
    }
    return Object.fromEntries(fetches.map((name) => [name, fromOrtTensor(results[name]!)]));
  }

  #checkNames(feeds: Readonly<Record<string, Tensor>>, fetches: readonly string[]): void {
    const missing = this.inputNames.find((name) => !Object.hasOwn(feeds, name));
    if (missing !== undefined) throw new UserError(`The model needs the input "${missing}", which was not given.`);
    const unknown = Object.keys(feeds).find((name) => !this.inputNames.includes(name));
    if (unknown !== undefined) throw this.#unknownName("input", unknown, this.inputNames);
    const unknownFetch = fetches.find((name) => !this.outputNames.includes(name));
    if (unknownFetch !== undefined) throw this.#unknownName("output", unknownFetch, this.outputNames);
  }

  #unknownName(kind: string, name: string, known: readonly string[]): UserError {
    return new UserError(`The model has no ${kind} "${name}".`, { hint: `Its ${kind}s are: ${known.join(", ")}.` });
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
