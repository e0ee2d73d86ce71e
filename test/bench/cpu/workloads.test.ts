import { expect, test } from "vitest";
import { cpuWorkloads, inferenceFlops } from "../../../bench/cpu/workloads.ts";

/** Counted by hand from the shapes of the layers. */
test.each([
  ["mlp_small", 13.1],
  ["mlp_big", 410.8],
  ["cnn", 945.8],
  ["resnet8", 4744.0],
  ["lstm", 1258.3],
  ["gpt", 11376.5],
])("a step of %s is %d MFLOP at its usual batch", (name, expected) => {
  const { batch, stepFlops } = cpuWorkloads.find((workload) => workload.name === name)!;
  expect(stepFlops(batch) / 1e6).toBeCloseTo(expected, 1);
  expect(stepFlops(2 * batch)).toBe(2 * stepFlops(batch));
});

test("inference is one of the three products of a step", () => {
  const [small] = cpuWorkloads;
  expect(inferenceFlops(small!, 128)).toBe(2 * 128 * (784 * 32 + 32 * 10));
  const lstm = cpuWorkloads.find(({ name }) => name === "lstm")!;
  expect(() => inferenceFlops(lstm, 128)).toThrow("lstm is not measured at inference");
});
