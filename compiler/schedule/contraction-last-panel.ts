/**
 * The last panel of a contraction's columns, which has fewer than the others where they do not divide evenly. One code
 * serves all panels, with what differs behind conditions: maps on tiles are most of a kernel, and compilers take as long for
 * a second text of them as for the first.
 */

import { when } from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import type { KernelBuilder } from "./kernel-builder.ts";

/** The last panel of columns, where it has fewer than the others and one code serves all of them. */
export interface LastPanel {
  /** Whether the task's panel is another, with all columns. */
  readonly isOther: Expression;
  /** Of the last one, as of the others. */
  readonly vectors: number;
  readonly active: number;
}

/** The vectors of a panel's columns. */
export interface PanelVectors {
  /** So many, of whose last so many lanes are columns. */
  readonly vectors: number;
  readonly active: number;
  readonly last: LastPanel | null;
}

/** What is done with a panel's vectors `from` … `to`, of whose last so many lanes are columns. */
export type VisitVectors = (from: number, to: number, active: number) => void;

/** Does the same with the vectors that all panels have whole, then with the rest of the last panel's or of the others. */
export function forVectors(
  builder: KernelBuilder,
  { vectors, active, last }: PanelVectors,
  lanes: number,
  visit: VisitVectors,
): void {
  if (last === null) {
    visit(0, vectors, active);
    return;
  }
  const common = last.active === lanes ? last.vectors : last.vectors - 1;
  if (common > 0) visit(0, common, lanes);
  const others = builder.block(() => visit(common, vectors, active));
  const ofLast = builder.block(() => {
    if (common < last.vectors) visit(common, last.vectors, last.active);
  });
  builder.emit(when(last.isOther, others, ofLast));
}
