/** Windows of signals, and the bins of a spectrum on the mel scale: tensors that sizes and frequencies tell. */

import { float } from "../case-rules.ts";
import type { Rule, Rules } from "./rule.ts";
import { range } from "./shape-arithmetic.ts";

/** Σ cₖ·cos(2πk·i / period), the period being the size, or one less where both ends are to be alike. */
const cosines =
  (...coefficients: readonly number[]): Rule =>
  (call) => {
    const [size] = call.constant(0) as [number];
    const period = call.int("periodic", 1) === 0 ? size - 1 : size;
    const term = (factor: number, k: number, i: string) =>
      `${float(factor)} * cos(${float((2 * Math.PI * k) / period)} * ${i})`;
    return [
      call.indexed([size], ([i]) =>
        coefficients.map((factor, k) => term(factor, k, i!)).join(" + "),
      ),
    ];
  };

const toMel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700);
const toHertz = (mel: number): number => 700 * (10 ** (mel / 2595) - 1);

type FiveNumbers = [number, number, number, number, number];

/** A triangle for each bin over those of the spectrum, its corners as far apart as its neighbours' centres. */
const melWeightMatrix: Rule = (call) => {
  const [bins, length, rate, lowest, highest] = range(5).map(
    (i) => call.constant(i)[0]!,
  ) as FiveNumbers;
  const rows = Math.floor(length / 2) + 1;
  const step = (toMel(highest) - toMel(lowest)) / (bins + 2);
  const corners = range(bins + 2).map((i) =>
    Math.floor(((length + 1) * toHertz(toMel(lowest) + i * step)) / rate),
  );
  const weights = range(rows * bins).map((at) => {
    const [row, bin] = [Math.floor(at / bins), at % bins];
    const [left, middle, right] = corners.slice(bin) as [number, number, number];
    if (row >= middle && row < right) return (right - row) / (right - middle);
    if (row === middle) return 1;
    return row >= left && row < middle ? (row - left) / (middle - left) : 0;
  });
  return [call.literal(weights, [rows, bins])];
};

export const signalRules: Rules = {
  HannWindow: cosines(0.5, -0.5),
  HammingWindow: cosines(25 / 46, -21 / 46),
  BlackmanWindow: cosines(0.42, -0.5, 0.08),
  MelWeightMatrix: melWeightMatrix,
};
