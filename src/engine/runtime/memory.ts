/** @file What the process takes of the machine's memory. */

/** The most memory that the process has held at any time so far, in bytes (resident set, native code included). */
export function peakMemoryBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

/** The memory that the process holds now, in bytes (resident set, native code included). */
export function currentMemoryBytes(): number {
  return process.memoryUsage.rss();
}
