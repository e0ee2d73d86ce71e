/** Connectionist temporal classification against all paths, one by one; labels decoded and compared. */

import { describe, expect, it } from "vitest";
import { evaluateExpression } from "../semantics/run-program.ts";
import { lossOf, metricsOf, predictionGradient } from "./trained-case.ts";

const steps = 4;
const classes = 3;
const logits = Array.from({ length: 2 * steps * classes }, (_, i) => 1.5 * Math.sin(3 * i + 1));

/** What a path spells: repetitions are one label, blanks none. */
const spelled = (path: readonly number[]): number[] =>
  path.filter((k, t) => k !== 0 && k !== path[t - 1]);

/** −ln of the sum of the probabilities of all paths that spell the labels. */
function byPaths(scores: readonly number[], labels: readonly number[], length = steps): number {
  let total = 0;
  for (let number = 0; number < classes ** length; number++) {
    const path = Array.from({ length }, (_, t) => Math.floor(number / classes ** t) % classes);
    if (String(spelled(path)) !== String(labels)) continue;
    const logs = path.map((k, t) => {
      const row = scores.slice(t * classes, (t + 1) * classes);
      return row[k]! - Math.log(row.reduce((a, z) => a + Math.exp(z), 0));
    });
    total += Math.exp(logs.reduce((a, b) => a + b, 0));
  }
  return -Math.log(total);
}

const values = (call: string, t: readonly number[], q: readonly number[], n: number, more = {}) =>
  evaluateExpression(
    { t: "i32[N, 3]", q: `f32[N, ${steps}, ${classes}]`, size: "i32[N]" },
    `  y = ${call} + 0 * f32(size)`,
    { t, q, size: Array(n).fill(0), ...more },
    n,
  );

describe("the loss", () => {
  const rows = [logits.slice(0, steps * classes), logits.slice(steps * classes)] as const;

  it.each([
    [
      [1, 2, 1],
      [1, 0, 0],
    ],
    [
      [2, 2, 0],
      [1, 1, 0],
    ],
    [
      [0, 0, 0],
      [2, 1, -1],
    ],
  ])("of %j and %j is that of all paths", (first, second) => {
    const labels = [first, second].map((label) => label.filter((k) => k > 0));
    const found = values("ctc_values(t, q)", [...first, ...second], logits, 2);
    expect(found[0]).toBeCloseTo(byPaths(rows[0], labels[0]!), 10);
    expect(found[1]).toBeCloseTo(byPaths(rows[1], labels[1]!), 10);
  });

  it("ends labels and steps at their lengths", () => {
    const call = "ctc_values(t, q, input_length = size)";
    const found = values(call, [1, 2, 0, 1, 0, 0], logits, 2, { size: [3, 2] });
    expect(found[0]! - 0).toBeCloseTo(byPaths(rows[0], [1, 2], 3), 10);
    expect(found[1]! - 0).toBeCloseTo(byPaths(rows[1], [1], 2), 10);
    const shorter = values("ctc_values(t, q, label_length = size)", [1, 2, 1, 2, 1, 2], logits, 2, {
      size: [2, 1],
    });
    expect(shorter[0]).toBeCloseTo(byPaths(rows[0], [1, 2]), 10);
    expect(shorter[1]).toBeCloseTo(byPaths(rows[1], [2]), 10);
  });

  it("is that of Keras", () => {
    const ramp = Array.from({ length: 24 }, (_, i) => (i - 12) / 100);
    const t = { type: "i32[4]", data: [1, 2, 1, 0, 1, 2, 0, 2] };
    const columns = { p: { type: "f32[4, 3]", data: ramp }, t };
    expect(lossOf({ columns, loss: "CTC()(t, p)" }, 2)).toBeCloseTo(2.448645, 5);
  });
});

