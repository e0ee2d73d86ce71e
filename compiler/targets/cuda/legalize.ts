/**
 * Rewrites kernels into what CUDA C++ can say, beside what `legalize-scalars.ts` does for all targets: vectors move
 * through memory as a whole only where that is aligned, integers of graphs wrap, and conversions are those that the
 * machine has.
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
import type { ScalarFunctionName } from "../../graph/scalar-functions.ts";
import { bitcast, constant, convert, invoke, max, min, operation } from "../../kernel/build.ts";
import type { ElementType, Expression, Kernel, Operation, Statement } from "../../kernel/ir.ts";
import { scaleFunction } from "../../kernel/math/functions.ts";
import { mapStatements, walkStatements } from "../../kernel/rewrite.ts";
import { foldConstant } from "../fold-constants.ts";
import { legalFloorDivision } from "../legalize-division.ts";
import { Legalizer, type LegalRules } from "../legalize-scalars.ts";
import { builderBeside, loadElements, storeElements } from "../vector-elements.ts";
import { wholeRuns } from "./aligned-runs.ts";
import { withFixedSubgroups } from "./fixed-subgroups.ts";

const rules: LegalRules = {
  call: wrappingCall,
  expression: rewrite,
  statement(s) {
    if (s.kind === "invoke") checkPointers(s.function.body);
    return s;
  },
};

/** A legal kernel; so are the functions that it calls. */
export function legalize(given: Kernel): Kernel {
  const kernel = withFixedSubgroups(given);
  const isWhole = wholeRuns(kernel);
  const names = builderBeside(kernel);
  const body = mapStatements(
    kernel.body,
    (e) => (e.kind === "load" && e.type.lanes > 1 && !isWhole(e, e.type) ? loadElements(e) : e),
    (s) => (s.kind === "store" && !isWhole(s, s.value.type) ? storeElements(s, names) : s),
  );
  return new Legalizer(rules).kernel({ ...kernel, body });
}

/** Nobody knows how what a function is pointed to is aligned. */
function checkPointers(body: readonly Statement[]): void {
  const expectSingle = (lanes: number): void =>
    invariant(lanes === 1, "functions for CUDA access memory by single values");
  walkStatements(
    body,
    (s) => s.kind === "store" && expectSingle(s.value.type.lanes),
    (e) => e.kind === "load" && expectSingle(e.type.lanes),
  );
}

/** Integers of graphs wrap, where those of C++ may not. */
function wrappingCall(fn: ScalarFunctionName, args: readonly Expression[]): Expression | null {
  if (args[0]!.type.dtype !== "i32") return null;
  const wrapping = (name: Operation, ...operands: readonly Expression[]): Expression =>
    bitcast(
      operation(name, ...operands.map((operand) => foldConstant(bitcast(operand, "u32")))),
      "i32",
    );
  const [a, b, c] = args as readonly [Expression, Expression, Expression];
  switch (fn) {
    case "add":
    case "subtract":
    case "multiply":
      return wrapping(fn, a, b);
    case "negate":
      return wrapping("subtract", constant(0, "i32", a.type.lanes), a);
    case "fma":
      return wrapping("add", wrapping("multiply", a, b), c);
    default:
      return null;
  }
}

function rewrite(e: Expression, legalizer: Legalizer): Expression {
  switch (e.kind) {
    case "convert":
      return legalConvert(e.of, e.type.dtype, legalizer);
    case "operation":
      return legalOperation(e, legalizer);
    default:
      return e;
  }
}

function legalConvert(of: Expression, to: ElementType, legalizer: Legalizer): Expression {
  const { dtype: from, lanes } = of.type;
  const isNarrow = from === "f16" || from === "bf16";
  if (isNarrow && to !== "f32") return legalConvert(convert(of, "f32"), to, legalizer);
  if (to === "bool") return operation("notEqual", of, constant(0, from, lanes));
  if (to === "u8" && from === "f32") {
    const whole = convert(of, "i32");
    return convert(min(max(whole, constant(0)), constant(255)), "u8");
  }
  // Numbers of 0 to 255 are the same in all floats.
  const isSmall = from === "u8" || from === "bool";
  if ((to === "f16" || to === "bf16") && isSmall) return convert(convert(of, "f32"), to);
  return convert(of, to);
}

function legalOperation(
  e: Expression & { readonly kind: "operation" },
  legalizer: Legalizer,
): Expression {
  const { operation: name, args } = e;
  const [a, b] = args as readonly [Expression, Expression];
  // Compilers are told to take no liberties.
  if (name === "rounded") return a;
  if (name === "scale") return legalizer.expression(invoke(scaleFunction(a.type.lanes), a, b));
  if (name !== "floorQuotient" && name !== "floorRemainder") return e;
  return legalizer.expression(legalFloorDivision(name, a, b));
}
