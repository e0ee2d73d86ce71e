/** Nodes as the text of JavaScript functions, for the evaluator. */

import { type Affine, axesOf, axisAffine } from "./affine.ts";
import { always, conditionAxes } from "./condition.ts";
import { type Extent, elementsAt, sizeAt } from "./extent.ts";
import { LoopNest, numberTerm, type Term } from "./nest-text.ts";
import type { Compute, Scatter } from "./node.ts";
import { reducers } from "./reducers.ts";
import { gatheredPlace, rowMajor, ScalarWriter, textAlgebra } from "./scalar-text.ts";
import { loadsOf, visitScalars } from "./traversal.ts";

/** The body of a function of `helpers`, `operands`, `outputs`, `seed`, `batch` and `steps`. */
export function printNode(node: Compute | Scatter, n: number): string {
  const { parallel, operands, values, loops } = node;
  const reduction = node.kind === "compute" ? node.reduction : [];
  const widths = node.kind === "compute" ? laneWidths(node, n) : new Map<number, number>();
  const nest = new LoopNest([...parallel, ...reduction], n, widths);
  const where = node.kind === "compute" ? node.where : always;
  const writer = new ScalarWriter({ nest, operands, where });
  const lines =
    node.kind === "compute" ? printCompute(node, nest, writer) : printScatter(node, nest, writer);
  return [
    '"use strict";',
    ...operands.map((_, i) => `const operand${i} = operands[${i}];`),
    ...values.map((_, i) => `const output${i} = outputs[${i}];`),
    ...[...loops].map((loop) => `const step${loop} = steps.get(${loop});`),
    ...[...writer.used].map((name) => `const ${name} = helpers.${name};`),
    ...lines,
  ].join("\n");
}

/** Adds an element where its place is in range. */
function printScatter(
  { shape, index, body, parallel }: Scatter,
  nest: LoopNest,
  writer: ScalarWriter,
): readonly string[] {
  const element = writer.scalar(body);
  const places = index.map((i) => writer.scalar(i));
  const { offset, isInside } = gatheredPlace(places, shape, nest.n);
  const add = `output0[${offset}] += ${element.text};`;
  nest.statement(isInside === "" ? add : `if (${isInside}) ${add}`);
  return ["output0.fill(0);", ...nest.print(parallel.length, [], [])];
}

function printCompute(node: Compute, nest: LoopNest, writer: ScalarWriter): readonly string[] {
  const { parallel, reduction, reducer, where, body } = node;
  const outer = parallel.length;
  const place = readingOrder(parallel, 0, nest.n);
  const store = (result: Term, i: number, { text }: Term): void =>
    nest.statement(`output${i}[${text}] = ${result.text};`);
  if (reducer === null) {
    store(writer.scalar(body), 0, nest.affine(place));
    return nest.print(outer, [], []);
  }
  const row = reducers[reducer];
  const algebra = textAlgebra(writer, body.dtype);
  const inStatements = (text: string): Term => ({ text, level: nest.innermost });
  const identity = row.identity(algebra);
  const lanes = nest.lanes().map((lane, number) => {
    writer.enter(lane);
    const state = identity.map((_, i) => inStatements(`state${i}_${number}`));
    return { lane, state, place: nest.affine(place) };
  });
  const declared = lanes.flatMap(({ state }) =>
    state.map(({ text }, i) => `let ${text} = ${identity[i]!.text};`),
  );
  const count = inStatements("count");
  if (row.usesCount) declared.push("let count = 0;");
  nest.test(where, outer);
  for (const { lane, state } of lanes) {
    writer.enter(lane);
    const index = row.usesIndex
      ? nest.affine(readingOrder(reduction, outer, nest.n))
      : numberTerm(0);
    const next = row
      .combine(algebra, state, row.lift(algebra, writer.scalar(body), index))
      // What another assignment would change before it is read is kept.
      .map((part) => (state.includes(part) ? nest.value(part.text, [part]) : part));
    next.forEach(({ text }, i) => {
      nest.statement(`${state[i]!.text} = ${text};`);
    });
  }
  if (row.usesCount) nest.statement("count++;");
  const after = nest.after(() => {
    for (const { state, place } of lanes) {
      row.finish(algebra, state, count).forEach((result, i) => {
        store(result, i, place);
      });
    }
  });
  return nest.print(outer, declared, after);
}

/** The number of a point of a box whose axes are numbered from `first`. */
function readingOrder(box: readonly Extent[], first: number, n: number): Affine {
  const index = box.map((_, d) => axisAffine(first + d));
  return rowMajor(index, box, n);
}

/** Scalars of bodies whose points are computed side by side: engines give up on functions that are too long. */
const MOST_SCALARS = 24;
/** Sums beside each other: as many as processors have registers for, with what they are computed from. */
const FIRST_WIDTH = 4;
const SECOND_WIDTH = 2;

/**
 * How many points of which axes are computed side by side: sums do not wait for each other then, and share what does
 * not depend on the axis. First that axis on which the fewest loads depend, the last of several, then another one on which
 * those do not depend that depend on the first. Never axes that decide which points take part in the reduction.
 */
function laneWidths(node: Compute, n: number): ReadonlyMap<number, number> {
  const { parallel, reduction, reducer, where, body } = node;
  const widths = new Map<number, number>();
  let scalars = 0;
  visitScalars(body, () => scalars++);
  if (reducer === null || elementsAt(reduction, n) < 4 || scalars > MOST_SCALARS) return widths;
  let loads = loadsOf(body).map(({ index, guard }) => {
    const axes = conditionAxes(guard);
    for (const affine of index) axesOf(affine, axes);
    return axes;
  });
  const fixed = conditionAxes(where);
  for (const width of [FIRST_WIDTH, SECOND_WIDTH]) {
    const [best] = parallel
      .map((extent, axis) => ({
        axis,
        size: sizeAt(extent, n),
        shared: loads.filter((axes) => !axes.has(axis)).length,
      }))
      .filter(
        ({ axis, size, shared }) => size > 1 && shared > 0 && !fixed.has(axis) && !widths.has(axis),
      )
      .sort((a, b) => b.shared - a.shared || b.axis - a.axis);
    if (best === undefined) break;
    widths.set(best.axis, Math.min(width, best.size));
    loads = loads.filter((axes) => axes.has(best.axis));
  }
  return widths;
}
