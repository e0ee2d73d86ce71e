/**
 * Rewriting rules on scalars. A rule is a named value that states one identity, its comment being that
 * identity; rules stand in lists and are indexed by the root they match.
 *
 * Rules are directional: the right side never costs more than the left. Constants and negations are brought to
 * one place once (a constant is the second argument of a commutative function), and only that form is matched;
 * there is no general commutativity or associativity. Identities hold in IEEE arithmetic for every argument,
 * infinities and NaN included, up to rounding and up to the sign of a zero; a rule that needs more says so.
 */

import { evaluateAffine } from "../../graph/affine.ts";
import type { Condition } from "../../graph/condition.ts";
import type { GraphContext } from "../../graph/context.ts";
import type { LoadScalar, Scalar } from "../../graph/node.ts";
import type { ScalarFunctionName } from "../../graph/scalar-functions.ts";
import type { Box } from "../simplify-index.ts";

/** Where a scalar stands: the iteration space around it, and what holds there. */
export interface Scope extends Box {
  readonly context: GraphContext;
  /** Holds wherever the scalar is evaluated. */
  readonly where: Condition;
}

export type Root = ScalarFunctionName | Exclude<Scalar["kind"], "call">;

export interface ScalarRule {
  readonly name: string;
  readonly roots: readonly Root[];
  /** Whether it looks at what is loaded, too: at how operands are computed. The others know of them their types and shapes. */
  readonly seesOperands?: true;
  /** The right side, or undefined where the left side does not match. */
  readonly apply: (scalar: Scalar, scope: Scope) => Scalar | undefined;
}

export type CallScalar = Extract<Scalar, { kind: "call" }>;

/** A rule for calls of one function, or of several alike; `x`, `y`, `z` are the arguments. */
export function onCall(
  fns: ScalarFunctionName | readonly ScalarFunctionName[],
  apply: (
    scope: Scope,
    args: { x: Scalar; y: Scalar; z: Scalar },
    call: CallScalar,
  ) => Scalar | undefined,
): Omit<ScalarRule, "name"> {
  return {
    roots: typeof fns === "string" ? [fns] : fns,
    apply: (scalar, scope) => {
      if (scalar.kind !== "call") return undefined;
      const { args } = scalar;
      return apply(scope, { x: args[0]!, y: args[1]!, z: args[2]! }, scalar);
    },
  };
}

/** A rule for one kind of scalar. */
export function onKind<K extends Exclude<Scalar["kind"], "call">>(
  kind: K,
  apply: (scope: Scope, scalar: Extract<Scalar, { kind: K }>) => Scalar | undefined,
): Omit<ScalarRule, "name"> {
  return {
    roots: [kind],
    apply: (scalar, scope) =>
      scalar.kind === kind ? apply(scope, scalar as Extract<Scalar, { kind: K }>) : undefined,
  };
}

/** The rules of a record, each named by its key. */
export function named(rules: Readonly<Record<string, Omit<ScalarRule, "name">>>): ScalarRule[] {
  return Object.entries(rules).map(([name, rule]) => ({ name, ...rule }));
}

// What rules match

export function isConstant(scalar: Scalar, value?: number): boolean {
  return scalar.kind === "constant" && (value === undefined || scalar.value === value);
}

/** The number, if the scalar is one. */
export function numberOf(scalar: Scalar): number | undefined {
  return scalar.kind === "constant" ? scalar.value : undefined;
}

/** The arguments, if the scalar is a call of that function. */
export function argsOf(scalar: Scalar, fn: ScalarFunctionName): readonly Scalar[] | undefined {
  return scalar.kind === "call" && scalar.fn === fn ? scalar.args : undefined;
}

/** The only argument of a call of that function. */
export function argOf(scalar: Scalar, fn: ScalarFunctionName): Scalar | undefined {
  return argsOf(scalar, fn)?.[0];
}

export function isLoad(scalar: Scalar): scalar is LoadScalar {
  return scalar.kind === "load";
}

/** The number that an index scalar is at every point, if there is only one. */
export function fixedIndex(scalar: Extract<Scalar, { kind: "index" }>): number | undefined {
  const { index } = scalar;
  return index.terms.length === 0 && index.batch === 0 ? evaluateAffine(index, [], 0) : undefined;
}
