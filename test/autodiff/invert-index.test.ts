import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type InverseMap, invertIndexMap } from "../../compiler/autodiff/invert-index.ts";
import { Transport, transportOf } from "../../compiler/autodiff/transport.ts";
import {
  type Affine,
  addAffine,
  axisAffine,
  constantAffine,
  divAffine,
  evaluateAffine,
  modAffine,
  offsetAffine,
  scaleAffine,
} from "../../compiler/graph/affine.ts";
import { rangeOf } from "../../compiler/graph/affine-range.ts";
import {
  always,
  type Condition,
  evaluateCondition,
  inRange,
  nonnegative,
} from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, type Extent, fixed, sizeAt } from "../../compiler/graph/extent.ts";
import { printAffine, printCondition } from "../../compiler/graph/print.ts";

function* points(extents: readonly Extent[], n: number): Generator<number[]> {
  const sizes = extents.map((extent) => sizeAt(extent, n));
  const total = sizes.reduce((product, size) => product * size, 1);
  for (let k = 0; k < total; k++) {
    let rest = k;
    const point = sizes.map(() => 0);
    for (let i = sizes.length - 1; i >= 0; i--) {
      point[i] = rest % sizes[i]!;
      rest = Math.floor(rest / sizes[i]!);
    }
    yield point;
  }
}

/** Every old point whose place is in the shape must come out exactly once, with its place as q. */
function check(
  place: readonly Affine[],
  shape: Extent[],
  extents: Extent[],
  n: number,
): InverseMap {
  const inverse = invertIndexMap(place, shape, extents, n);
  const wanted: string[] = [];
  for (const point of points(extents, n)) {
    const q = place.map((a) => evaluateAffine(a, point, n));
    if (q.every((x, d) => x >= 0 && x < sizeAt(shape[d]!, n))) wanted.push(`${q} <- ${point}`);
  }
  const got: string[] = [];
  for (const point of points([...shape, ...inverse.reduction], n)) {
    if (!evaluateCondition(inverse.domain, point, n)) continue;
    const q = point.slice(0, shape.length);
    got.push(`${q} <- ${inverse.axes.map((a) => evaluateAffine(a, point, n))}`);
  }
  expect(got.sort()).toEqual(wanted.sort());
  return inverse;
}

const axis = axisAffine;
const sum = (...parts: Affine[]) => parts.reduce(addAffine, constantAffine(0));

function print({ axes, reduction, domain }: InverseMap): string {
  const left = reduction.map((extent) => extent.constant).join(", ");
  return `${axes.map(printAffine).join(", ")} | ${left} | ${printCondition(domain)}`;
}

