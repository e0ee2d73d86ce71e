/**
 * Logarithms in stable form. `log(softmax z)` underflows to −∞ where the probability does, and its derivative is
 * 0/0 there; `z − m − log Σ exp(z − m)` is exact everywhere. The identities hold for all real numbers; they look
 * through maps, since a library writes each step as a function of its own.
 */

import { type Affine, axisAffine } from "../../graph/affine.ts";
import type { LoadScalar, Scalar, Value } from "../../graph/node.ts";
import { substituteAxes } from "../../graph/rewrite.ts";
import { algebraOf } from "../../graph/scalar-functions.ts";
import { rangeOfScalar } from "../../graph/value-range.ts";
import { loadWhole, mapValue } from "./node-rule.ts";
import { argOf, argsOf, isConstant, named, onCall, type ScalarRule, type Scope } from "./rule.ts";

const rules = named({
  // log of what has a stable logarithm
  stableLog: onCall("log", (scope, { x }) => logOf(x, scope)),
  // log1p(−q) = log(1 − q) of what has a stable complement
  stableLog1p: onCall("log1p", (scope, { x }) => {
    const q = argOf(x, "negate");
    return q && logOfComplement(q, scope);
  }),
  // log(1 + x) = log1p(x), which is exact near 0
  logOfOnePlus: onCall("log", ({ context }, { x }) => {
    const [a, one] = argsOf(x, "add") ?? [];
    return a && isConstant(one!, 1) ? context.call("log1p", a) : undefined;
  }),
  // log(1 − x) = log1p(−x), which is exact near 0
  logOfOneMinus: onCall("log", ({ context }, { x }) => {
    const [one, a] = argsOf(x, "subtract") ?? [];
    return a && isConstant(one!, 1) ? context.call("log1p", context.call("negate", a)) : undefined;
  }),
  // exp(x) − 1 = expm1(x), which is exact near 0
  expMinusOne: onCall("add", ({ context }, { x, y }) => {
    const a = argOf(x, "exp");
    return a && isConstant(y, -1) ? context.call("expm1", a) : undefined;
  }),
  // p / Σ p = a / Σ a where p = a / t and t is the same all along the sum: normalising twice is normalising once
  normaliseOnce: onCall("divide", (scope, { x, y }) => normaliseOnce(x, y, scope)),
});

export const logarithmRules = rules.map((rule): ScalarRule => ({ ...rule, seesOperands: true }));

/** What a load of a map reads, as an expression of the map's own operands; anything else as it is. */
export function lookThrough(scalar: Scalar, { context }: Pick<Scope, "context">): Scalar {
  if (scalar.kind !== "load" || scalar.guard.kind !== "true") return scalar;
  const { node } = scalar.value;
  if (node.kind !== "compute" || node.reducer !== null) return scalar;
  const body = substituteAxes(context, node.body, (axis) => scalar.index[axis]!);
  return lookThrough(body, { context });
}

/**
 * log x without a logarithm of anything that can underflow, or undefined if no identity gives one. Where there is
 * one, x cannot be negative.
 */
function logOf(x: Scalar, scope: Scope): Scalar | undefined {
  const { context } = scope;
  const seen = lookThrough(x, scope);
  const f = algebraOf(context, x.dtype);
  if (seen.kind === "constant") {
    return seen.value > 0 ? f.number(Math.log(seen.value)) : undefined;
  }
  if (seen.kind === "load") return logOfSum(seen, scope);
  if (seen.kind !== "call") return undefined;
  const [a, b, c] = seen.args;
  const again = (s: Scalar) => logOf(s, scope);
  switch (seen.fn) {
    // log exp u = u
    case "exp":
      return a;
    // log σ(z) = −softplus(−z)
    case "sigmoid":
      return f.negate(f.call("softplus", f.negate(a!)));
    // log(a / b) = log a − log b of non-negative a, b
    case "divide": {
      const above = again(a!);
      const below = again(b!) ?? (isNonnegative(b!, scope) ? plainLog(b!, scope) : undefined);
      return above && below && f.subtract(above, below);
    }
    // log(a · b) = log a + log b of non-negative a, b
    case "multiply": {
      const [first, second] = [again(a!), again(b!)];
      return first && second && f.add(first, second);
    }
    // log max(a, c) = max(log a, log c), log min(a, c) = min(log a, log c)
    case "maximum":
    case "minimum": {
      const [first, second] = [again(a!), again(b!)];
      return first && second && f.call(seen.fn, first, second);
    }
    // log a^c = c · log a, and so for the powers with names
    case "power": {
      const log = isConstant(b!) ? again(a!) : undefined;
      return log && f.multiply(log, b!);
    }
    case "square": {
      const log = again(a!);
      return log && f.multiply(log, f.number(2));
    }
    case "sqrt": {
      const log = again(a!);
      return log && f.multiply(log, f.number(0.5));
    }
    case "reciprocal": {
      const log = again(a!);
      return log && f.negate(log);
    }
    case "select": {
      const [first, second] = [again(b!), again(c!)];
      return first && second && f.select(a!, first, second);
    }
    // log(1 − q), written 1 − q or (−q) + 1
    case "subtract":
      return isConstant(a!, 1) ? logOfComplement(b!, scope) : undefined;
    case "add": {
      const q = argOf(a!, "negate");
      return q && isConstant(b!, 1) ? logOfComplement(q, scope) : undefined;
    }
    default:
      return undefined;
  }
}

