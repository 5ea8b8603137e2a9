/** @file Sizes as users write and read them: "0.5 MB", 1 MB = 1,000,000 bytes. */

const unitBytes: Record<string, number> = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 };

/** Bytes of a size such as "0.5 MB", "300KiB" or "1200"; undefined where the text is no size above zero. */
export function parseByteSize(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*([kmg]?i?b)?\s*$/i.exec(text);
  if (!match) return undefined;
  const unit = unitBytes[(match[2] ?? "b").toLowerCase()];
  const bytes = unit === undefined ? Number.NaN : Number(match[1]) * unit;
  return bytes > 0 ? bytes : undefined;
}

/** A size with three digits: "1.09 MB". */
export function formatByteSize(bytes: number): string {
  const [unit, size] = bytes >= 1e9 ? ["GB", 1e9] : bytes >= 1e6 ? ["MB", 1e6] : bytes >= 1e3 ? ["kB", 1e3] : ["B", 1];
  const value = bytes / size;
  return `${size === 1 ? value : value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)} ${unit}`;
}
