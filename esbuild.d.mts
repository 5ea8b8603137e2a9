/** Bundles everything that runs into `dist`. */
export function build(options?: { production?: boolean; tests?: boolean; watch?: boolean; engine?: boolean }): Promise<string[]>;
/** Bundles the command line into `cli.mjs` in the folder of `outfile`, and the worker beside it. */
export function buildCommandLine(outfile: string): Promise<void>;
