/** What the parts of a run make of the output of other programs. */

import { expect, test } from "vitest";
import { conformanceCounts, finalMetric } from "../../../bench/cuda/parts/checks.ts";
import { sanitizerVerdict } from "../../../bench/cuda/parts/sanitizer.ts";
import type { CommandResult } from "../../../bench/cuda/run-command.ts";

const ended = (result: Partial<CommandResult>): CommandResult => ({
  status: 0,
  out: "",
  errors: "",
  isMissing: false,
  isTimedOut: false,
  ...result,
});

test("an example's result is in the last line", () => {
  const out =
    '{"event":"epoch","accuracy":0.9}\n{"epochs":1,"test":{"loss":0.1,"accuracy":0.95}}\n';
  expect(finalMetric(out, "accuracy")).toBe(0.95);
  expect(finalMetric(out, "mae")).toBeUndefined();
  expect(finalMetric("", "accuracy")).toBeUndefined();
});

test("the runner of reference cases says how many passed, unless it ended early", () => {
  const out = "skipped a: no\nfailed b: off\nconformance: 190 passed, 1 failed, 2 skipped\n";
  expect(conformanceCounts(out)).toEqual({ passed: 190, failed: 1, skipped: 2 });
  expect(conformanceCounts("skipped a: no\n")).toBeUndefined();
});

const banner = "========= COMPUTE-SANITIZER\n";

test("compute-sanitizer is content", () => {
  const memcheck = `${banner}{"first":2.3}\n{}\n========= ERROR SUMMARY: 0 errors\n`;
  expect(sanitizerVerdict(ended({ out: memcheck }), 2)).toBeUndefined();
  const racecheck = `${banner}{}\n{}\n========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)\n`;
  expect(sanitizerVerdict(ended({ out: racecheck }), 2)).toBeUndefined();
});

test("compute-sanitizer finds something, or the steps were not made", () => {
  const out = `${banner}{}\n========= Invalid __global__ read of size 4 bytes\n========= ERROR SUMMARY: 1 error\n`;
  expect(sanitizerVerdict(ended({ out, status: 99 }), 1)).toBe(
    "found: Invalid __global__ read of size 4 bytes",
  );
  const hazard = `${banner}{}\n========= RACECHECK SUMMARY: 1 hazard displayed (0 errors, 1 warning)\n`;
  expect(sanitizerVerdict(ended({ out: hazard }), 1)).toContain("1 hazard");
  expect(sanitizerVerdict(ended({ out: '{"error":"no device"}\n' }), 1)).toBe("no device");
  expect(sanitizerVerdict(ended({ out: "{}\n" }), 2)).toBe("the worker ended early");
  expect(sanitizerVerdict(ended({ status: null, isTimedOut: true }), 2)).toBe(
    "not done in its time",
  );
  expect(sanitizerVerdict(ended({ status: 1, errors: "a\nno library" }), 2)).toBe(
    "status 1: no library",
  );
});
