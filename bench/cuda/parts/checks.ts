/** Whether the device computes what it should: reference cases, and the examples with the results they promise. */

import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Budget } from "../budget.ts";
import { bundleFolder } from "../peers.ts";
import { failureOf, runCommand } from "../run-command.ts";
import type { RunContext } from "./context.ts";

interface Example {
  readonly file: string;
  readonly metric: string;
  /** Of dsl-examples/README.md. */
  readonly least: number;
}

const examples: readonly Example[] = [
  { file: "digits.nn", metric: "accuracy", least: 0.935 },
  { file: "digits-512.nn", metric: "accuracy", least: 0.975 },
  { file: "functional.nn", metric: "accuracy", least: 0.95 },
  { file: "custom.nn", metric: "accuracy", least: 0.92 },
];

export async function runChecks(budget: Budget, context: RunContext): Promise<void> {
  await Promise.all([trainExamples(budget, context), runConformance(budget, context)]);
}

/** Each in a process as its reader would train it; `nnc train` begins with the self-test on devices that need one. */
async function trainExamples(
  budget: Budget,
  { root, target, folder, quick, report }: RunContext,
): Promise<void> {
  const cwd = join(folder, "examples");
  mkdirSync(cwd, { recursive: true });
  await Promise.all(
    examples
      .filter(({ file }) => !quick || file === "custom.nn")
      .map(async ({ file, metric, least }) => {
        const main = join(root, "dist", "cli", "main.js");
        const model = join(root, "dsl-examples", file);
        const result = await runCommand(
          process.execPath,
          [main, "train", model, "--target", target, "--json"],
          { cwd, seconds: budget.remaining },
        );
        const value = result.status === 0 ? finalMetric(result.out, metric) : undefined;
        if (value === undefined) {
          report.fail("checks", file, failureOf(result));
        } else if (!(value >= least)) {
          report.fail("checks", file, `test ${metric} ${value}, at least ${least} was promised`);
        } else {
          report.add("checks", { of: file, metric, value, least });
        }
      }),
  );
}

/** The last line of `nnc train --json` has the results on the test data. */
export function finalMetric(out: string, metric: string): number | undefined {
  const last = out.trim().split("\n").at(-1) ?? "";
  if (!last.startsWith("{")) return undefined;
  const { test } = JSON.parse(last) as { test?: Readonly<Record<string, number>> };
  return test?.[metric];
}

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

async function runConformance(
  budget: Budget,
  { conformance, target, machine, report }: RunContext,
): Promise<void> {
  if (conformance.length === 0) {
    report.skip("checks", "conformance", "--conformance names no folder");
    return;
  }
  const missing = conformance.find((folder) => !existsSync(folder));
  if (missing !== undefined) {
    report.fail("checks", "conformance", `there is no folder ${missing}`);
    return;
  }
  // Each calls as many compilers at once as there are cores, but is one thread in all else.
  const processes = Math.max(1, machine.cores >> 2);
  const seconds = budget.remaining;
  const shares = await Promise.all(
    Array.from({ length: processes }, (_, i) =>
      runCommand(
        process.execPath,
        [
          join(bundleFolder, "conformance.js"),
          ...conformance,
          ...["--target", target, "--share", `${i}/${processes}`],
        ],
        { seconds },
      ),
    ),
  );
  const totals = { passed: 0, failed: 0, skipped: 0 };
  let unfinished = 0;
  for (const { out } of shares) {
    for (const line of out.split("\n").filter((text) => text.startsWith("failed "))) {
      report.say(`checks: conformance: ${line}`);
    }
    const counts = conformanceCounts(out);
    if (counts === undefined) unfinished++;
    totals.passed += counts?.passed ?? 0;
    totals.failed += counts?.failed ?? 0;
    totals.skipped += counts?.skipped ?? 0;
  }
  report.add("checks", { of: "conformance", ...totals, shares: processes, unfinished });
  if (totals.failed > 0) report.fail("checks", "conformance", `${totals.failed} cases failed`);
  if (unfinished > 0) {
    const why = shares.find(({ out }) => conformanceCounts(out) === undefined)!;
    const error = `${unfinished} of ${processes} shares ended early: ${failureOf(why)}`;
    report.fail("checks", "conformance", error);
  }
}

/** Of the runner's last line; undefined if it did not get that far. */
export function conformanceCounts(out: string): Counts | undefined {
  const found = /conformance: (\d+) passed, (\d+) failed, (\d+) skipped/.exec(out);
  if (found === null) return undefined;
  const [passed, failed, skipped] = found.slice(1).map(Number) as [number, number, number];
  return { passed, failed, skipped };
}
