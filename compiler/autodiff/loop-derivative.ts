/**
 * The derivative of a loop: a loop over the same steps in reverse order, which carries the derivatives by the carries.
 *
 * - Its body is the reverse mode over the nodes that depend on carries, as for any graph. What it reads of the loop comes
 *   from stacks (`saveForDerivative`) or is computed again from those, whichever costs less (`saved-values.ts`); where the
 *   loop says `recompute`, everything but the carries is computed again.
 * - What those nodes contribute to values from outside is computed after it, for all steps at once: the derivatives by
 *   their results are stacked, and the nodes lifted. So the derivative by a weight is one contraction over rows and
 *   steps. Nodes that cannot be lifted, and those of a loop that says `recompute`, add to carries instead.
 * - What is left of the derivatives by the carries belongs to their first values.
 *
 *     h' = tanh(h·w + x[t])      gives      dh = w·dz, dz = dh'·(1 − tanh²), then dw = Σ[t] h[t]·dz[t], dx = dz
 */

import {
  type Affine,
  axisAffine,
  offsetAffine,
  scaleAffine,
  stepAffine,
  substituteSteps,
} from "../graph/affine.ts";
import type { GraphContext } from "../graph/context.ts";
import { copyNodes, type StackedPlace, unstacked } from "../graph/copy-nodes.ts";
import { isFloat } from "../graph/dtype.ts";
import { Lift } from "../graph/lift.ts";
import { boundNodes, freeNodes } from "../graph/loop-parts.ts";
import { throughLoops } from "../graph/loops.ts";
import type { Carry, Compute, Graph, Node, Scan, Scatter, Stack, Value } from "../graph/node.ts";
import { rewriteGraph } from "../graph/rewrite.ts";
import { activeInLoop } from "./activity.ts";
import { Adjoints, zeros } from "./adjoints.ts";
import type { Contribution } from "./node-derivative.ts";
import { canComputeAgain, chooseSaved, readsOf } from "./saved-values.ts";

/** Gives loops the stacks that their derivatives may read; what they do not need is pruned after differentiation. */
export const saveForDerivative: (context: GraphContext, graph: Graph) => Graph = throughLoops(
  (context, graph) =>
    rewriteGraph(context, graph, (node) => {
      if (node.kind !== "scan") return undefined;
      const { loop, length, carries, stacks, recompute } = node;
      const place = stepAffine(loop, length);
      const known = new Set(stacks.map(({ value }) => value));
      const more = savedValues(node).filter((value) => !known.has(value));
      if (more.length === 0) return undefined;
      const saved = context.scan({
        loop,
        length,
        recompute,
        carries,
        stacks: [...stacks, ...more.map((value) => ({ value, place }))],
      });
      return saved.values;
    }),
);

/** Carries, and where the loop does not say `recompute` all that the derivative may choose to read. */
function savedValues({ carries, nodes, recompute, loop }: Scan): Value[] {
  const leaves = carries.map(({ leaf }) => leaf);
  if (recompute) return leaves;
  const made = nodes.flatMap(({ kind, values, loops }) =>
    kind === "leaf" || kind === "call" || !loops.has(loop) ? [] : values,
  );
  return [...leaves, ...made.filter((value) => !canComputeAgain(value) || isFloat(value.dtype))];
}

/** What a loop contributes to its active operands, from the derivatives of the loss by its results. */
export function loopContributions(
  context: GraphContext,
  scan: Scan,
  cotangents: readonly (Value | null)[],
  isActive: (value: Value) => boolean,
  batchMax: number,
): Contribution[] {
  return new LoopDerivative(context, scan, cotangents, isActive, batchMax).contributions();
}

/** A node whose part of the derivative is computed for all steps at once. */
interface Postponed {
  readonly node: Compute | Scatter;
  /** By its results: in one step, or stacked. */
  readonly cotangents: readonly (Value | null)[];
}

class LoopDerivative {
  readonly #context: GraphContext;
  readonly #scan: Scan;
  readonly #cotangents: readonly (Value | null)[];
  readonly #batchMax: number;
  readonly #active: ReadonlySet<Value>;
  readonly #isActiveOutside: (value: Value) => boolean;
  readonly #bound: ReadonlySet<Node>;
  /** The reverse mode within one step, over the values of that step. */
  readonly #adjoints: Adjoints;
  readonly #postponed: Postponed[] = [];
  readonly #loop: number;
  readonly #carries: Carry[] = [];
  readonly #stacks: Stack[] = [];
  /** What is read from stacks of what could be computed again. */
  #chosen: ReadonlySet<Value> = new Set();
  /** Values of the loop where the loop in reverse order stands. */
  readonly #inReverse: (value: Value) => Value;

