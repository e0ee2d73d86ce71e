/** Operators that make fewer elements of more along axes, or sums so far, or an order. */

import { float, list } from "../case-rules.ts";
import type { NodeCall, Rule, Rules, Value } from "./rule.ts";
import {
  at,
  axesFromStart,
  axisFromStart,
  elementCount,
  range,
  reduction,
  replaced,
  reshaped,
} from "./shape-arithmetic.ts";
import { listGiven } from "./shapes.ts";

/** `body` says what is reduced along the axes, as arguments `axis = …, keepdims = …`. */
function along(call: NodeCall, body: (x: string, along: string) => string): readonly Value[] {
  const x = call.input(0);
  const rank = x.shape.length;
  const given = listGiven(call, "axes", 1) ?? [];
  if (given.length === 0 && call.int("noop_with_empty_axes", 0) === 1) {
    // Reduced along no axis, each element is a reduction by itself.
    return [call.define(body(x.expression, "axis = []"), x.shape, x.dtype)];
  }
  const axes = given.length === 0 ? range(rank) : axesFromStart(given, rank);
  const keeps = call.int("keepdims", 1) === 1;
  const shape = x.shape.flatMap((size, i) => (axes.includes(i) ? (keeps ? [1] : []) : [size]));
  return [
    call.define(body(x.expression, `axis = ${list(axes)}, keepdims = ${keeps}`), shape, x.dtype),
  ];
}

const reduce =
  (body: (x: string, along: string) => string): Rule =>
  (call) =>
    along(call, body);

/** Of booleans the largest says whether any is true. */
const extreme =
  (fn: string, ofBools: string): Rule =>
  (call) =>
    along(call, (x, axes) => `${call.input(0).dtype === "bool" ? ofBools : fn}(${x}, ${axes})`);

/** The place of the largest or smallest along one axis. */
const place =
  (fn: string): Rule =>
  (call) => {
    const x = call.input(0);
    const axis = axisFromStart(call.int("axis", 0), x.shape.length);
    const size = x.shape[axis]!;
    const shape = replaced(x.shape, axis, 1);
    const isLast = call.int("select_last_index", 0) === 1;
    const cuts = x.shape.map((_, i) => (isLast && i === axis ? "::-1" : ":"));
    const found = `${fn}(${at(x, cuts)}, axis = ${axis}, keepdims = true)`;
    const kept = call.define(isLast ? `${size - 1} - ${found}` : found, shape, "i32");
    const keeps = call.int("keepdims", 1) === 1;
    return [
      keeps
        ? kept
        : reshaped(
            call,
            kept,
            x.shape.filter((_, i) => i !== axis),
          ),
    ];
  };

/** Element i reduces those before it, itself included unless the sum is exclusive. */
const running =
  (reducer: string, nothing: string): Rule =>
  (call) => {
    const x = call.input(0);
    const axis = axisFromStart(call.constant(1)[0]!, x.shape.length);
    const side = call.int("reverse", 0) === 1 ? ">" : "<";
    const comparison = call.int("exclusive", 0) === 1 ? side : `${side}=`;
    return [
      call.indexed(
        x.shape,
        (axes) =>
          reduction(call, reducer, [x.shape[axis]!], ([j]) => {
            const element = at(x, replaced(axes, axis, j!));
            const zero = x.dtype === "i32" ? nothing : float(Number(nothing));
            return `if ${j} ${comparison} ${axes[axis]} then ${element} else ${zero}`;
          }),
        x.dtype,
      ),
    ];
  };

