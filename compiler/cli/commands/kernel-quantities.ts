/** How `nnc explain` and `nnc tune` write times, shares, counts, plans and tables. */

import type { PlanChoice } from "../../optimize/target-description.ts";

export function formatTime(seconds: number): string {
  if (seconds >= 1) return `${seconds.toPrecision(3)} s`;
  if (seconds >= 1e-3) return `${(seconds * 1e3).toPrecision(3)} ms`;
  if (seconds >= 1e-6) return `${(seconds * 1e6).toPrecision(3)} µs`;
  return `${(seconds * 1e9).toPrecision(3)} ns`;
}

/** In percent; what is little is not nothing. */
export function share(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : (100 * part) / whole;
  return percent > 0 && percent < 1 ? "<1 %" : `${Math.round(percent)} %`;
}

export function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

/** `tiles of 12 × 2 vectors, packed, in blocks of 384 steps`. */
export function formatPlan({ rows, vectors, packed, blocks }: PlanChoice): string {
  const depth = blocks === null || blocks.depth === 0 ? "" : ` of loop ${blocks.depth + 1}`;
  return [
    `tiles of ${rows} × ${count(vectors, "vector")}`,
    ...(packed ? ["packed"] : []),
    ...(blocks === null ? [] : [`in blocks of ${count(blocks.steps, "step")}${depth}`]),
  ].join(", ");
}

/** Longer names stand on lines of their own. */
const NAME_WIDTH = 44;

/** Names to the left, figures to the right. */
export function formatTable(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, column) => {
    const lengths = rows.map((row) => row[column]!.length);
    return Math.max(...lengths.filter((length) => column > 0 || length <= NAME_WIDTH));
  });
  return rows.flatMap(([name = "", ...cells]) => {
    const figures = cells.map((cell, i) => cell.padStart(widths[i + 1]!)).join("  ");
    return name.length > widths[0]!
      ? [`  ${name}`, `  ${"".padEnd(widths[0]!)}  ${figures}`]
      : [`  ${name.padEnd(widths[0]!)}  ${figures}`];
  });
}
