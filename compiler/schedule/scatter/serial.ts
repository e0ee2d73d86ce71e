/**
 * Scatters by threads of their own. One goes through all rows and links those of one key; then tasks of first rows add
 * up theirs. Which row had a key last is remembered by key in memory that nobody clears: what stands there is believed
 * only if it is an earlier row that has the key, which no row before the first one can be.
 */

import { elementsAt } from "../../graph/extent.ts";
import { elementType } from "../../kernel/algebra.ts";
import {
  add,
  ceilQuotient,
  constant,
  i32,
  load,
  min,
  multiply,
  operation,
  place,
  select,
  store,
  subtract,
  symbol,
  when,
} from "../../kernel/build.ts";
import type { Expression } from "../../kernel/ir.ts";
import type { Group, ScatterStep } from "../../optimize/group.ts";
import type { TargetDescription } from "../../optimize/target-description.ts";
import { evenTasks } from "../contraction-plan.ts";
import { commentOf, nameOfGroup, predictedSeconds } from "../cost.ts";
import { KernelBuilder, type ScheduledKernel, type Surroundings } from "../kernel-builder.ts";
import { extentValue } from "../micro-kernel.ts";
import { emitSweep } from "../rows-sweep.ts";
import { emitRowSums } from "./row-sums.ts";
import { SourceRows } from "./source-rows.ts";

/** Vectors of a row that are added up while its links are followed once. */
const vectorsAtOnce = 4;

export function scheduleSerialScatter(
  group: Group,
  step: ScatterStep,
  surroundings: Surroundings,
  target: TargetDescription,
): ScheduledKernel {
  const builder = new KernelBuilder(surroundings);
  const rows = new SourceRows(builder, step);
  const tasks =
    step.part === "links"
      ? emitLinks(builder, rows, step)
      : step.part === "zeros"
        ? emitZeros(builder, group, step, target)
        : emitSums(builder, rows, group, step, target);
  return builder.finish(nameOfGroup(group, surroundings), tasks, commentOf(group, surroundings));
}

function emitLinks(builder: KernelBuilder, rows: SourceRows, { memory }: ScatterStep): Expression {
  const read = (of: (typeof memory)["keys"], at: Expression) => rows.numbers(of, at, "read");
  const write = (of: (typeof memory)["keys"], at: Expression, value: Expression): void =>
    builder.emit(store(rows.numbers(of, at, "write"), value));
  const emitRow = (axes: readonly Expression[]): void => {
    const row = builder.let("row", rows.numberOf(axes));
    const { key, goes } = rows.key(axes);
    write(memory.keys, row, select(goes, key, constant(-1)));
    const link = builder.block(() => {
      const before = builder.let("before", load(read(memory.last, key), i32));
      const isEarlier = builder.let(
        "is_earlier",
        operation(
          "and",
          operation("greaterEqual", before, constant(0)),
          operation("less", before, row),
        ),
      );
      const known = load(read(memory.keys, before), i32, { mask: isEarlier });
      const isLinked = builder.let(
        "is_linked",
        operation("and", isEarlier, operation("equal", known, key)),
      );
      const linked = builder.block(() => {
        write(memory.next, before, row);
        const first = builder.let("first_row", load(read(memory.first, before), i32));
        write(memory.first, row, first);
        write(memory.counts, first, add(load(read(memory.counts, first), i32), constant(1)));
        write(memory.counts, row, constant(0));
      });
      const alone = builder.block(() => {
        write(memory.first, row, row);
        write(memory.counts, row, constant(1));
      });
      // The last row of a key has no other after it, but its link is read.
      write(memory.next, row, row);
      builder.emit(when(isLinked, linked, alone));
      write(memory.last, key, row);
    });
    builder.emit(
      when(
        goes,
        link,
        builder.block(() => write(memory.counts, row, constant(0))),
      ),
    );
  };
  const visit = (axes: readonly Expression[]): void => {
    const extent = rows.extents[axes.length];
    if (extent === undefined) emitRow(axes);
    else builder.loop("i", constant(0), extentValue(extent), (axis) => visit([...axes, axis]));
  };
  visit([]);
  return constant(1);
}

/** Even parts of a number of things, each worth a task. */
function partsOf(
  builder: KernelBuilder,
  count: Expression,
  most: number,
  seconds: number,
  { taskSeconds }: TargetDescription,
  multiple = 1,
): { readonly from: Expression; readonly to: Expression; readonly tasks: Expression } {
  const worthwhile = Math.max(1, (taskSeconds * most) / Math.max(seconds, 1e-12));
  const part = Math.ceil(Math.ceil(most / evenTasks(most, worthwhile)) / multiple) * multiple;
  if (part >= most) return { from: constant(0), to: count, tasks: constant(1) };
  const from = builder.let("first", multiply(symbol("task"), constant(part)));
  const to = builder.let("end", min(add(from, constant(part)), count));
  return { from, to, tasks: ceilQuotient(count, part) };
}

function emitSums(
  builder: KernelBuilder,
  rows: SourceRows,
  group: Group,
  step: ScatterStep,
  target: TargetDescription,
): Expression {
  const { memory } = step;
  const seconds = predictedSeconds(group, builder.batchMax, target);
  const most = elementsAt(rows.extents, builder.batchMax);
  const { from, to, tasks } = partsOf(builder, rows.count, most, seconds, target);
  const { vectorLanes: lanes } = target;
  builder.loop("row", from, to, (row) => {
    const amount = builder.let("amount", load(rows.numbers(memory.counts, row, "read"), i32));
    const emit = () => {
      const key = builder.let("key", load(rows.numbers(memory.keys, row, "read"), i32));
      const sweep = {
        extents: rows.denseExtents,
        lanes,
        isUnrolled: false,
        block: vectorsAtOnce,
        points: [],
        scoped: (inner: () => void) => inner(),
      };
      emitSweep(builder, sweep, (positions) =>
        emitRowSums(builder, rows, group, step, { row, amount, key }, positions),
      );
    };
    builder.emit(when(operation("greater", amount, constant(0)), builder.block(emit)));
  });
  return tasks;
}

function emitZeros(
  builder: KernelBuilder,
  group: Group,
  { node }: ScatterStep,
  target: TargetDescription,
): Expression {
  const [value] = node.values;
  const { vectorLanes: lanes } = target;
  const dtype = elementType(value.dtype);
  const count = value.shape.map(extentValue).reduce(multiply, constant(1));
  const seconds = predictedSeconds(group, builder.batchMax, target);
  const most = elementsAt(value.shape, builder.batchMax);
  const { from, to, tasks } = partsOf(builder, count, most, seconds, target, lanes);
  const buffer = builder.buffer(value, "write");
  const clear = (width: number) => (at: Expression) =>
    builder.emit(store(place(buffer, at), constant(0, dtype, width)));
  const whole = builder.let(
    "whole",
    subtract(to, operation("remainder", subtract(to, from), constant(lanes))),
  );
  builder.loop("i", from, whole, clear(lanes), lanes);
  builder.loop("i", whole, to, clear(1));
  return tasks;
}
