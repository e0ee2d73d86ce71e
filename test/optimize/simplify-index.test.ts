import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Affine,
  addAffine,
  axisAffine,
  constantAffine,
  divAffine,
  evaluateAffine,
  extentAffine,
  modAffine,
  offsetAffine,
  scaleAffine,
} from "../../compiler/graph/affine.ts";
import {
  and,
  type Condition,
  divides,
  evaluateCondition,
  inRange,
  nonnegative,
  not,
  or,
  zero,
} from "../../compiler/graph/condition.ts";
import { batchExtent, type Extent, fixed, sizeAt } from "../../compiler/graph/extent.ts";
import {
  type Box,
  joinRemainders,
  linearOffset,
  quotients,
  simplifyAffine,
  simplifyGuard,
} from "../../compiler/optimize/simplify-index.ts";

const box = (...sizes: number[]): Box => ({ axes: sizes.map(fixed), batchMax: 4 });
const i = axisAffine(0);
const j = axisAffine(1);
const scaled = (a: Affine, by: number, plus = 0) => offsetAffine(scaleAffine(a, by), plus);

it("joins neighbouring parts of a number that was taken apart", () => {
  // 30·((i div 30) mod 4) + 6·((i div 6) mod 5) + i mod 6
  const parts = [
    scaleAffine(modAffine(divAffine(i, 30), 4), 30),
    scaleAffine(modAffine(divAffine(i, 6), 5), 6),
    modAffine(i, 6),
  ].reduce(addAffine);
  const joined = joinRemainders(simplifyAffine(parts, box(1000)), box(1000));
  expect(joined.key).toBe("(i0)%120");
  for (const at of [0, 29, 119, 120, 733]) {
    expect(evaluateAffine(joined, [at], 4)).toBe(evaluateAffine(parts, [at], 4));
  }
});

describe("index expressions", () => {
  it.each([
    ["i = 0 on an axis of extent 1", i, box(1), "0"],
    ["i div m = 0 where i < m", divAffine(i, 7), box(7), "0"],
    ["i mod m = i where i < m", modAffine(i, 7), box(7), "i0"],
    ["(i + m − 1) div m = i where i < 2", divAffine(offsetAffine(i, 6), 7), box(2), "i0"],
    ["(i + m − 1) mod m = (m − 1)·(1 − i)", modAffine(offsetAffine(i, 6), 7), box(2), "-6*i0+6"],
    ["(m·i + j) div m = i where j < m", divAffine(addAffine(scaled(i, 5), j), 5), box(9, 5), "i0"],
    ["(m·i + j) mod m = j where j < m", modAffine(addAffine(scaled(i, 5), j), 5), box(9, 5), "i1"],
    ["(i div a) div b = i div ab", divAffine(divAffine(i, 4), 3), box(99), "(i0)/12"],
    ["(i div a + c) div b", divAffine(offsetAffine(divAffine(i, 4), 1), 3), box(99), "(i0+4)/12"],
    ["(i mod ab) div b = (i div b) mod a", divAffine(modAffine(i, 12), 4), box(99), "((i0)/4)%3"],
    ["(g·i + r) div (g·d) = i div d", divAffine(scaled(i, 2, 1), 4), box(99), "(i0)/2"],
    [
      "(g·i + r) mod (g·d) = g·(i mod d) + r",
      modAffine(scaled(i, 6, 4), 9),
      box(99),
      "3*(2*i0+1)%3+1",
    ],
    ["(i mod ab) mod b = i mod b", modAffine(modAffine(i, 12), 4), box(99), "(i0)%4"],
    [
      "m·(i div m) + i mod m = i",
      addAffine(scaled(divAffine(i, 28), 28), modAffine(i, 28)),
      box(784),
      "i0",
    ],
    [
      "three digits of a number",
      addAffine(
        addAffine(scaled(divAffine(i, 12), 12), scaled(divAffine(modAffine(i, 12), 4), 4)),
        modAffine(i, 4),
      ),
      box(60),
      "i0",
    ],
  ])("%s", (_, affine, within, expected) => {
    expect(simplifyAffine(affine, within).key).toBe(expected);
  });

  it("sees through the reshape of a row-major tensor", () => {
    const axes: Extent[] = [batchExtent, fixed(784)];
    const shape = [batchExtent, fixed(28), fixed(28)];
    const offset = linearOffset([i, divAffine(j, 28), modAffine(j, 28)], shape, {
      axes,
      batchMax: 9,
    });
    expect(offset.key).toBe("784*i0+i1");
  });
});

