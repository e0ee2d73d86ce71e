/**
 * Scalar bodies as kernel IR: a body's DAG becomes named values, each computed once, with loads from memory
 * or, where the schedule says so, from registers. Along the vector axis a load is one value for all lanes, a
 * run of consecutive elements, or a gather, as its index has it.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import type { Affine } from "../graph/affine.ts";
import type { GatherScalar, LoadScalar, Scalar } from "../graph/node.ts";
import { elementType } from "../kernel/algebra.ts";
import {
  and,
  broadcast,
  call,
  constant,
  convert,
  literalOf,
  load,
  random,
  shuffle,
  symbol,
} from "../kernel/build.ts";
import type { ElementType, Expression, Place } from "../kernel/ir.ts";
import { mapExpression } from "../kernel/rewrite.ts";
import { lowerGather } from "./gathers.ts";
import {
  conditionValue,
  lanePlaces,
  laneStep,
  type Point,
  recombine,
  scalarIndex,
  vectorIndex,
} from "./indexes.ts";
import { isStepScalar, type KernelBuilder } from "./kernel-builder.ts";

export interface BodyOptions {
  /** A load that needs no memory; undefined where it does. Its guard is the caller's to apply. */
  readonly fromRegister?: (load: LoadScalar) => Expression | undefined;
  /** An element that was read together with its neighbours; undefined where it was not. `lower` gives index values. */
  readonly fromRun?: (
    gather: GatherScalar,
    lower: (scalar: Scalar) => Expression,
  ) => Expression | undefined;
  /** Lanes 0 … active−1 take part; the others hold anything. */
  readonly active?: number;
  /** A bool under which all loads stand, because the body is only wanted where it holds. */
  readonly mask?: Expression | null;
}

type CallScalar = Extract<Scalar, { kind: "call" }>;

/** The value of a body at a point: one lane where it is the same in all lanes of the vector. */
export function lowerBody(
  builder: KernelBuilder,
  body: Scalar,
  point: Point,
  options: BodyOptions = {},
): Expression {
  const known = new Map<Scalar, Expression>();
  const visit = (scalar: Scalar): Expression => {
    const before = known.get(scalar);
    if (before !== undefined) return before;
    const value = lower(scalar);
    known.set(scalar, value);
    return value;
  };
  const lower = (scalar: Scalar): Expression => {
    const dtype = elementType(scalar.dtype);
    switch (scalar.kind) {
      case "constant":
        return constant(scalar.value, dtype);
      case "index":
        return builder.let("index", indexValue(builder, scalar.index, point));
      case "condition":
        return builder.once(
          "holds",
          conditionValue(scalar.condition, point) ?? constant(1, "bool"),
        );
      case "load":
        return options.fromRegister?.(scalar) ?? lowerLoad(builder, scalar, point, options);
      case "gather":
        return (
          options.fromRun?.(scalar, visit) ?? lowerGather(builder, scalar, point, visit, options)
        );
      case "random":
        return builder.let("uniform", random(scalar.stream, vectorIndex(scalar.index, point)));
      case "cast":
        return builder.let("cast", convert(decision(scalar.of), dtype));
      case "call":
        return builder.let(scalar.fn, knownCall(scalar) ?? call(scalar.fn, ...argsOf(scalar)));
    }
  };
  const argsOf = ({ fn, args }: CallScalar): readonly Expression[] => {
    const [first, ...rest] = args;
    return fn === "select" ? [decision(first!), ...rest.map(visit)] : args.map(visit);
  };
  /** Comparisons of floats are written where something is chosen by them: machines do both at once. */
  const decision = (scalar: Scalar): Expression =>
    scalar.kind === "call" && scalar.dtype === "bool" && scalar.args[0]!.dtype === "f32"
      ? call(scalar.fn, ...scalar.args.map(visit))
      : visit(scalar);
  /** What a call comes to where its point decides a condition: of parts set side by side the one that is there. */
  const knownCall = ({ fn, args }: CallScalar): Expression | undefined => {
    const [a, b, c] = args as [Scalar, Scalar, Scalar];
    if (fn === "select" && a.kind === "condition") {
      const chosen = literalOf(visit(a));
      return chosen === undefined ? undefined : visit(chosen === 0 ? c : b);
    }
    if (fn !== "add") return undefined;
    const [x, y] = [visit(a), visit(b)];
    // x + 0 = x
    if (literalOf(y) === 0) return x;
    return literalOf(x) === 0 ? y : undefined;
  };
  return visit(body);
}

