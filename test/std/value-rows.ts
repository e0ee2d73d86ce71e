/** Values of many uses of the library by one model, for tests that hold them to formulas written again. */

import { expect } from "vitest";
import { predict } from "../semantics/run-program.ts";

export type Row = readonly [use: string, wanted: readonly number[]];

/** All uses as outputs of one model; of one number each, it is repeated over the rows. */
export function checkValues(
  inputs: Readonly<Record<string, string>>,
  data: Readonly<Record<string, readonly number[]>>,
  n: number,
  rows: readonly Row[],
  digits = 9,
): void {
  const text = [
    "model M {",
    ...Object.entries(inputs).map(([name, type]) => `  input ${name}: ${type}`),
    ...rows.map(([use], i) => `  output y${i} = ${use}`),
    "}",
  ].join("\n");
  const found = predict(text, data, n);
  rows.forEach(([use, wanted], i) => {
    expect(found[`y${i}`]!.length, use).toBe(wanted.length);
    wanted.forEach((value, k) => {
      const scale = Math.max(1, Math.abs(value));
      expect(found[`y${i}`]![k]! / scale, `${use}[${k}]`).toBeCloseTo(value / scale, digits);
    });
  });
}
