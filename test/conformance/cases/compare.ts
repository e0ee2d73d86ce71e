/** Tolerances of the conformance folders, as their README states them. */

export interface Tolerance {
  /** |actual − expected| ≤ relative · scale + absolute, scale being the largest magnitude expected. */
  readonly relative: number;
  readonly absolute: number;
}

/** What a target computes with. */
export type Precision = "float64" | "float32";

export const gradTolerance: { readonly [K in Precision]: Tolerance } = {
  float64: { relative: 1e-10, absolute: 1e-12 },
  float32: { relative: 1e-5, absolute: 1e-6 },
};

/** After 20 steps. */
export const trajectoryTolerance: { readonly [K in Precision]: Tolerance } = {
  float64: { relative: 0, absolute: 1e-9 },
  float32: { relative: 0, absolute: 1e-5 },
};

/** Of `derived` figures, element by element. */
export const kerasTolerance: { readonly [K in Precision]: Tolerance } = {
  float64: { relative: 1e-9, absolute: 1e-12 },
  float32: { relative: 1e-5, absolute: 1e-6 },
};

/** Of ONNX' cases, element by element; their figures are float32. */
export const onnxTolerance: { readonly [K in Precision]: Tolerance } = {
  float64: { relative: 1e-4, absolute: 1e-6 },
  float32: { relative: 1e-4, absolute: 1e-6 },
};

/** What ONNX' own runner allows, for figures that were written down with four decimals. */
export const onnxRunnerTolerance: Tolerance = { relative: 1e-3, absolute: 1e-7 };

/** Of figures that are stored as float16. */
export const halfTolerance: Tolerance = { relative: 1e-2, absolute: 1e-3 };

/** The first element outside the tolerance, in words; undefined if all are within. */
export function compare(
  name: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { relative, absolute }: Tolerance,
  scaleBy: "array" | "element" = "array",
): string | undefined {
  if (actual.length !== expected.length) {
    return `${name} has ${actual.length} elements, not ${expected.length}`;
  }
  const magnitudes = Array.from(expected, Math.abs).filter(Number.isFinite);
  const scale = magnitudes.reduce((largest, magnitude) => Math.max(largest, magnitude), 0);
  for (let i = 0; i < expected.length; i++) {
    const [found, wanted] = [actual[i]!, expected[i]!];
    if (Object.is(found, wanted) || found === wanted) continue;
    const limit = relative * (scaleBy === "array" ? scale : Math.abs(wanted)) + absolute;
    if (!(Math.abs(found - wanted) <= limit)) {
      const off = Math.abs(found - wanted).toExponential(1);
      return `${name}[${i}] is ${found}, not ${wanted} (off by ${off}, limit ${limit.toExponential(1)})`;
    }
  }
  return undefined;
}

/** The first sample's share of an output, which repeats it for each. */
export const firstOf = (data: ArrayLike<number>, count: number): readonly number[] =>
  Array.from({ length: Math.min(count, data.length) }, (_, i) => data[i]!);
