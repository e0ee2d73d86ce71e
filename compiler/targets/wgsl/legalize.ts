/**
 * Rewrites kernels into what WGSL can say, beside what `legalize-scalars.ts` does for all targets. Compilers of WGSL
 * may assume that there are no NaNs (https://www.w3.org/TR/WGSL/#floating-point-evaluation), so tests for them look at
 * bits. Vectors move through memory one element at a time, but in buffers that `vectors` names, which hold nothing
 * else.
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
import { bitcast, constant, convert, invoke, literalOf, operation } from "../../kernel/build.ts";
import type { Expression, Kernel, KernelFunction, Operation } from "../../kernel/ir.ts";
import { scaleFunction, truncateFunction } from "../../kernel/math/functions.ts";
import { printExpression } from "../../kernel/print.ts";
import { mapExpression, mapStatements } from "../../kernel/rewrite.ts";
import { foldConstant } from "../fold-constants.ts";
import { legalFloorDivision } from "../legalize-division.ts";
import { Legalizer, type LegalRules } from "../legalize-scalars.ts";
import { builderBeside, loadElements, type Store, storeElements } from "../vector-elements.ts";
import { choiceFunction, compareMagnitude, legalCall, legalRounded } from "./float-functions.ts";

/** A legal kernel; so are the functions that it calls. */
export function legalize(kernel: Kernel, vectors: ReadonlySet<string>): Kernel {
  // Stores of vectors fall apart first: each of their elements is legalised below.
  const names = builderBeside(kernel);
  const isWhole = (s: Store): boolean =>
    vectors.has(s.place.buffer) &&
    s.active === s.value.type.lanes &&
    (s.mask === null || s.mask.type.lanes === 1);
  const body = mapStatements(
    kernel.body,
    (e) => e,
    (s) => (s.kind === "store" && !isWhole(s) ? storeElements(s, names) : s),
  );
  const rules: LegalRules = {
    call: (fn, args) => (isFloat(args[0]!) ? legalCall(fn, args) : null),
    expression: (e, legalizer) => foldConstant(rewrite(e, vectors, legalizer)),
    statement(s) {
      invariant(s.kind !== "invoke", "WGSL has no pointers to pass to functions");
      return s;
    },
  };
  return new Legalizer(rules).kernel({ ...kernel, body });
}

function isFloat({ type }: Expression): boolean {
  return type.dtype === "f32";
}

function rewrite(e: Expression, vectors: ReadonlySet<string>, legalizer: Legalizer): Expression {
  switch (e.kind) {
    case "load":
      return e.type.lanes === 1 || vectors.has(e.place.buffer) ? e : loadElements(e);
    case "convert":
      return legalConvert(e, legalizer);
    case "operation":
      return legalOperation(e, legalizer);
    default:
      return e;
  }
}

// Numbers

function legalConvert(
  e: Expression & { readonly kind: "convert" },
  legalizer: Legalizer,
): Expression {
  const { dtype: from, lanes } = e.of.type;
  const to = e.type.dtype;
  if (e.of.kind === "constant") return e;
  if (to === "bool") {
    return legalizer.expression(operation("notEqual", e.of, constant(0, from, lanes)));
  }
  if (to === "u8" && (from === "i32" || from === "u32")) {
    return bitcast(operation("and", convert(e.of, "u32"), constant(255, "u32", lanes)), "u8");
  }
  if (from !== "f32" || to === "f16") return e;
  invariant(to === "i32" || to === "u8", `no conversion of f32 to ${to}`);
  return invoke(legalTruncation(to, lanes, legalizer), e.of);
}

/** Ends in a plain conversion of a bounded number, which WGSL gives the same meaning. */
function legalTruncation(to: "i32" | "u8", lanes: number, legalizer: Legalizer): KernelFunction {
  const rewriteTests = (e: Expression): Expression =>
    e.kind === "operation" ? legalOperation(e, legalizer) : e;
  const fn = truncateFunction(to, lanes);
  return legalizer.keep({
    ...fn,
    body: mapStatements(fn.body, rewriteTests),
    result: fn.result && mapExpression(fn.result, rewriteTests),
  });
}

const bytes: ReadonlySet<Operation> = new Set([
  "add",
  "subtract",
  "multiply",
  "negate",
  "shiftLeft",
  "not",
]);

function legalOperation(
  e: Expression & { readonly kind: "operation" },
  legalizer: Legalizer,
): Expression {
  const { operation: name, args } = e;
  const [a, b] = args as readonly [Expression, Expression];
  const { dtype, lanes } = args.at(-1)!.type;
  if (args.every((arg) => arg.kind === "constant")) return e;
  switch (name) {
    case "equal":
    case "notEqual": {
      if (dtype !== "f32") return e;
      if (isSame(a, b)) return compareMagnitude(name === "equal" ? "lessEqual" : "greater", a);
      // WGSL's `!=` need not hold of NaN.
      return name === "equal" ? e : operation("not", operation("equal", a, b));
    }
    case "add":
      // x + 0 = x
      return dtype === "i32" && literalOf(b) === 0 ? a : e;
    case "scale":
      return legalizer.expression(invoke(scaleFunction(lanes), a, b));
    case "rounded":
      return legalizer.expression(legalRounded(a, legalizer));
    case "min":
    case "max":
      return dtype === "f32" ? legalizer.expression(invoke(choiceFunction(name, lanes), a, b)) : e;
    case "floorQuotient":
    case "floorRemainder":
      return legalizer.expression(legalFloorDivision(name, a, b));
    default: {
      // Bytes are kept in words.
      if (dtype !== "u8" || e.type.dtype !== "u8" || !bytes.has(name)) return e;
      const word = operation(name, ...args.map((arg) => bitcast(arg, "u32")));
      return bitcast(operation("and", word, constant(255, "u32", lanes)), "u8");
    }
  }
}

function isSame(a: Expression, b: Expression): boolean {
  return a === b || printExpression(a) === printExpression(b);
}