describe("inverse index maps", () => {
  test("a broadcast axis is left over", () => {
    const inverse = check([axis(1)], [fixed(3)], [batchExtent, fixed(3)], 4);
    expect(inverse.reduction).toEqual([batchExtent]);
  });

  test("a slice with a stride meets every second element", () => {
    const place = offsetAffine(scaleAffine(axis(0), 2), 1);
    expect(print(check([place], [fixed(8)], [fixed(3)], 1))).toMatchInlineSnapshot(
      `"((i0 + 1) div 2) - 1 |  | ((i0 + 1) div 2) - 1 >= 0 and -((i0 + 1) div 2) + 3 >= 0 and 2 divides i0 - 1"`,
    );
  });

  test("a convolution of stride 2 visits two of three taps", () => {
    const place = offsetAffine(sum(scaleAffine(axis(0), 2), axis(1)), -1);
    expect(print(check([place], [fixed(9)], [fixed(5), fixed(3)], 1))).toMatchInlineSnapshot(
      `"((i0 + 1) div 2) - i1, ((i0 + 1) mod 2) + 2*i1 | 2 | ((i0 + 1) div 2) - i1 >= 0 and -((i0 + 1) mod 2) - 2*i1 + 2 >= 0"`,
    );
  });

  test("pooling without overlap leaves nothing over", () => {
    const place = sum(scaleAffine(axis(0), 2), axis(1));
    expect(print(check([place], [fixed(10)], [fixed(5), fixed(2)], 1))).toMatchInlineSnapshot(
      `"(i0 div 2), (i0 mod 2) |  | true"`,
    );
  });

  test("a reshape is undone", () => {
    const place = [divAffine(axis(0), 4), modAffine(axis(0), 4)];
    expect(print(check(place, [fixed(3), fixed(4)], [fixed(12)], 1))).toMatchInlineSnapshot(
      `"4*i0 + i1 |  | true"`,
    );
    const back = sum(scaleAffine(axis(0), 4), axis(1));
    expect(print(check([back], [fixed(12)], [fixed(3), fixed(4)], 1))).toMatchInlineSnapshot(
      `"(i0 div 4), (i0 mod 4) |  | true"`,
    );
  });

  test("channels that were shuffled are put back", () => {
    // 20·(i mod 3) + i div 3, as it is simplified
    const place = sum(scaleAffine(axis(0), 20), scaleAffine(divAffine(axis(0), 3), -59));
    expect(print(check([place], [fixed(60)], [fixed(60)], 1))).toMatchInlineSnapshot(
      `"3*(i0 mod 20) + (i0 div 20) |  | true"`,
    );
  });

  test("a diagonal becomes a condition", () => {
    const place = [axis(0), axis(0)];
    expect(print(check(place, [fixed(4), fixed(4)], [fixed(4)], 1))).toMatchInlineSnapshot(
      `"i0 |  | i0 - i1 = 0"`,
    );
  });

  test("the middle digit of a number leaves the others over", () => {
    const place = [modAffine(divAffine(axis(0), 2), 3)];
    const inverse = check(place, [fixed(3)], [fixed(24)], 1);
    expect(inverse.reduction).toEqual([fixed(4), fixed(2)]);
  });

  test("random strides, dilations and offsets", () => {
    const size = fc.integer({ min: 1, max: 6 });
    const coefficient = fc.integer({ min: -4, max: 4 });
    fc.assert(
      fc.property(
        size,
        size,
        size,
        coefficient,
        coefficient,
        coefficient,
        fc.integer({ min: -6, max: 6 }),
        (h, i, k, S, D, E, offset) => {
          const place = offsetAffine(
            sum(scaleAffine(axis(0), S), scaleAffine(axis(1), D), scaleAffine(axis(2), E)),
            offset,
          );
          check([place], [fixed(9)], [fixed(h), fixed(i), fixed(k)], 1);
        },
      ),
      { numRuns: 250 },
    );
  });

  test("random maps of several dimensions with quotients", () => {
    const affine: fc.Arbitrary<Affine> = fc
      .record({
        coefficients: fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: -2, max: 6 }))),
        offset: fc.integer({ min: -3, max: 3 }),
        quotient: fc.constantFrom("none", "div", "mod", "middle"),
        divisor: fc.constantFrom(2, 3, 4, 6),
      })
      .map(({ coefficients, offset, quotient, divisor }) => {
        const linear = offsetAffine(
          sum(...coefficients.map((c, i) => scaleAffine(axis(i), c))),
          offset,
        );
        if (quotient === "none") return linear;
        if (quotient === "div") return divAffine(linear, divisor);
        if (quotient === "mod") return modAffine(linear, divisor);
        return modAffine(divAffine(linear, 2), divisor);
      });
    const extents = fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: 1, max: 5 })));
    fc.assert(
      fc.property(fc.array(affine, { minLength: 1, maxLength: 3 }), extents, (place, sizes) => {
        const box = sizes.map(fixed);
        const shape = place.map((a) =>
          fixed(Math.min(12, Math.max(1, rangeOf(a, box, 1).max + 1))),
        );
        check(place, shape, box, 1);
      }),
      { numRuns: 250 },
    );
  });

  test("reshapes of a batch", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.constantFrom(1, 2, 3, 6), (n, inner) => {
        const flat = sum(scaleAffine(axis(1), inner), axis(2));
        const place = [axis(0), divAffine(flat, 4), modAffine(flat, 4)];
        const inverse = check(
          place,
          [batchExtent, fixed(3), fixed(4)],
          [batchExtent, fixed(12 / inner), fixed(inner)],
          n,
        );
        expect(inverse.reduction).toEqual([]);
      }),
    );
  });
});

describe("transport", () => {
  const context = new GraphContext();
  const leaf = (path: string, size: number) => context.leaf("param", path, "f32", [fixed(size)]);
  const window = offsetAffine(sum(axis(0), axis(1)), -1);
  const of = (
    path: string,
    size = 8,
    { taps = 3, where = always, guard = inRange(window, fixed(8)), batchMax = 4 } = {},
  ) => {
    const load = context.load(leaf(path, size), [window], guard);
    const points = { extents: [fixed(8), fixed(taps)], where };
    const transport = transportOf(context, load, points, batchMax);
    const anew = new Transport(load, points, batchMax);
    const facts = ({ reduction, domain }: Transport) => ({ reduction, domain: domain.key });
    expect(facts(transport)).toEqual(facts(anew));
    for (const a of [window, axis(0), axis(1)]) {
      expect(transport.affine(a).key).toBe(anew.affine(a).key);
      const condition = nonnegative(offsetAffine(a, -1));
      expect(transport.condition(condition).key).toBe(anew.condition(condition).key);
    }
    return transport;
  };

  test("is one for loads of different values at one place", () => {
    expect(of("b")).toBe(of("a"));
  });

  test("is its own for each shape, box, guard, condition and largest batch", () => {
    const upper: Condition = nonnegative(offsetAffine(axis(1), -1));
    const all = [
      of("a"),
      of("c", 9),
      of("a", 8, { taps: 2 }),
      of("a", 8, { where: upper }),
      of("a", 8, { guard: upper }),
      of("a", 8, { batchMax: 5 }),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});
