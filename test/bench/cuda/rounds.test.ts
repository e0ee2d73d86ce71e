import { expect, test } from "vitest";
import { Budget } from "../../../bench/cuda/budget.ts";
import { limiter } from "../../../bench/cuda/openings.ts";
import { timingOf } from "../../../bench/cuda/rounds.ts";

test("ratios are taken within rounds", () => {
  // The machine is half as fast in the second round.
  const timing = timingOf("peer", [2, 4, 2], [1, 2, 1]);
  expect(timing).toEqual({ name: "peer", seconds: 2, least: 2, most: 4, ratio: 2 });
});

test("without times of the first there is no ratio", () => {
  expect(timingOf("peer", [2], []).ratio).toBeNaN();
});

test("a part has no more time than there is left", () => {
  let now = 100;
  const budget = new Budget(10, () => now);
  const part = budget.part(4);
  now = 103;
  expect([part.remaining, budget.remaining]).toEqual([1, 7]);
  now = 108;
  expect(part.isSpent).toBe(true);
  expect(budget.part(60).remaining).toBe(2);
  now = 200;
  expect(budget.part(60).isSpent).toBe(true);
});

test("no more tasks run at once than may, in the order in which they came", async () => {
  const limit = limiter(2);
  const started: number[] = [];
  const ends: (() => void)[] = [];
  const task = (number: number) =>
    limit(async () => {
      started.push(number);
      await new Promise<void>((resolve) => ends.push(resolve));
      if (number === 0) throw new Error("failed");
    });
  const tasks = [0, 1, 2, 3].map(task);
  await Promise.resolve();
  expect(started).toEqual([0, 1]);
  ends[0]!();
  await expect(tasks[0]).rejects.toThrow("failed");
  await new Promise((resolve) => setImmediate(resolve));
  expect(started).toEqual([0, 1, 2]);
  ends[1]!();
  ends[2]!();
  await Promise.all([tasks[1], tasks[2]]);
  await new Promise((resolve) => setImmediate(resolve));
  ends[3]!();
  await tasks[3];
  expect(started).toEqual([0, 1, 2, 3]);
});
