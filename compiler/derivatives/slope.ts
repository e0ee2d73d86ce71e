/**
 * A derivative against differences, along a line: f(0 + ε) for a few ε, in float64. A function may have a kink or a step
 * near the point, where differences tell nothing; so smaller steps are tried before anything is said, and what differences
 * from the two sides do not agree on is left to another point.
 */

export type SlopeVerdict =
  | { readonly kind: "agrees" }
  | { readonly kind: "differs"; readonly found: number }
  /** A kink at the point, or numbers that are not finite. */
  | { readonly kind: "unclear" };

/** From large steps, exact but near kinks, to small ones, which rounding blurs. */
const steps = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7];

/** Relative to the slope: differences of well-behaved functions meet it with some step. */
const tolerance = 1e-5;

/** Digits that evaluating a function may lose, relative to its values. */
const rounding = 1e-14;

/** `size` is that of the terms that the expected slope is the sum of: they may cancel. */
export function judgeSlope(
  f: (epsilon: number) => number,
  expected: number,
  size: number,
): SlopeVerdict {
  const at = f(0);
  if (!Number.isFinite(at) || !Number.isFinite(expected)) return { kind: "unclear" };
  const slopes: { readonly slope: number; readonly spread: number }[] = [];
  for (const step of steps) {
    const [above, below] = [f(step), f(-step)];
    if (!Number.isFinite(above) || !Number.isFinite(below)) continue;
    const largest = Math.max(Math.abs(at), Math.abs(above), Math.abs(below));
    const blur = (rounding * largest) / step;
    const slope = (above - below) / (2 * step);
    const scale = Math.max(Math.abs(expected), Math.abs(slope)) + size;
    if (Math.abs(slope - expected) <= tolerance * scale + blur) return { kind: "agrees" };
    // The slopes of the two sides of a smooth function differ by the step times its curvature.
    const sides = Math.abs(above - 2 * at + below) / step;
    slopes.push({ slope, spread: Math.max(0, sides - 2 * blur) / (scale + Number.MIN_VALUE) });
  }
  const least = Math.min(...slopes.map(({ spread }) => spread));
  const best = slopes.findIndex(({ spread }) => spread === least);
  const found = slopes[best];
  if (found === undefined || found.spread >= 1e-2) return { kind: "unclear" };
  const unrest = [slopes[best - 1], slopes[best + 1]].map((beside) =>
    beside === undefined ? Number.POSITIVE_INFINITY : Math.abs(beside.slope - found.slope),
  );
  // Of many kinks every step passes others: what is found is worth no more than what the next step changes of it.
  if (Math.abs(found.slope - expected) <= 3 * Math.min(...unrest)) return { kind: "unclear" };
  return { kind: "differs", found: found.slope };
}
