import { defineConfig } from "vitest/config";

/** Those that run programs, devices or servers, whose state is that of the process. */
const programs = "bench, cli, conformance, cuda, end-to-end, fuzz, page, runtime, trainer"
  .split(", ")
  .map((folder) => `test/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    globalSetup: "./test/temporary-files.ts",
    reporters: ["default", "./test/totals-reporter.ts"],
    // Generous, as tests train models and call compilers on machines that have other work.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: "forks",
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        // The stages of the compiler keep no state, so that a process may load them once for all files of tests.
        test: { name: "stages", include: ["test/**/*.test.ts"], exclude: programs, isolate: false },
      },
      { extends: true, test: { name: "programs", include: programs } },
    ],
  },
});