describe("conditions", () => {
  it("drops what the box implies and keeps the rest", () => {
    const within = box(5, 3);
    expect(simplifyGuard(inRange(addAffine(i, j), fixed(7)), within).key).toBe("true");
    expect(simplifyGuard(inRange(addAffine(i, j), fixed(6)), within).key).toBe("-1*i0+-1*i1+5>=0");
    expect(simplifyGuard(inRange(offsetAffine(i, 5), fixed(5)), within).key).toBe("false");
  });

  it("knows the bounds of quotients that grow with the batch", () => {
    const rows: Box = { axes: [{ batch: 32, constant: 0 }], batchMax: 4 };
    const isInBatch = (divisor: number) =>
      simplifyGuard(inRange(divAffine(i, divisor), batchExtent), rows);
    expect(isInBatch(32).key).toBe("true");
    expect(isInBatch(31).kind).toBe("nonnegative");
  });

  it("drops what an assumption implies", () => {
    const within = box(9, 9);
    const assumed = inRange(offsetAffine(i, -2), fixed(4));
    expect(simplifyGuard(nonnegative(offsetAffine(i, -1)), within, assumed).key).toBe("true");
    expect(simplifyGuard(nonnegative(offsetAffine(i, -7)), within, assumed).key).toBe("false");
  });

  it("keeps the tighter of two bounds, and rounds bounds to integers", () => {
    const loose = nonnegative(offsetAffine(i, -1));
    const tight = nonnegative(scaled(i, 2, -5));
    expect(simplifyGuard(and(loose, tight), box(9)).key).toBe("i0+-3>=0");
    expect(simplifyGuard(zero(scaled(i, 2, -5)), box(9)).key).toBe("false");
    expect(simplifyGuard(zero(scaled(i, -2, 6)), box(9)).key).toBe("i0+-3==0");
    expect(simplifyGuard(divides(3, scaled(i, 4, 5)), box(9)).key).toBe("3|i0+2");
  });
});

const extents: readonly Extent[] = [fixed(1), fixed(6), fixed(5), batchExtent];
const randomBox: Box = { axes: extents, batchMax: 5 };

const { affine } = fc.letrec<{ affine: Affine }>((tie) => ({
  affine: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(
      fc.nat(3).map(axisAffine),
      fc.integer({ min: -9, max: 9 }).map(constantAffine),
      fc.constant(extentAffine(batchExtent)),
    ),
    fc.tuple(tie("affine"), tie("affine")).map(([a, b]) => addAffine(a, b)),
    fc.tuple(tie("affine"), fc.integer({ min: -6, max: 6 })).map(([a, f]) => scaleAffine(a, f)),
    fc.tuple(tie("affine"), fc.integer({ min: 2, max: 7 })).map(([a, d]) => divAffine(a, d)),
    fc.tuple(tie("affine"), fc.integer({ min: 2, max: 7 })).map(([a, d]) => modAffine(a, d)),
  ),
}));

const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.oneof(
      affine.map(nonnegative),
      affine.map(zero),
      fc.tuple(fc.integer({ min: 2, max: 6 }), affine).map(([d, a]) => divides(d, a)),
    ),
    tie("condition").map(not),
    fc.tuple(tie("condition"), tie("condition")).map((parts) => and(...parts)),
    fc.tuple(tie("condition"), tie("condition")).map((parts) => or(...parts)),
  ),
}));

function forEachPoint(visit: (point: number[], n: number) => void): void {
  for (let n = 1; n <= randomBox.batchMax; n++) {
    for (let p1 = 0; p1 < 6; p1++) {
      for (let p2 = 0; p2 < 5; p2++) {
        for (let p3 = 0; p3 < sizeAt(batchExtent, n); p3++) visit([0, p1, p2, p3], n);
      }
    }
  }
}

it("takes quotients by the divisor that they have after common factors are gone", () => {
  const within = box(4, 7);
  const simplest = (a: Affine) => simplifyAffine(a, within).key;
  expect(simplest(modAffine(divAffine(scaled(i, 2), 3), 2))).toBe("((2*i0)/3)%2");
  expect(simplest(divAffine(addAffine(scaled(divAffine(j, 5), 7), i), 7))).toBe("(i1)/5");
});

describe("laws", () => {
  it("keeps the value of every affine, idempotently, and adds no quotient", () => {
    fc.assert(
      fc.property(affine, (a) => {
        const simple = simplifyAffine(a, randomBox);
        forEachPoint((point, n) => {
          expect(evaluateAffine(simple, point, n)).toBe(evaluateAffine(a, point, n));
        });
        expect(simplifyAffine(simple, randomBox).key).toBe(simple.key);
        expect(quotients(simple)).toBeLessThanOrEqual(quotients(a));
      }),
      { numRuns: 400 },
    );
  });

  it("keeps every condition where the assumption holds, idempotently", () => {
    fc.assert(
      fc.property(condition, condition, (c, assumed) => {
        const simple = simplifyGuard(c, randomBox, assumed);
        forEachPoint((point, n) => {
          if (!evaluateCondition(assumed, point, n)) return;
          expect(evaluateCondition(simple, point, n)).toBe(evaluateCondition(c, point, n));
        });
        expect(simplifyGuard(simple, randomBox, assumed).key).toBe(simple.key);
      }),
      { numRuns: 400 },
    );
  });
});
