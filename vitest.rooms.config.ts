import { defineConfig } from "vitest/config";

// Tests that cross rooms, without containers.
// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export
export default defineConfig({
  test: { include: ["test/*.test.ts"], pool: "forks", testTimeout: 60_000, hookTimeout: 60_000 },
});
