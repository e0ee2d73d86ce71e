/** Graphs with loops, built by hand: what targets run and is compared with the interpreter. */

import {
  addAffine,
  axisAffine,
  constantAffine,
  divAffine,
  offsetAffine,
  scaleAffine,
  stepAffine,
} from "../../compiler/graph/affine.ts";
import { nonnegative } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, elementsAt, fixed, type Shape } from "../../compiler/graph/extent.ts";
import type { Graph, LeafRole, Scalar, Scan, Value } from "../../compiler/graph/node.ts";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";
import { axes } from "./random-steps.ts";

export interface LoopCase {
  readonly context: GraphContext;
  readonly graph: Graph;
  readonly leaf: (role: LeafRole, path: string) => Float64Array;
}

export const batchMax = 6;

/** Makes graphs, and remembers the leaves that it made. */
export class LoopBuilder {
  readonly context = new GraphContext();
  readonly #shapes = new Map<string, Shape>();

  leaf(role: "input" | "param" | "state", path: string, shape: Shape): Value {
    this.#shapes.set(path, shape);
    return this.context.leaf(role, path, "f32", shape);
  }

  at(value: Value, ...index: Parameters<GraphContext["load"]>[1]): Scalar {
    return this.context.load(value, index.length === 0 ? axes(value.shape.length) : index);
  }

  map(shape: Shape, body: Scalar): Value {
    return this.context.compute({ parallel: shape, body }).values[0]!;
  }

  number(value: number): Scalar {
    return this.context.constant(value, "f32");
  }

  call(...args: Parameters<GraphContext["call"]>): Scalar {
    return this.context.call(...args);
  }

  /** `a[…, k] · b[k, …]` for a of rank 2. */
  product(a: Value, b: Value): Value {
    const [rows, sum] = a.shape;
    const [, columns] = b.shape;
    const left = this.context.load(a, [axisAffine(0), axisAffine(2)]);
    const right = this.context.load(b, [axisAffine(2), axisAffine(1)]);
    return this.context.compute({
      parallel: [rows!, columns!],
      reduction: [sum!],
      reducer: "sum",
      body: this.call("multiply", left, right),
    }).values[0]!;
  }

  /** A loop over carries of which `body` makes the next ones, and what is stacked, last place first if reversed. */
  scan(
    length: number,
    inits: readonly Value[],
    body: (
      carries: readonly Value[],
      step: ReturnType<typeof stepAffine>,
    ) => { readonly next: readonly Value[]; readonly stacked?: readonly Value[] },
    isReversed = false,
  ): Scan {
    const { context } = this;
    const loop = context.newLoop();
    const leaves = inits.map(({ dtype, shape }, i) => context.carry(loop, i, dtype, shape));
    const step = stepAffine(loop, length);
    const time = isReversed ? addAffine(constantAffine(length - 1), scaleAffine(step, -1)) : step;
    const { next, stacked = [] } = body(leaves, time);
    return context.scan({
      loop,
      length,
      carries: inits.map((init, i) => ({ leaf: leaves[i]!, init, next: next[i]! })),
      stacks: stacked.map((value) => ({ value, place: time })),
    });
  }

