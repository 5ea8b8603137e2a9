/** Where an error was found, as far as it is known. */
export interface ErrorPlace {
  /** File path. */
  file?: string;
  /** 1-based line in a text file. */
  line?: number;
  /** Node or layer name in a model. */
  node?: string;
}

/**
 * An error that is the user's to act on: one clear sentence, and what to do next.
 * Anything else that is thrown is a defect of this program.
 */
export class UserError extends Error {
  readonly place: ErrorPlace;
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string; place?: ErrorPlace; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "UserError";
    this.place = options.place ?? {};
    this.hint = options.hint;
  }

  /** The message, its place and the hint in one line. */
  toLine(): string {
    const { file, line, node } = this.place;
    const where = [file && (line ? `${file}:${line}` : file), node && `node ${node}`].filter(Boolean).join(", ");
    return [this.message, where && `(${where})`, this.hint].filter(Boolean).join(" ");
  }
}

/** Thrown where another process is doing the same: nothing is wrong, and later it may be free. */
export class HeldError extends UserError {}

/** Thrown where a run was cancelled on request; it leaves everything resumable. */
export class CancelledError extends Error {
  constructor() {
    super("Cancelled.");
    this.name = "CancelledError";
  }
}

/** The message of anything thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