describe("what other implementations got wrong", () => {
  const given = (t: readonly number[], data: readonly number[], mask?: string) => ({
    columns: {
      p: { type: `f32[${steps}, ${classes}]`, data },
      t: { type: "i32[3]", data: t },
      length: { type: "i32", data: [2, 4] },
      w: { type: "f32", data: [1, 3] },
    },
    ...(mask && { output: mask }),
  });

  it("a confident alignment has no negative loss (keras#23684)", () => {
    const confident = Array.from({ length: 24 }, (_, i) => (i % 3 === 1 ? 17 : 0));
    for (const value of values("ctc_values(t, q)", [1, 0, 0, 1, 0, 0], confident, 2)) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(1e-6);
    }
    const certain = Array.from({ length: 24 }, (_, i) => (i % 3 === 1 ? 1e4 : -1e4));
    expect(values("ctc_values(t, q)", [1, 0, 0, 1, 0, 0], certain, 2)).toEqual([0, 0]);
  });

  it("steps after the last have no gradient (tensorflow#41280)", () => {
    const ends = "ctc(t, p, input_length = length)";
    const masked = "with_mask(given + zero, given[:, :, 0] < 50.0)";
    const hidden = logits.map((x, i) => (i === 6 || i === 9 ? 100 : x));
    for (const gradient of [
      predictionGradient({ ...given([1, 0, 0, 2, 1, 0], logits), loss: ends }, 2),
      predictionGradient({ ...given([1, 0, 0, 2, 1, 0], hidden, masked), loss: "ctc(t, p)" }, 2),
    ]) {
      expect(gradient.slice(6, 12)).toEqual([0, 0, 0, 0, 0, 0]);
      expect(gradient.slice(0, 6).every((x) => x !== 0)).toBe(true);
      expect(gradient.slice(12).every((x) => x !== 0)).toBe(true);
    }
  });

  it("labels longer than the steps and empty ones have finite gradients", () => {
    const scores = logits.map((x) => 1e4 * x);
    for (const data of [logits, scores]) {
      const loss = "ctc(t, p, input_length = length)";
      const gradient = predictionGradient({ ...given([1, 2, 1, 0, 0, 0], data), loss }, 2, false);
      expect(gradient.every(Number.isFinite)).toBe(true);
      expect(gradient.slice(0, 12).every((x) => x === 0)).toBe(true);
    }
    const impossible = values("ctc_values(t, q)", [1, 1, 1, 2, 2, 2], logits, 2);
    expect(impossible).toEqual([1e5, 1e5]);
  });

  it("its derivatives, weighted by samples, are those of finite differences", () => {
    const [data, weight] = [logits, "w"];
    for (const t of [
      [1, 2, 1, 2, 2, 0],
      [0, 0, 0, 1, 0, 0],
    ]) {
      predictionGradient({ ...given(t, data), loss: "ctc(t, p)", weight }, 2);
    }
  });
});

describe("decoding", () => {
  const spell = (...path: number[]) => path.flatMap((k) => [0, 1, 2].map((c) => (c === k ? 1 : 0)));

  it("drops blanks and repetitions", () => {
    const q = [...spell(2, 2, 0, 2), ...spell(0, 1, 1, 2)];
    const found = evaluateExpression({ q: "f32[N, 4, 3]" }, "y = ctc_greedy_decode(q)", { q }, 2);
    expect(found).toEqual([2, 2, 0, 0, 1, 2, 0, 0]);
  });

  it("counts letters to change", () => {
    const a = [1, 2, 3, 3, 4, 0, 1, 2, 3, 4, 5, 1, 0, 0, 0, 0, 0, 0];
    const b = [6, 2, 3, 4, 0, 1, 2, 0, 0, 0, 1, 2, 3, 0, 0];
    const inputs = { a: "i32[N, 6]", b: "i32[N, 5]" };
    expect(evaluateExpression(inputs, "y = edit_distance(a, b)", { a, b }, 3)).toEqual([2, 4, 3]);
  });

  it("is scored over all batches", () => {
    const q = [spell(1, 0, 2, 0), spell(1, 1, 1, 1), spell(2, 1, 2, 1)].flat();
    const columns = {
      p: { type: "f32[4, 3]", data: q },
      t: { type: "i32[3]", data: [1, 2, 0, 2, 2, 0, 2, 1, 1] },
    };
    const metrics = ["m = LetterErrorRate()(t, p)"];
    expect(metricsOf({ columns, metrics }, [1, 2]).m).toBeCloseTo((0 + 2 + 1) / 7, 12);
  });
});
