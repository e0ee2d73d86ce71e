/**
 * Which pieces of a panel a thread copies. Pieces are numbered by digits, the first of them the fastest; a thread copies
 * the piece of its own number and those `threads` further on, so all its places are its first one and a literal.
 */

import { add, constant, multiply, quotient, remainder, symbol } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";

/** A power of two of places along or across the lines of a panel; a later digit of an axis counts runs of the earlier. */
export interface Digit {
  readonly axis: "along" | "across";
  readonly count: number;
}

export interface PanelPlaces {
  /** Of the thread's first piece. */
  readonly thread: { readonly along: Expression; readonly across: Expression };
  /** Of its i-th piece, beyond that. */
  readonly literal: (i: number) => { readonly along: number; readonly across: number };
}

export function panelPlaces(
  builder: KernelBuilder,
  digits: readonly Digit[],
  threads: number,
): PanelPlaces {
  const thread = symbol("thread");
  const own = { along: constant(0), across: constant(0) };
  const weights = { along: 1, across: 1 };
  let below = 1;
  const placed = digits.map(({ axis, count }, i) => {
    const digit = { axis, count, below, weight: weights[axis] };
    if (below < threads && count > 1) {
      // Numbers beyond the last piece keep their last digit: these threads have nothing to copy.
      const isWhole = i < digits.length - 1 && below * count < threads;
      const rest = quotient(thread, below);
      const value = builder.let(i === 0 ? "fast" : "slow", isWhole ? remainder(rest, count) : rest);
      own[axis] = add(own[axis], multiply(value, constant(weights[axis])));
    }
    below *= count;
    weights[axis] *= count;
    return digit;
  });
  return {
    thread: own,
    literal: (i) => {
      const at = { along: 0, across: 0 };
      for (const { axis, count, below: divisor, weight } of placed) {
        at[axis] += (Math.floor((i * threads) / divisor) % count) * weight;
      }
      return at;
    },
  };
}