  constructor(
    context: GraphContext,
    scan: Scan,
    cotangents: readonly (Value | null)[],
    isActive: (value: Value) => boolean,
    batchMax: number,
  ) {
    this.#context = context;
    this.#scan = scan;
    this.#cotangents = cotangents;
    this.#batchMax = batchMax;
    this.#active = activeInLoop(scan, isActive);
    this.#isActiveOutside = (value) => !value.node.loops.has(scan.loop) && isActive(value);
    this.#bound = boundNodes(scan);
    this.#adjoints = new Adjoints(context, batchMax);
    this.#loop = context.newLoop();
    const step = this.#reverseStep();
    this.#inReverse = copyNodes(context, {
      loop: scan.loop,
      step,
      replace: (value) => {
        const found = this.#saved(value);
        return found && { ...found, place: substituteSteps(found.place, this.#only(step)) };
      },
    });
  }

  contributions(): Contribution[] {
    const { carries, stacks, nodes } = this.#scan;
    const live = this.#liveCarries();
    const leaves = live.map((i) => this.#addCarry(carries[i]!.leaf, this.#firstAdjoint(i)));
    live.forEach((i, k) => {
      this.#adjoints.contribute({ operand: carries[i]!.next, value: leaves[k]! });
    });
    stacks.forEach(({ value, place }, i) => {
      const stack = this.#cotangents[carries.length + i];
      if (stack === null || stack === undefined) return;
      const part = unstacked(this.#context, value, { stack, place });
      this.#adjoints.contribute({ operand: value, value: part });
    });
    for (const node of nodes.toReversed()) this.#passThrough(node);
    const nexts = live.map((i) => {
      const { leaf } = carries[i]!;
      return this.#adjoints.of(leaf) ?? zeros(this.#context, leaf);
    });
    this.#chooseSaved(nexts);
    nexts.forEach((next, k) => {
      this.#setNext(k, next);
    });
    return this.#outside(live);
  }

  // Within a step

  #passThrough(node: Node): void {
    if (node.kind === "leaf" || !this.#bound.has(node)) return;
    const cotangents = this.#adjoints.ofAll(node.values, (value) => this.#active.has(value));
    if (cotangents.every((cotangent) => cotangent === null)) return;
    const isLifted = node.kind === "compute" || node.kind === "scatter";
    if (!isLifted || this.#scan.recompute) {
      this.#adjoints.pass(node, cotangents, (value) => this.#isActive(value));
      return;
    }
    const isBound = (value: Value) => this.#bound.has(value.node);
    this.#adjoints.pass(node, cotangents, (value) => isBound(value) && this.#isActive(value));
    const others = node.operands.filter((value) => !isBound(value));
    if (others.some((value) => this.#isActive(value))) this.#postponed.push({ node, cotangents });
  }

  #isActive(value: Value): boolean {
    return this.#active.has(value) || this.#isActiveOutside(value);
  }

  /** The carries whose next value has a derivative in some step: those that reach a result that has one. */
  #liveCarries(): number[] {
    const { carries, stacks } = this.#scan;
    const live = new Set<number>();
    const seen = new Set<Value>();
    const pending = stacks.flatMap(({ value }, i) =>
      this.#cotangents[carries.length + i] == null ? [] : [value],
    );
    const enter = (i: number): void => {
      if (live.has(i) || !this.#active.has(carries[i]!.leaf)) return;
      live.add(i);
      pending.push(carries[i]!.next);
    };
    carries.forEach((_, i) => {
      if (this.#cotangents[i] != null) enter(i);
    });
    for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
      if (seen.has(value)) continue;
      seen.add(value);
      const at = carries.findIndex(({ leaf }) => leaf === value);
      if (at >= 0) enter(at);
      const { node } = value;
      if (node.kind !== "leaf" && node.loops.has(this.#scan.loop)) pending.push(...node.operands);
    }
    return [...live].sort((a, b) => a - b);
  }

  #firstAdjoint(i: number): Value {
    return this.#cotangents[i] ?? zeros(this.#context, this.#scan.carries[i]!.leaf);
  }

  // The loop in reverse order

  /** The loop's step, in the loop in reverse order. */
  #reverseStep(): Affine {
    const { length } = this.#scan;
    return offsetAffine(scaleAffine(stepAffine(this.#loop, length), -1), length - 1);
  }

  #only(step: Affine): (loop: number) => Affine | undefined {
    return (loop) => (loop === this.#scan.loop ? step : undefined);
  }

  /** What the derivative reads of the loop: in its steps, where their results come in, and in what is postponed. */
  #chooseSaved(nexts: readonly Value[]): void {
    if (this.#scan.recompute) return;
    const isOutside = (value: Value) => !this.#bound.has(value.node) && this.#isActive(value);
    const all = new Adjoints(this.#context, this.#batchMax);
    for (const { node, cotangents } of this.#postponed) all.pass(node, cotangents, isOutside);
    const totals = (adjoints: Adjoints) =>
      adjoints.values.filter(isOutside).map((value) => adjoints.of(value)!);
    const cotangents = this.#postponed.flatMap((postponed) => postponed.cotangents);
    const roots = [...nexts, ...totals(this.#adjoints), ...totals(all), ...cotangents];
    this.#chosen = chooseSaved(this.#scan, {
      wanted: readsOf(
        this.#scan,
        roots.filter((value) => value !== null),
      ),
      isStacked: (value) => this.#stackOf(value) !== undefined,
      batchMax: this.#batchMax,
    });
  }

  /** Where a value is read that the derivative does not compute again, its place over the loop's step. */
  #saved(value: Value): StackedPlace | undefined {
    const isRead = this.#scan.recompute || !canComputeAgain(value) || this.#chosen.has(value);
    return isRead ? this.#stackOf(value) : undefined;
  }

  #stackOf(value: Value): StackedPlace | undefined {
    const { stacks, carries, values } = this.#scan;
    const at = stacks.findIndex((stack) => stack.value === value);
    return at < 0 ? undefined : { stack: values[carries.length + at]!, place: stacks[at]!.place };
  }

  /** A carry like `of`; what it becomes is said later. */
  #addCarry({ dtype, shape }: Value, init: Value): Value {
    const leaf = this.#context.carry(this.#loop, this.#carries.length, dtype, shape);
    this.#carries.push({ leaf, init, next: leaf });
    return leaf;
  }

  #setNext(place: number, next: Value): void {
    this.#carries[place] = { ...this.#carries[place]!, next: this.#inReverse(next) };
  }

  /** Stacks a value of the step in the order of the loop, not of the reverse. */
  #stack(value: Value): number {
    const copy = this.#inReverse(value);
    const known = this.#stacks.findIndex((stack) => stack.value === copy);
    if (known >= 0) return known;
    return this.#stacks.push({ value: copy, place: this.#reverseStep() }) - 1;
  }

  // Values from outside

  #outside(live: readonly number[]): Contribution[] {
    const context = this.#context;
    const { carries, length, recompute, loop } = this.#scan;
    /** Where values that only the step decides have their derivatives, and where those from outside have theirs. */
    const stacked = new Map<Value, number>();
    const added = new Map<Value, number>();
    for (const value of this.#adjoints.values) {
      if (this.#bound.has(value.node) || !this.#isActive(value)) continue;
      const total = this.#adjoints.of(value)!;
      if (value.node.loops.has(loop)) stacked.set(value, this.#stack(total));
      else added.set(value, this.#accumulate(value, total));
    }
    const postponed = this.#postponed.map(({ node, cotangents }) => ({
      node,
      places: cotangents.map((cotangent) => (cotangent === null ? null : this.#stack(cotangent))),
    }));
    const reverse = context.scan({
      loop: this.#loop,
      length,
      recompute,
      carries: this.#carries,
      stacks: this.#stacks,
    });
    context.inheritOrigins(reverse, this.#scan, true);
    const stackAt = (i: number) => reverse.values[this.#carries.length + i]!;
    const inits = live.flatMap((i, k) => {
      const { init } = carries[i]!;
      return this.#isActiveOutside(init) ? [{ operand: init, value: reverse.values[k]! }] : [];
    });
    const sums = [...added].map(([operand, i]) => ({ operand, value: reverse.values[i]! }));
    const atOnce = this.#allSteps(
      new Map([...stacked].map(([value, i]) => [value, stackAt(i)])),
      postponed.map(({ node, places }) => ({
        node,
        cotangents: places.map((i) => (i === null ? null : stackAt(i))),
      })),
    );
    return [...inits, ...sums, ...atOnce];
  }

  /** Reverse mode over lifted nodes, from stacked derivatives. */
  #allSteps(stacked: ReadonlyMap<Value, Value>, postponed: readonly Postponed[]): Contribution[] {
    const { loop, length, operands } = this.#scan;
    const lift = new Lift(this.#context, loop, length, (value) =>
      this.#bound.has(value.node) ? this.#saved(value) : undefined,
    );
    const free = freeNodes(this.#scan).flatMap(({ values }) =>
      values.filter((value) => this.#active.has(value)),
    );
    const lifted = new Set(free.map((value) => lift.value(value)));
    const isActive = (value: Value) => this.#isActiveOutside(value) || lifted.has(value);
    const all = new Adjoints(this.#context, this.#batchMax);
    for (const [value, stack] of stacked) {
      all.contribute({ operand: lift.value(value), value: stack });
    }
    for (const { node, cotangents } of postponed) all.pass(lift.node(node), cotangents, isActive);
    // A lifted node may be one that the loop reads, which passes on all it gets itself. Users are made after operands.
    const outside = new Set(operands.map(({ node }) => node));
    const passing = new Set([...lifted].map(({ node }) => node).filter((n) => !outside.has(n)));
    for (const node of [...passing].sort((x, y) => y.id - x.id)) all.passThrough(node, isActive);
    return all.values
      .filter((value) => this.#isActiveOutside(value) && !passing.has(value.node))
      .map((operand) => ({ operand, value: all.of(operand)! }));
  }

  /** Adds what a step contributes to a value from outside to a carry. */
  #accumulate(value: Value, total: Value): number {
    const context = this.#context;
    const sum = this.#addCarry(value, zeros(context, value));
    const here = value.shape.map((_, axis) => axisAffine(axis));
    const body = context.call("add", context.load(sum, here), context.load(total, here));
    const next = context.compute({ parallel: value.shape, body });
    context.inheritOrigins(next, this.#scan, true);
    this.#setNext(this.#carries.length - 1, next.values[0]!);
    return this.#carries.length - 1;
  }
}
