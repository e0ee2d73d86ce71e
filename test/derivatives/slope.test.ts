import { describe, expect, it } from "vitest";
import { judgeSlope } from "../../compiler/derivatives/slope.ts";

/** A function by its mean slopes from 0 to the distances given, above and below. */
const bySlopes =
  (above: Readonly<Record<string, number>>, below: Readonly<Record<string, number>>) =>
  (epsilon: number): number => {
    const slopes = epsilon < 0 ? below : above;
    return epsilon === 0 ? 0 : (slopes[`${Math.abs(epsilon)}`] ?? Number.NaN) * epsilon;
  };

describe("a slope", () => {
  it("agrees with that of a smooth function, and no other does", () => {
    const f = (epsilon: number) => Math.exp(2 * epsilon);
    expect(judgeSlope(f, 2, 0)).toEqual({ kind: "agrees" });
    expect(judgeSlope(f, 2.001, 0).kind).toBe("differs");
    expect(judgeSlope(f, -2, 0).kind).toBe("differs");
  });

  it("is unclear at a kink, and where there are no numbers", () => {
    expect(judgeSlope(Math.abs, 0.5, 0)).toEqual({ kind: "unclear" });
    expect(judgeSlope((epsilon) => Math.log(epsilon - 1), 1, 0)).toEqual({ kind: "unclear" });
  });

  it("is unclear where each step passes other kinks, unless it is far from all that was found", () => {
    // Measured: a residual network of rectifiers, along a direction in its first kernel.
    const above = { 0.001: -0.41247, 0.0001: -0.48207, 0.00001: -0.41484, 0.000001: -0.41261 };
    const below = { 0.001: -0.79368, 0.0001: -0.50848, 0.00001: -0.41893, 0.000001: -0.41273 };
    const f = bySlopes({ ...above, 1e-7: -0.41595 }, { ...below, 1e-7: -0.41319 });
    expect(judgeSlope(f, -0.41319669, 1.43)).toEqual({ kind: "unclear" });
    expect(judgeSlope(f, -0.44, 1.43)).toMatchObject({ kind: "differs" });
  });
});
