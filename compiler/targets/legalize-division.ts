/** Divisions that round down, which no target's language has. */

import { constant, invoke, literalOf, operation } from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { floorDivisionFunction } from "../kernel/math/functions.ts";

/** What takes the place of ⌊a/b⌋ or of a − b·⌊a/b⌋; of integers. The function it may call is yet to be made legal. */
export function legalFloorDivision(
  name: "floorQuotient" | "floorRemainder",
  a: Expression,
  b: Expression,
): Expression {
  const { lanes } = a.type;
  const divisor = literalOf(b);
  const shift = divisor === undefined ? Number.NaN : Math.log2(divisor);
  if (Number.isInteger(shift)) {
    // A power of two: the arithmetic shift floors, and the low bits are the remainder.
    return name === "floorQuotient"
      ? operation("shiftRight", a, constant(shift, "i32", lanes))
      : operation("and", a, constant(divisor! - 1, "i32", lanes));
  }
  const part = name === "floorQuotient" ? "quotient" : "remainder";
  return invoke(floorDivisionFunction(part, lanes), a, b);
}
