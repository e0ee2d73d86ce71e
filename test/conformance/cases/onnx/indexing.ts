/**
 * Operators that read and write at places that the data names. What is written is a reduction of all that may be written
 * at a place, of which a condition leaves what is.
 */

import { NotExpressible } from "../case-program.ts";
import { BadOnnxFile } from "./model.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";
import { at, axisFromStart, range, reduction, replaced } from "./shape-arithmetic.ts";

/** A place along an axis, counted from behind where it is negative. */
const counted = (index: string, size: number): string =>
  `(if ${index} < 0 then ${index} + ${size} else ${index})`;

function gather(call: NodeCall): readonly Value[] {
  const [x, indices] = [call.input(0), call.input(1)];
  const axis = axisFromStart(call.int("axis", 0), x.shape.length);
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const places = `mod(${indices.expression}, ${x.shape[axis]})`;
  return [call.define(`take(${x.expression}, ${places}, axis = ${axis})`, shape, x.dtype)];
}

function gatherElements(call: NodeCall): readonly Value[] {
  const [x, indices] = [call.input(0), call.input(1)];
  const axis = axisFromStart(call.int("axis", 0), x.shape.length);
  return [
    call.indexed(
      indices.shape,
      (axes) => at(x, replaced(axes, axis, counted(at(indices, axes), x.shape[axis]!))),
      x.dtype,
    ),
  ];
}

function gatherND(call: NodeCall): readonly Value[] {
  const [x, indices] = [call.input(0), call.input(1)];
  const batch = call.int("batch_dims", 0);
  const depth = indices.shape.at(-1)!;
  const outer = indices.shape.length - 1;
  const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(batch + depth)];
  return [
    call.indexed(
      shape,
      (axes) => {
        const named = range(depth).map((k) =>
          counted(at(indices, [...axes.slice(0, outer), `${k}`]), x.shape[batch + k]!),
        );
        return at(x, [...axes.slice(0, batch), ...named, ...axes.slice(outer)]);
      },
      x.dtype,
    ),
  ];
}

interface Combination {
  readonly reducer: string;
  /** Of what is not written here. */
  readonly nothing: string;
  readonly join: (old: string, written: string) => string;
}

const combinations: Readonly<Record<string, Combination>> = {
  add: { reducer: "sum", nothing: "0", join: (old, written) => `${old} + ${written}` },
  mul: { reducer: "prod", nothing: "1", join: (old, written) => `${old} * ${written}` },
  max: {
    reducer: "max",
    nothing: "-1e38",
    join: (old, written) => `maximum(${old}, ${written})`,
  },
  min: {
    reducer: "min",
    nothing: "1e38",
    join: (old, written) => `minimum(${old}, ${written})`,
  },
};

/** Where every place is written at most once, its update is the sum over all that may be. */
const overwriting: Combination = { reducer: "sum", nothing: "0", join: (_, written) => written };

/**
 * x, with what a reduction over `sizes` finds at each place: for axes of x and of the reduction `isHere` says whether the
 * update is written there.
 */
function scattered(
  call: NodeCall,
  x: Value,
  sizes: readonly number[],
  isHere: (axes: readonly string[], over: readonly string[]) => string,
  update: (axes: readonly string[], over: readonly string[]) => string,
): Value {
  const kind = call.string("reduction", "none");
  const combination = kind === "none" ? overwriting : combinations[kind];
  if (combination === undefined) throw new NotExpressible(`scattering by ${kind}`);
  const { reducer, nothing, join } = combination;
  const written = call.indexed(
    x.shape,
    (axes) =>
      reduction(
        call,
        reducer,
        sizes,
        (over) => `if ${isHere(axes, over)} then ${update(axes, over)} else ${nothing}`,
      ),
    x.dtype,
  );
  const isWritten = call.indexed(
    x.shape,
    (axes) => reduction(call, "any", sizes, (over) => isHere(axes, over)),
    "bool",
  );
  const [old, found] = [x.expression, written.expression];
  const text = `if ${isWritten.expression} then ${join(old, found)} else ${old}`;
  return call.define(text, x.shape, x.dtype);
}

function scatterElements(call: NodeCall): readonly Value[] {
  const [x, indices, updates] = [call.input(0), call.input(1), call.input(2)];
  const axis = axisFromStart(call.int("axis", 0), x.shape.length);
  // Along the other axes an update stands where it is written; x may go on behind them.
  const source = (axes: readonly string[], [j]: readonly string[]) => replaced(axes, axis, j!);
  const isWithin = (axes: readonly string[]) =>
    axes.flatMap((name, i) =>
      i !== axis && indices.shape[i]! < x.shape[i]! ? [`${name} < ${indices.shape[i]}`] : [],
    );
  const isHere = (axes: readonly string[], over: readonly string[]) => {
    const index = counted(at(indices, source(axes, over)), x.shape[axis]!);
    return [`${index} == ${axes[axis]}`, ...isWithin(axes)].join(" and ");
  };
  const update = (axes: readonly string[], over: readonly string[]) =>
    at(updates, source(axes, over));
  return [scattered(call, x, [indices.shape[axis]!], isHere, update)];
}

function scatterND(call: NodeCall): readonly Value[] {
  const [x, indices, updates] = [call.input(0), call.input(1), call.input(2)];
  const depth = indices.shape.at(-1)!;
  const outer = indices.shape.slice(0, -1);
  const isHere = (axes: readonly string[], over: readonly string[]) =>
    range(depth)
      .map((k) => `${counted(at(indices, [...over, `${k}`]), x.shape[k]!)} == ${axes[k]}`)
      .join(" and ");
  const update = (axes: readonly string[], over: readonly string[]) =>
    at(updates, [...over, ...axes.slice(depth)]);
  return [scattered(call, x, outer, isHere, update)];
}

/** `values` are those of off and on. */
function oneHot(call: NodeCall): readonly Value[] {
  const [indices, values] = [call.input(0), call.input(2)];
  const depth = call.constant(1)[0]!;
  const rank = indices.shape.length + 1;
  const axis = axisFromStart(call.int("axis", -1), rank);
  const shape = [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)];
  return [
    call.indexed(
      shape,
      (axes) => {
        const index = at(
          indices,
          axes.filter((_, i) => i !== axis),
        );
        const isHot = `${counted(index, depth)} == ${axes[axis]}`;
        return `if ${isHot} then ${values.expression}[1] else ${values.expression}[0]`;
      },
      values.dtype,
    ),
  ];
}

/** The first elements of each sequence turn around, as many as its length says. */
function reverseSequence(call: NodeCall): readonly Value[] {
  const [x, lengths] = [call.input(0), call.input(1)];
  const [batch, time] = [call.int("batch_axis", 1), call.int("time_axis", 0)];
  if (batch === time) throw new BadOnnxFile("ReverseSequence along the axis of the batch");
  return [
    call.indexed(
      x.shape,
      (axes) => {
        const length = at(lengths, [axes[batch]!]);
        const t = axes[time];
        return at(
          x,
          replaced(axes, time, `(if ${t} < ${length} then ${length} - 1 - ${t} else ${t})`),
        );
      },
      x.dtype,
    ),
  ];
}

export const indexingRules: Rules = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  OneHot: oneHot,
  ReverseSequence: reverseSequence,
};