/** A load from memory at a point. */
export function lowerLoad(
  builder: KernelBuilder,
  { value, index, guard }: LoadScalar,
  point: Point,
  { active, mask = null }: BodyOptions = {},
): Expression {
  const dtype = elementType(value.dtype);
  const hint = builder.surroundings.nameOf(value);
  const within = conditionValue(guard, point);
  if (within !== null && literalOf(within) === 0) return constant(0, dtype);
  const condition = and(mask, within);
  if (value.node.kind === "leaf" && isStepScalar(value.node)) {
    invariant(condition === null, `the load of ${hint} has a guard`);
    return builder.scalar(value);
  }
  const buffer = builder.buffer(value, "read");
  const at = builder.indexOf(value, index);
  const offset = recombine(at.offset);
  const step = laneStep(offset, point);
  const isRowUniform = at.row === null || laneStep(at.row, point) === 0;
  const maskLanes = condition?.type.lanes ?? 1;

  // The same element in every lane.
  if (step === 0 && isRowUniform && maskLanes === 1) {
    const row = at.row && scalarIndex(at.row, point);
    const place = { buffer, index: scalarIndex(offset, point), row };
    return builder.let(hint, load(place, { dtype, lanes: 1 }, { mask: condition }));
  }
  const lanes = point.vector?.lanes ?? 1;
  const places = isRowUniform && maskLanes === 1 ? lanePlaces(offset, point) : null;
  if (step === null && places !== null && isWithinVector(places)) {
    const row = at.row && scalarIndex(at.row, point);
    const place = { buffer, index: scalarIndex(offset, point), row };
    return loadByPlaces(builder, place, dtype, places, hint, {
      active: active ?? places.length,
      mask: condition,
    });
  }
  const isRun = step === 1 && isRowUniform;
  const place = {
    buffer,
    index: isRun ? scalarIndex(offset, point) : broadcast(vectorIndex(offset, point), lanes),
    row: at.row && (isRowUniform ? scalarIndex(at.row, point) : vectorIndex(at.row, point)),
  };
  const type = { dtype, lanes };
  const kept = condition && maskLanes === 1 ? builder.once("within", condition) : condition;
  return builder.let(hint, load(place, type, { mask: kept, active: active ?? lanes }));
}

/** Whether a vector of memory from where lane 0 is has all lanes. */
export function isWithinVector(places: readonly number[]): boolean {
  return places.every((at) => at >= 0 && at < places.length);
}

/** The lanes of a vector from their places in the one from `place` on, read as one. */
export function loadByPlaces(
  builder: KernelBuilder,
  place: Place,
  dtype: ElementType,
  places: readonly number[],
  hint: string,
  { active, mask = null }: BodyOptions,
): Expression {
  const reach = 1 + Math.max(...places.slice(0, active));
  const type = { dtype, lanes: places.length };
  const near = builder.let(hint, load(place, type, { mask, active: reach }));
  return builder.let(hint, shuffle(near, near, places));
}

/** An index as a value: the number of rows is then that of the batch, whatever a task takes of it. */
function indexValue({ surroundings }: KernelBuilder, index: Affine, point: Point): Expression {
  const value = vectorIndex(index, point);
  if (!surroundings.takesRows || index.batch === 0) return value;
  const isCount = (e: Expression) => e.kind === "symbol" && e.symbol === "n";
  return mapExpression(value, (e) => (isCount(e) ? symbol("whole") : e));
}
