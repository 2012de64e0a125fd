import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { pavlos: new URL("./src/index.ts", import.meta.url).pathname } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/vm/**"],
          // Properties take a second on a free machine; a busy one must not make them fail.
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: ["test/e2e/support/global-setup.ts"],
          // Real containers on one machine: the limits and the clean-up checks are the machine's.
          fileParallelism: false,
          // What hangs is to fail; what is slow on a busy machine is not.
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
