import { defineConfig } from "vitest/config";

// Tests on this machine's containers and network: one after the other, for they share the machine.
// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export
export default defineConfig({
  test: { include: ["test/node/**/*.test.ts", "test/e2e/**/*.test.ts"], pool: "forks", fileParallelism: false, testTimeout: 180_000, hookTimeout: 600_000 },
});