  finish(
    results: Readonly<Record<string, Value>>,
    assignments: Graph["assignments"] = [],
  ): LoopCase {
    return {
      context: this.context,
      graph: {
        name: "loops",
        batchMax,
        results: Object.entries(results).map(([name, value]) => ({ name, value })),
        assignments,
      },
      leaf: (_, path) => {
        const stream = hash32(path);
        return Float64Array.from(
          { length: elementsAt(this.#shapes.get(path)!, batchMax) },
          (_, i) => Math.fround(2 * uniformAt(11, stream, 0, i) - 1),
        );
      },
    };
  }
}

const rows = (...sizes: number[]): Shape => [batchExtent, ...sizes.map(fixed)];

/** h ← ½·h + x[:, t], one number a row. */
function recurrence(): LoopCase {
  const b = new LoopBuilder();
  const x = b.leaf("input", "x", rows(3));
  const loop = b.scan(
    3,
    [b.map(rows(), b.number(1))],
    ([h], t) => {
      const half = b.call("multiply", b.number(0.5), b.at(h!));
      const next = b.map(rows(), b.call("add", half, b.at(x, axisAffine(0), t)));
      return { next: [next], stacked: [next, h!] };
    },
    true,
  );
  const [last, all, before] = loop.values;
  return b.finish({ last: last!, all: all!, before: before! });
}

/** An LSTM of `units` over `steps`, its gates from products with weights and what the sequence was projected to. */
function lstm(units: number, steps: number, isReversed: boolean): LoopCase {
  const b = new LoopBuilder();
  const x = b.leaf("input", "x", rows(steps, 4 * units));
  const kernel = b.leaf("param", "kernel", [fixed(units), fixed(4 * units)]);
  const scaled = b.map(rows(steps, 4 * units), b.call("multiply", b.number(2), b.at(x)));
  const zeros = b.map(rows(units), b.number(0));
  const loop = b.scan(
    steps,
    [zeros, zeros],
    ([h, c], t) => {
      const sums = b.map(
        rows(4 * units),
        b.call("add", b.at(b.product(h!, kernel)), b.at(scaled, axisAffine(0), t, axisAffine(1))),
      );
      const gate = (k: number) => b.at(sums, axisAffine(0), offsetAffine(axisAffine(1), k * units));
      const [i, f, o] = [0, 1, 2].map((k) => b.call("sigmoid", gate(k)));
      const fresh = b.call("multiply", i!, b.call("tanh", gate(3)));
      const kept = b.call("multiply", f!, b.at(c!));
      const nextC = b.map(rows(units), b.call("add", kept, fresh));
      const nextH = b.map(rows(units), b.call("multiply", o!, b.call("tanh", b.at(nextC))));
      return { next: [nextH, nextC], stacked: [nextH, sums] };
    },
    isReversed,
  );
  const [h, c, all, sums] = loop.values;
  const changed = b.map(kernel.shape, b.call("multiply", b.number(0.5), b.at(kernel)));
  return b.finish({ h: h!, c: c!, all: all!, sums: sums! }, [{ target: kernel, value: changed }]);
}

/** Two loops in a row, the second over what the first stacked, from where the first ended; both carries swap. */
function twoLoops(): LoopCase {
  const b = new LoopBuilder();
  const x = b.leaf("input", "x", rows(4, 5));
  const [w, state] = [b.leaf("param", "w", [fixed(5), fixed(5)]), b.leaf("state", "s", [fixed(5)])];
  const ones = b.map(rows(5), b.number(1));
  const first = b.scan(4, [ones, ones], ([h, g], t) => {
    const moved = b.call("add", b.at(g!), b.at(x, axisAffine(0), t, axisAffine(1)));
    const next = b.map(rows(5), b.call("multiply", b.number(0.5), moved));
    return { next: [next, h!], stacked: [next, next] };
  });
  const [h, g, all] = first.values;
  const second = b.scan(
    4,
    [h!, state],
    ([k, s], t) => {
      const seen = b.map(rows(5), b.at(all!, axisAffine(0), t, axisAffine(1)));
      const product = b.product(b.map(rows(5), b.call("add", b.at(seen), b.at(k!))), w);
      const next = b.map(rows(5), b.call("tanh", b.at(product)));
      const mean = b.context.compute({
        parallel: [fixed(5)],
        reduction: [batchExtent],
        reducer: "mean",
        body: b.context.load(next, [axisAffine(1), axisAffine(0)]),
      }).values[0]!;
      const nextS = b.map(
        [fixed(5)],
        b.call("add", b.call("multiply", b.number(0.5), b.at(s!)), b.at(mean)),
      );
      return { next: [next, nextS], stacked: [mean] };
    },
    true,
  );
  return b.finish({ h: h!, g: g!, k: second.values[0]!, means: second.values[2]!, all: all! }, [
    { target: state, value: second.values[1]! },
  ]);
}

/** A loop in a loop: the inner one goes on from what the outer one carries, and reads both steps. */
function nested(): LoopCase {
  const b = new LoopBuilder();
  const x = b.leaf("input", "x", rows(3, 2, 4));
  const w = b.leaf("param", "w", [fixed(4), fixed(4)]);
  const init = b.map(rows(4), b.number(0.25));
  const outer = b.scan(3, [init], ([h], t) => {
    const inner = b.scan(2, [h!], ([g], u) => {
      const product = b.product(g!, w);
      const sum = b.call("add", b.at(product), b.at(x, axisAffine(0), t, u, axisAffine(1)));
      const next = b.map(rows(4), b.call("tanh", b.call("add", sum, b.at(init))));
      return { next: [next], stacked: [next] };
    });
    const [last, all] = inner.values;
    const added = b.map(
      rows(4),
      b.call("add", b.at(last!), b.at(all!, axisAffine(0), constantAffine(0), axisAffine(1))),
    );
    return { next: [added], stacked: [last!, added] };
  });
  return b.finish({ h: outer.values[0]!, lasts: outer.values[1]!, sums: outer.values[2]! });
}

/** What does not depend on rows, conditions on the step, and steps in quotients. */
function withoutRows(): LoopCase {
  const b = new LoopBuilder();
  const w = b.leaf("param", "w", [fixed(3), fixed(8)]);
  const init = b.map([fixed(8)], b.number(0));
  const loop = b.scan(6, [init], ([h], t) => {
    const isLate = b.context.condition(nonnegative(offsetAffine(t, -3)));
    const row = b.at(w, divAffine(t, 2), axisAffine(0));
    const next = b.map(
      [fixed(8)],
      b.call("add", b.at(h!), b.call("select", isLate, row, b.number(1))),
    );
    const total = b.context.compute({
      parallel: [],
      reduction: [fixed(8)],
      reducer: "sum",
      body: b.context.load(next, [axisAffine(0)]),
    }).values[0]!;
    return { next: [next], stacked: [total, next] };
  });
  const [last, totals, all] = loop.values;
  return b.finish({ last: last!, totals: totals!, all: all! }, [
    { target: w, value: b.map(w.shape, b.call("negate", b.at(w))) },
  ]);
}

export const loopCases: Readonly<Record<string, () => LoopCase>> = {
  "a recurrence, reversed": recurrence,
  "an LSTM": () => lstm(16, 5, false),
  "an LSTM of few units, reversed": () => lstm(3, 4, true),
  "two loops in a row": twoLoops,
  "a loop in a loop": nested,
  "a loop without rows": withoutRows,
};
