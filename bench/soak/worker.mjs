/** @file The worker that the soak's extension host starts: a pretended one for most runs, the real one where the host asks for it. */
await import(process.env.BRECQ_SOAK_REAL === "1" ? "../../dist/worker.mjs" : "../../dist/test/extension/fixtures/fakeWorker.mjs");