/** log(1 − q), likewise. */
function logOfComplement(q: Scalar, scope: Scope): Scalar | undefined {
  const seen = lookThrough(q, scope);
  const f = algebraOf(scope.context, q.dtype);
  if (seen.kind === "constant") {
    return seen.value < 1 ? f.number(Math.log1p(-seen.value)) : undefined;
  }
  if (seen.kind !== "call") return undefined;
  const [a, b] = seen.args;
  switch (seen.fn) {
    // 1 − σ(z) = σ(−z)
    case "sigmoid":
      return f.negate(f.call("softplus", a!));
    // 1 − max(a, c) = min(1 − a, 1 − c)
    case "maximum":
    case "minimum": {
      const [first, second] = [logOfComplement(a!, scope), logOfComplement(b!, scope)];
      const opposite = seen.fn === "maximum" ? "minimum" : "maximum";
      return first && second && f.call(opposite, first, second);
    }
    // 1 − (1 − p) = p
    case "subtract":
      return isConstant(a!, 1) ? logOf(b!, scope) : undefined;
    default:
      return undefined;
  }
}

function isNonnegative(scalar: Scalar, scope: Scope): boolean {
  const seen = lookThrough(scalar, scope);
  if (rangeOfScalar(seen).min >= 0) return true;
  if (seen.kind === "load") return isNonnegativeSum(seen, scope);
  const args = argsOf(seen, "divide") ?? argsOf(seen, "multiply") ?? argsOf(seen, "minimum");
  return args?.every((arg) => isNonnegative(arg, scope)) ?? false;
}

/** Whether a value is a sum of what cannot be negative. */
function isNonnegativeSum({ value }: LoadScalar, scope: Scope): boolean {
  const { node } = value;
  if (node.kind !== "compute" || (node.reducer !== "sum" && node.reducer !== "mean")) return false;
  return isNonnegative(node.body, scope);
}

/**
 * log Σ exp u = logsumexp u, which finds its own shift; unless u = v − max v is shifted already: then the sum, which
 * others use, is shared.
 */
function logOfSum(load: LoadScalar, scope: Scope): Scalar | undefined {
  const { node } = load.value;
  if (node.kind !== "compute" || node.reducer !== "sum") return undefined;
  const exponent = argOf(lookThrough(node.body, scope), "exp");
  if (exponent === undefined || isShifted(exponent, scope)) return undefined;
  const stable = scope.context.compute({ ...node, reducer: "logsumexp", body: exponent });
  scope.context.inheritOrigins(stable, node);
  return scope.context.load(stable.values[0]!, load.index, load.guard);
}

/** v − m with m the result of a `max`. */
function isShifted(exponent: Scalar, scope: Scope): boolean {
  const [, shift] = argsOf(lookThrough(exponent, scope), "subtract") ?? [];
  if (shift === undefined) return false;
  const inner = lookThrough(shift, scope);
  const source = lookThrough(argOf(inner, "stopGradient") ?? inner, scope);
  return (
    source.kind === "load" &&
    source.value.node.kind === "compute" &&
    source.value.node.reducer === "max"
  );
}

/** log b, computed once for each element of b where b is loaded. */
function plainLog(b: Scalar, scope: Scope): Scalar {
  const { context } = scope;
  if (b.kind !== "load" || b.guard.kind !== "true") return context.call("log", b);
  const log: Value = mapValue(scope, b.value.shape, context.call("log", loadWhole(scope, b.value)));
  return context.load(log, b.index);
}

/** See the rule of that name. */
function normaliseOnce(x: Scalar, y: Scalar, scope: Scope): Scalar | undefined {
  const total = lookThrough(y, scope);
  const [a, t] = argsOf(lookThrough(x, scope), "divide") ?? [];
  if (a === undefined || total.kind !== "load" || total.value.node.kind !== "compute") {
    return undefined;
  }
  const sum = total.value.node;
  if (sum.reducer !== "sum" || sum.where.kind !== "true") return undefined;
  const [summed, divisor] = argsOf(lookThrough(sum.body, scope), "divide") ?? [];
  if (summed === undefined || divisor?.kind !== "load") return undefined;
  const rank = sum.parallel.length;
  const isConstantAlong = !dependsOn(divisor, rank);
  // x is the term of the sum at this point: the sum's axes, read off where x is loaded, give a and t again.
  const place = placeOf(x, sum.body);
  if (!isConstantAlong || place === undefined) return undefined;
  const replace = (axis: number): Affine =>
    axis < rank ? total.index[axis]! : (place.get(axis) ?? axisAffine(axis));
  const isSame =
    substituteAxes(scope.context, summed, replace) === a &&
    substituteAxes(scope.context, divisor, replace) === t;
  if (!isSame) return undefined;
  const numerators = scope.context.compute({ ...sum, body: summed });
  scope.context.inheritOrigins(numerators, sum);
  return scope.context.call("divide", a, scope.context.load(numerators.values[0]!, total.index));
}

const dependsOn = (load: LoadScalar, firstReductionAxis: number): boolean =>
  load.index.some((i) =>
    i.terms.some(({ atom }) => atom.kind !== "axis" || atom.axis >= firstReductionAxis),
  );

/** Where the reduction axes of a sum stand for x to be its term: read off two loads of one value. */
function placeOf(x: Scalar, term: Scalar): ReadonlyMap<number, Affine> | undefined {
  if (x.kind !== "load" || term.kind !== "load" || x.value !== term.value) return undefined;
  const place = new Map<number, Affine>();
  term.index.forEach((index, dimension) => {
    const [only] = index.terms;
    if (only?.atom.kind === "axis" && index.terms.length === 1 && only.coefficient === 1) {
      place.set(only.atom.axis, x.index[dimension]!);
    }
  });
  return place;
}
