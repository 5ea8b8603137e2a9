import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "webview/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: more processes only take turns, and ONNX Runtime has threads of its own.
    maxWorkers: 2,
    pool: "forks",
    env: { ORT_DISABLE_TELEMETRY: "1" },
  },
});
