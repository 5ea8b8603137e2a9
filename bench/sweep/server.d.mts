/** A queue server of its own, with persistence on. */
export interface BenchServer {
  readonly address: string;
  readonly program: string;
  readonly port: number;
  memoryBytes(): number;
  /** Seconds of processor time so far. */
  processorSeconds(): number;
  /** Commands so far. */
  commands(): number;
  command(...words: string[]): string;
  restart(downMs: number): Promise<void>;
  close(): Promise<void>;
}
/** The program of the server that is installed here. */
export const program: string | undefined;
export function freePort(): Promise<number>;
export function startServer(): Promise<BenchServer>;
