/** Long random tests: `npm run fuzz`. Their files say which variables set their length and seed. */

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "./test/temporary-files.ts",
    include: ["test/**/*.fuzz.ts"],
    testTimeout: 0,
    hookTimeout: 300_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
