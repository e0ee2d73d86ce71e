import { describe, expect, test } from "vitest";
import type { DType } from "../../compiler/graph/dtype.ts";
import { castNumber, numberAlgebra } from "../../compiler/graph/number-algebra.ts";
import {
  type ScalarFunction,
  scalarFunctionNames,
  scalarFunctions,
} from "../../compiler/graph/scalar-functions.ts";
import { uniformAt } from "../../compiler/graph/threefry.ts";

const f = numberAlgebra("f32");

/** Points of the test domain, different for each argument. */
function* samples(row: ScalarFunction, count: number): Generator<number[]> {
  for (let k = 0; k < count; k++) {
    yield row.testDomain.map(({ min, max }, i) => min + (max - min) * uniformAt(5, i, 0, k));
  }
}

describe.each(scalarFunctionNames.map((name) => [name, scalarFunctions[name]] as const))(
  "%s",
  (name, row) => {
    const floats: DType[] = Array.from({ length: row.arity }, () => "f32");
    if (name === "select") floats[0] = "bool";

    test("has as many test domains as arguments, and a type for what it takes", () => {
      expect(row.testDomain).toHaveLength(row.arity);
      const booleans: DType[] = floats.map(() => "bool");
      expect([row.resultType(floats), row.resultType(booleans)]).not.toEqual([
        undefined,
        undefined,
      ]);
      expect(row.resultType(floats.map((_, i) => (i === 1 ? "u8" : "f32")))).toBe(
        row.arity === 1 ? row.resultType(["f32"]) : undefined,
      );
    });

    test("has the derivative that finite differences find", () => {
      if (row.resultType(floats) !== "f32") return;
      for (const args of samples(row, 20)) {
        const partials = row.derivative(f, args, row.evaluate(...args));
        expect(partials).toHaveLength(row.arity);
        args.forEach((x, i) => {
          if (name === "stopGradient" || floats[i] === "bool") {
            expect(partials[i]).toBeNull();
            return;
          }
          if (name === "scaleGradient") {
            expect(partials[i]).toBe(i === 0 ? args[1] : null);
            return;
          }
          const at = (value: number) => row.evaluate(...args.map((a, k) => (k === i ? value : a)));
          const slope = (at(x + 1e-6) - at(x - 1e-6)) / 2e-6;
          const scale = 1e-7 * (1 + Math.abs(slope));
          expect(Math.abs((partials[i] ?? 0) - slope), `at ${args}`).toBeLessThan(10 * scale);
        });
      }
    });

    test("stays in its range and is monotone where it says so", () => {
      for (const args of samples(row, 50)) {
        const value = row.evaluate(...args);
        expect(value).toBeGreaterThanOrEqual(row.range.min);
        expect(value).toBeLessThanOrEqual(row.range.max);
        if (row.monotone === null) continue;
        const further = row.evaluate(args[0]! + 1e-3);
        const rise = row.monotone === "increasing" ? further - value : value - further;
        expect(rise).toBeGreaterThanOrEqual(0);
      }
    });

    test("commutes if it says so", () => {
      if (!row.isCommutative) return;
      for (const [a, b] of samples(row, 20)) {
        expect(row.evaluate(a!, b!)).toBe(row.evaluate(b!, a!));
      }
    });

    test("expands to the same numbers", () => {
      if (row.expand === null) return;
      for (const args of samples(row, 50)) {
        const value = row.evaluate(...args);
        // erfinv expands to single precision polynomials.
        const tolerance = name === "erfinv" ? 1e-6 : 1e-12;
        const expanded = row.expand(f, args);
        expect(Math.abs(expanded - value)).toBeLessThanOrEqual(tolerance * (1 + Math.abs(value)));
      }
    });

    test("is written without reference to anything outside", () => {
      const alone = new Function(`return (${row.evaluate.toString()})`)() as (
        ...args: number[]
      ) => number;
      for (const args of samples(row, 3)) expect(alone(...args)).toBe(row.evaluate(...args));
    });
  },
);

