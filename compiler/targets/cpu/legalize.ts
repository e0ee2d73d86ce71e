/**
 * Rewrites kernels into what C can say, beside what `legalize-scalars.ts` does for all targets: masks become bytes
 * in memory, and conversions get the meaning that the IR gives them. Printing follows without any analysis.
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
import { and, constant, convert, invoke, operation, ramp, vectorOf } from "../../kernel/build.ts";
import type {
  ElementType,
  Expression,
  LoadExpression,
  Operation,
  Statement,
} from "../../kernel/ir.ts";
import { truncateFunction } from "../../kernel/math/functions.ts";
import { legalFloorDivision } from "../legalize-division.ts";
import { Legalizer, type LegalRules } from "../legalize-scalars.ts";

const rules: LegalRules = {
  call: () => null,
  expression: rewrite,
  statement: (s) => (s.kind === "store" ? legalStore(s) : s),
};

/** Makes kernels legal, with all the functions that they call. */
export function cLegalizer(): Legalizer {
  return new Legalizer(rules);
}

/**
 * Where lanes have addresses or a mask of their own, the literal number of active lanes becomes part of the
 * mask.
 */
function activeInMask<T extends Pick<LoadExpression, "place" | "mask" | "active">>(
  access: T,
  lanes: number,
): T {
  const { place, mask, active } = access;
  const isRun = place.index.type.lanes === 1 && (place.row?.type.lanes ?? 1) === 1;
  if (active >= lanes || (isRun && (mask?.type.lanes ?? 1) === 1)) return access;
  const within = operation("less", ramp(lanes), constant(active, "i32", lanes));
  return { ...access, mask: and(mask, within), active: lanes };
}

/** A vector of bools is stored as bytes 0 and 1. */
function legalStore(unmasked: Statement & { readonly kind: "store" }): Statement {
  const { dtype, lanes } = unmasked.value.type;
  const s = activeInMask(unmasked, lanes);
  if (dtype !== "bool" || lanes === 1) return s;
  return { ...s, value: convert(maskAs(s.value, "i32"), "u8") };
}

/** 1 and 0 for true and false. */
function maskAs(mask: Expression, dtype: ElementType): Expression {
  const { lanes } = mask.type;
  return operation("select", mask, constant(1, dtype, lanes), constant(0, dtype, lanes));
}

function rewrite(e: Expression, legalizer: Legalizer): Expression {
  const { lanes } = e.type;
  switch (e.kind) {
    case "load": {
      const load = activeInMask(e, lanes);
      if (e.type.dtype !== "bool" || lanes === 1) return load;
      return operation(
        "notEqual",
        convert({ ...load, type: vectorOf("u8", lanes) }, "i32"),
        constant(0, "i32", lanes),
      );
    }
    case "convert":
      return legalConvert(e.of, e.type.dtype, legalizer);
    case "operation":
      return legalOperation(e.operation, e.args, e, (next) => legalizer.expression(next));
    default:
      return e;
  }
}

function legalConvert(of: Expression, to: ElementType, legalizer: Legalizer): Expression {
  const { dtype: from, lanes } = of.type;
  if (to === "bool") {
    const wide = from === "u8" ? convert(of, "i32") : of;
    return operation("notEqual", wide, constant(0, wide.type.dtype, lanes));
  }
  if (from === "bool" && lanes > 1) {
    return to === "u8" ? convert(maskAs(of, "i32"), "u8") : maskAs(of, to);
  }
  // GCC converts vectors of bytes to floats one by one, but widens them and converts integers at once.
  const value =
    from === "u8" && to === "f32" && lanes > 1 ? convert(convert(of, "i32"), to) : convert(of, to);
  if (from !== "f32" || to === "f64") return value;
  invariant(to === "i32" || to === "u8", `no conversion of f32 to ${to}`);
  // It ends in a plain conversion of a bounded number, which is C's own: the function is legal as it is.
  return invoke(legalizer.keep(truncateFunction(to, lanes)), of);
}

function legalOperation(
  name: Operation,
  args: readonly Expression[],
  unchanged: Expression,
  again: (next: Expression) => Expression,
): Expression {
  const [first, second] = args;
  // C compilers are told to take no liberties.
  if (name === "rounded") return first!;
  const { dtype, lanes } = args.at(-1)!.type;
  if (name === "floorQuotient" || name === "floorRemainder") {
    return again(legalFloorDivision(name, first!, second!));
  }
  // Vectors of bytes are compared and chosen as integers: their masks would be bytes too.
  if (dtype === "u8" && lanes > 1) {
    const wide = args.map((arg) => (arg.type.dtype === "u8" ? convert(arg, "i32") : arg));
    const value = operation(name, ...wide);
    return again(value.type.dtype === "i32" ? convert(value, "u8") : value);
  }
  return unchanged;
}
