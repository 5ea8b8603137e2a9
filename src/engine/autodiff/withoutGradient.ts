import type { GradientRule } from "./rule.ts";

/** The rule of operators whose derivative is zero wherever it exists, or that give no numbers to differentiate: gradients end here. */
export const withoutGradient: GradientRule = () => [];
