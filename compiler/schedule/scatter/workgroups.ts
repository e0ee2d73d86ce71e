/**
 * Scatters by workgroups, every thread by itself. Keys are compared each with each: so many integers are quickly gone
 * through, and nothing waits for anything. Then each element of a first row is added up by a thread of its own.
 */

import type { Extent } from "../../graph/extent.ts";
import { elementType } from "../../kernel/algebra.ts";
import {
  add,
  ceilQuotient,
  constant,
  convert,
  i32,
  less,
  load,
  min,
  multiply,
  operation,
  place,
  select,
  store,
  symbol,
  when,
} from "../../kernel/build.ts";
import type { Expression } from "../../kernel/ir.ts";
import type { Group, ScatterPart, ScatterStep } from "../../optimize/group.ts";
import type { WorkgroupLimits } from "../../optimize/target-description.ts";
import { commentOf, nameOfGroup } from "../cost.ts";
import { KernelBuilder, type ScheduledKernel, type Surroundings } from "../kernel-builder.ts";
import { extentValue } from "../micro-kernel.ts";
import { emitRowSums } from "./row-sums.ts";
import { digitsOf, SourceRows } from "./source-rows.ts";

/** Threads of a workgroup, if it may have as many. */
const usualThreads = 128;

export function scheduleWorkgroupScatter(
  group: Group,
  step: ScatterStep,
  surroundings: Surroundings,
  limits: WorkgroupLimits,
): ScheduledKernel {
  const builder = new KernelBuilder(surroundings);
  const rows = new SourceRows(builder, step);
  const threads = Math.min(usualThreads, limits.threads);
  const id = builder.let("id", add(multiply(symbol("task"), constant(threads)), symbol("thread")));
  const count = builder.let("count", countOf(step, rows));
  const emitPart: { readonly [P in ScatterPart]: () => void } = {
    keys: () => emitKey(builder, rows, step, id),
    zeros: () => emitZero(builder, step, id),
    links: () => emitLink(builder, rows, step, id, count),
    sums: () => emitSum(builder, rows, group, step, id),
  };
  builder.emit(when(less(id, count), builder.block(emitPart[step.part])));
  const tasks = ceilQuotient(countOf(step, rows), threads);
  const comment = commentOf(group, surroundings);
  return builder.finish(nameOfGroup(group, surroundings), tasks, comment, threads);
}

const pointsOf = (extents: readonly Extent[]): Expression =>
  extents.map(extentValue).reduce(multiply, constant(1));

function countOf({ part, node }: ScatterStep, rows: SourceRows): Expression {
  if (part === "zeros") return pointsOf(node.shape);
  return part === "sums" ? multiply(rows.count, pointsOf(rows.denseExtents)) : rows.count;
}

function emitKey(
  builder: KernelBuilder,
  rows: SourceRows,
  { memory }: ScatterStep,
  row: Expression,
): void {
  const { key, goes } = rows.key(rows.axesOf(row));
  const kept = select(goes, key, constant(-1));
  builder.emit(store(rows.numbers(memory.keys, row, "write"), kept));
}

function emitZero(builder: KernelBuilder, { node }: ScatterStep, at: Expression): void {
  const [value] = node.values;
  const zero = constant(0, elementType(value.dtype));
  builder.emit(store(place(builder.buffer(value, "write"), at), zero));
}

function emitLink(
  builder: KernelBuilder,
  rows: SourceRows,
  { memory }: ScatterStep,
  row: Expression,
  count: Expression,
): void {
  const keyOf = (at: Expression) => load(rows.numbers(memory.keys, at, "read"), i32);
  const key = builder.let("key", keyOf(row));
  const before = builder.mutable("before", constant(0));
  const amount = builder.mutable("amount", constant(0));
  const next = builder.mutable("next", count);
  builder.loop("other", constant(0), count, (other) => {
    const isSame = builder.let("is_same", operation("equal", keyOf(other), key));
    const one = builder.let("one", convert(isSame, "i32"));
    const isBefore = less(other, row);
    const isAfter = operation("and", isSame, less(row, other));
    builder.assign(amount.name, add(amount.value, one));
    builder.assign(before.name, add(before.value, select(isBefore, one, constant(0))));
    builder.assign(next.name, select(isAfter, min(next.value, other), next.value));
  });
  const isFirst = operation(
    "and",
    operation("equal", before.value, constant(0)),
    operation("greaterEqual", key, constant(0)),
  );
  const counted = select(isFirst, amount.value, constant(0));
  builder.emit(store(rows.numbers(memory.counts, row, "write"), counted));
  builder.emit(store(rows.numbers(memory.next, row, "write"), next.value));
}

function emitSum(
  builder: KernelBuilder,
  rows: SourceRows,
  group: Group,
  step: ScatterStep,
  id: Expression,
): void {
  const { memory } = step;
  const sizes = rows.denseExtents.map(extentValue);
  const [row, ...axes] = digitsOf(builder, id, [rows.count, ...sizes]);
  const amount = builder.let("amount", load(rows.numbers(memory.counts, row!, "read"), i32));
  const emit = () => {
    const key = builder.let("key", load(rows.numbers(memory.keys, row!, "read"), i32));
    const position = { axes, lanes: 1, active: 1, mask: null };
    emitRowSums(builder, rows, group, step, { row: row!, amount, key }, [position]);
  };
  builder.emit(when(operation("greater", amount, constant(0)), builder.block(emit)));
}
