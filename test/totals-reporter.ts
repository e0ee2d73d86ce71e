/** Ends the output of a test run with one line of totals, which says at a glance what ran and what did not. */

import type { SerializedError } from "vitest";
import type { Reporter, TestCase, TestModule } from "vitest/node";

export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const states = modules.flatMap((module) => [...module.children.allTests()].map(stateOf));
    // What fails outside tests (a file that cannot be loaded, a rejection nobody awaits) counts as tests that failed.
    const broken =
      unhandledErrors.length + modules.filter((module) => module.errors().length > 0).length;
    const count = (wanted: string) => states.filter((state) => state === wanted).length;
    const line = `${count("passed")} passed, ${count("failed") + broken} failed, ${count("skipped")} skipped`;
    // Other reporters have more to say, and the last line is ours.
    process.once("exit", () => process.stdout.write(`${line}\n`));
  }
}

/** A test that never came to run, as when the run was cancelled, did not pass. */
function stateOf(test: TestCase): "passed" | "failed" | "skipped" {
  const { state } = test.result();
  return state === "pending" ? "failed" : state;
}
