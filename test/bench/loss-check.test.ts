import { expect, test } from "vitest";
import { lossDisagreement } from "../../bench/loss-check.ts";

const own = { first: 2.4, twentieth: 2.3 };

test("rounding passes", () => {
  expect(lossDisagreement(own, { first: 2.40001, twentieth: 2.30001 })).toBeUndefined();
});

test("another model or other data do not", () => {
  const its = { first: 2.41, twentieth: 2.31 };
  expect(lossDisagreement(own, its)).toContain("before the first step");
});

test("updates that are a little off show in the progress", () => {
  expect(lossDisagreement(own, { first: 2.4, twentieth: 2.305 })).toContain("20 steps");
});

test("NaN agrees with nothing", () => {
  expect(lossDisagreement(own, { first: Number.NaN, twentieth: 2.3 })).toBeDefined();
  expect(lossDisagreement(own, { first: 2.4, twentieth: Number.NaN })).toBeDefined();
});

test("another precision has a tolerance of its own", () => {
  const its = { first: 2.41, twentieth: 2.318 };
  expect(lossDisagreement(own, its, { first: 0.01, progress: 0.1 })).toBeUndefined();
  expect(lossDisagreement(own, its, { first: 0.01, progress: 0.05 })).toContain("20 steps");
});
