import { defineConfig } from "vitest/config";

// Unit tests: beside the code, pure, on virtual time.
// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export
export default defineConfig({
  test: { include: ["src/**/*.test.ts", "scripts/**/*.test.ts", "conformance/*.test.ts"], pool: "threads", testTimeout: 60_000 },
});
