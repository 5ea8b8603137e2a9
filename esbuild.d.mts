/** Bundles everything that runs into `dist`. */
export function build(options?: { production?: boolean; tests?: boolean; watch?: boolean; engine?: boolean }): Promise<string[]>;
/** Bundles the command line alone into a file. */
export function buildCommandLine(outfile: string): Promise<void>;