/** Before version 13 all axes from the given one on are one, and 1 is meant where none is given. */
const alongOneAxis =
  (body: (x: string, size: number) => string): Rule =>
  (call) => {
    const x = call.input(0);
    const rank = x.shape.length;
    if (call.opset >= 13) {
      const axis = axisFromStart(call.int("axis", -1), rank);
      const order = range(rank).filter((i) => i !== axis);
      const inverse = range(rank).map((i) => [...order, axis].indexOf(i));
      if (axis === rank - 1) {
        return [call.define(body(x.expression, x.shape[axis]!), x.shape)];
      }
      const moved = call.define(
        `transpose(${x.expression}, ${list([...order, axis])})`,
        [...order, axis].map((i) => x.shape[i]!),
      );
      const result = call.define(body(moved.expression, x.shape[axis]!), moved.shape);
      return [call.define(`transpose(${result.expression}, ${list(inverse)})`, x.shape)];
    }
    const axis = axisFromStart(call.int("axis", 1), rank);
    const sizes = [x.shape.slice(0, axis), x.shape.slice(axis)].map(elementCount);
    const flat = reshaped(call, x, sizes);
    const result = call.define(body(flat.expression, sizes[1]!), sizes);
    return [reshaped(call, result, x.shape)];
  };

/** The k first of an order along an axis: element r is the one that r others go before, of equals the first. */
function topK(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const axis = axisFromStart(call.int("axis", -1), x.shape.length);
  const size = x.shape[axis]!;
  const count = call.opset < 10 ? call.int("k") : call.constant(1)[0]!;
  const comparison = call.int("largest", 1) === 1 ? ">" : "<";
  const ranks = call.indexed(
    x.shape,
    (axes) =>
      reduction(call, "sum", [size], ([j]) => {
        const [own, other] = [at(x, axes), at(x, replaced(axes, axis, j!))];
        const isEarlierTwin = `(${other} == ${own} and ${j} < ${axes[axis]})`;
        return `if ${other} ${comparison} ${own} or ${isEarlierTwin} then 1 else 0`;
      }),
    "i32",
  );
  const pick = (dtype: Value["dtype"], element: (places: readonly string[], j: string) => string) =>
    call.indexed(
      replaced(x.shape, axis, count),
      (axes) =>
        reduction(call, "sum", [size], ([j]) => {
          const places = replaced(axes, axis, j!);
          const zero = dtype === "i32" ? "0" : "0.0";
          return `if ${at(ranks, places)} == ${axes[axis]} then ${element(places, j!)} else ${zero}`;
        }),
      dtype,
    );
  return [pick(x.dtype, (places) => at(x, places)), pick("i32", (_, j) => j)];
}

function lpNormalization(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const axis = axisFromStart(call.int("axis", -1), x.shape.length);
  const axes = `axis = ${axis}, keepdims = true`;
  const norm =
    call.int("p", 2) === 1
      ? `sum(abs(${x.expression}), ${axes})`
      : `sqrt(sum(${x.expression}^2, ${axes}))`;
  // A row of zeros stays one.
  return [call.define(`divide_no_nan(${x.expression}, ${norm})`, x.shape)];
}

export const reductionRules: Rules = {
  ReduceSum: reduce((x, axes) => `sum(${x}, ${axes})`),
  ReduceMean: reduce((x, axes) => `mean(${x}, ${axes})`),
  ReduceProd: reduce((x, axes) => `prod(${x}, ${axes})`),
  ReduceMax: extreme("max", "any"),
  ReduceMin: extreme("min", "all"),
  ReduceL1: reduce((x, axes) => `sum(abs(${x}), ${axes})`),
  ReduceL2: reduce((x, axes) => `sqrt(sum(${x}^2, ${axes}))`),
  ReduceSumSquare: reduce((x, axes) => `sum(${x}^2, ${axes})`),
  ReduceLogSum: reduce((x, axes) => `log(sum(${x}, ${axes}))`),
  ReduceLogSumExp: reduce((x, axes) => `logsumexp(${x}, ${axes})`),
  ArgMax: place("argmax"),
  ArgMin: place("argmin"),
  CumSum: running("sum", "0"),
  CumProd: running("prod", "1"),
  LpNormalization: lpNormalization,
  Softmax: alongOneAxis((x) => `softmax(${x})`),
  LogSoftmax: alongOneAxis((x) => `log_softmax(${x})`),
  Hardmax: alongOneAxis((x, size) => `one_hot(argmax(${x}, axis = -1), ${size})`),
  TopK: topK,
};