describe("edges", () => {
  const { evaluate: maximum, derivative: slopes } = scalarFunctions.maximum;

  test("ties of maximum and minimum give the gradient to the first", () => {
    expect(slopes(f, [2, 2], 2)).toEqual([1, 0]);
    // relu(0) = maximum(0, 0) has slope 0 by its second argument.
    expect(slopes(f, [0, 0], 0)).toEqual([1, 0]);
    expect(scalarFunctions.minimum.derivative(f, [3, 3], 3)).toEqual([1, 0]);
  });

  test("NaN propagates through maximum and minimum", () => {
    expect(maximum(NaN, 1)).toBeNaN();
    expect(maximum(1, NaN)).toBeNaN();
    expect(scalarFunctions.minimum.evaluate(1, NaN)).toBeNaN();
    expect(scalarFunctions.sign.evaluate(NaN)).toBeNaN();
  });

  test("the slope of |x| at 0 is 0", () => {
    expect(scalarFunctions.absolute.derivative(f, [0], 0)).toEqual([0]);
  });

  test("powers have slope 0 by the base at exponent 0, and by the exponent at base 0", () => {
    expect(scalarFunctions.power.derivative(f, [0, 0], 1)).toEqual([0, 0]);
    expect(scalarFunctions.power.derivative(f, [0, 2], 0)).toEqual([0, 0]);
    expect(scalarFunctions.power.derivative(f, [0, 1], 0)).toEqual([1, 0]);
  });

  test("rounding is half to even", () => {
    const { evaluate } = scalarFunctions.round;
    expect(
      [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999999999999994].map((x) => evaluate(x) + 0),
    ).toEqual([0, 2, 2, 0, -2, -2, 0]);
  });

  test("integer division floors, and by zero gives zero", () => {
    const i = numberAlgebra("i32");
    expect(i.call("floordivide", -7, 2)).toBe(-4);
    expect(i.call("modulo", -7, 2)).toBe(1);
    expect(i.call("modulo", 7, -2)).toBe(-1);
    expect(i.call("floordivide", 7, 0)).toBe(0);
    expect(i.call("modulo", 7, 0)).toBe(0);
    expect(i.call("floordivide", -2147483648, -1)).toBe(-2147483648);
  });

  test("integers wrap at 32 bits", () => {
    const i = numberAlgebra("i32");
    expect(i.add(2147483647, 1)).toBe(-2147483648);
    expect(i.call("multiply", 0x7fffffff, 0x7fffffff)).toBe(1);
    expect(i.call("absolute", -2147483648)).toBe(-2147483648);
  });

  test("casts truncate, saturate and wrap", () => {
    expect(castNumber(-2.7, "f32", "i32")).toBe(-2);
    expect(castNumber(3e10, "f32", "i32")).toBe(2147483647);
    expect(castNumber(NaN, "f32", "i32")).toBe(0);
    expect(castNumber(300.5, "f32", "u8")).toBe(255);
    expect(castNumber(300, "i32", "u8")).toBe(44);
    expect(castNumber(NaN, "f32", "bool")).toBe(1);
  });

  /** Evaluates a formula with every step rounded to float32. */
  const single = numberAlgebra("f32");
  const f32 = {
    ...single,
    call: (...call: Parameters<typeof single.call>) => Math.fround(single.call(...call)),
    add: (a: number, b: number) => Math.fround(a + b),
    subtract: (a: number, b: number) => Math.fround(a - b),
    multiply: (a: number, b: number) => Math.fround(a * b),
    divide: (a: number, b: number) => Math.fround(a / b),
  };

  test.each(["sigmoid", "softplus", "tanh"] as const)(
    "%s and its derivative are stable in float32",
    (name) => {
      const row = scalarFunctions[name];
      for (const x of [-1e4, -200, -90, -1e-4, 0, 1e-4, 90, 200, 1e4]) {
        const exact = row.evaluate(x);
        const y = Math.fround(row.expand === null ? exact : row.expand(f32, [x]));
        expect(Math.abs(y - exact)).toBeLessThan(1e-6 * (1 + Math.abs(exact)));
        const slope = row.derivative(f32, [x], y)[0]!;
        const limit = row.derivative(single, [x], exact)[0]!;
        expect(Math.abs(slope - limit)).toBeLessThan(1e-6);
      }
    },
  );
});

test("erf and erfinv to thirteen digits or more", () => {
  // Values of Abramowitz and Stegun, table 7.1, and of WolframAlpha for erfinv.
  const { erf, erfinv } = scalarFunctions;
  expect(erf.evaluate(0.5)).toBeCloseTo(0.5204998778130465, 15);
  expect(erf.evaluate(2)).toBeCloseTo(0.9953222650189527, 15);
  expect(erf.evaluate(-3)).toBeCloseTo(-0.9999779095030014, 15);
  expect(erfinv.evaluate(0.5)).toBeCloseTo(0.4769362762044699, 15);
  expect(erfinv.evaluate(-0.99)).toBeCloseTo(-1.82138636771845, 13);
  for (const x of [1e-9, 0.1, 0.7, 0.999, 0.9999999]) {
    expect(erf.evaluate(erfinv.evaluate(x))).toBeCloseTo(x, 14);
  }
  expect(erfinv.evaluate(1)).toBe(Infinity);
  expect(erfinv.evaluate(2)).toBeNaN();
});
