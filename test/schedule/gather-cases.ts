/** Graphs that read where data say, with tokens of which some are out of range and most occur several times. */

import { gradientsOf } from "../../compiler/autodiff/differentiate.ts";
import {
  axisAffine as i,
  offsetAffine,
  scaleAffine,
  zeroAffine,
} from "../../compiler/graph/affine.ts";
import { inRange } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, elementsAt, fixed } from "../../compiler/graph/extent.ts";
import type { Graph, LeafRole, Scalar, Value } from "../../compiler/graph/node.ts";
import { algebraOf } from "../../compiler/graph/scalar-functions.ts";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";
import type { GraphCase } from "./schedule-case.ts";

export interface LookupSizes {
  readonly words: number;
  readonly units: number;
  readonly steps: number;
  readonly n: number;
  readonly batchMax: number;
}

export const lookupSizes: readonly LookupSizes[] = [
  { words: 7, units: 5, steps: 3, n: 4, batchMax: 6 },
  { words: 20, units: 40, steps: 5, n: 4, batchMax: 4 },
  { words: 3, units: 1, steps: 4, n: 1, batchMax: 2 },
  { words: 2, units: 17, steps: 7, n: 5, batchMax: 5 },
];

/** What the graphs of lookups are made of. */
class Lookup {
  readonly context = new GraphContext();
  readonly sizes: LookupSizes;
  readonly table: Value;
  readonly tokens: Value;
  readonly wide: Value;

  constructor(sizes: LookupSizes) {
    const { words, units, steps } = sizes;
    this.sizes = sizes;
    this.table = this.leaf("param", "table", [fixed(words), fixed(units)]);
    this.tokens = this.context.leaf("input", "tokens", "i32", [batchExtent, fixed(steps)]);
    this.wide = this.leaf("param", "wide", [fixed(units), fixed(steps)]);
  }

  leaf(role: LeafRole, path: string, shape: Value["shape"]): Value {
    return this.context.leaf(role, path, "f32", shape);
  }

  /** table[tokens[n, t], d] */
  row(n: number, t: number, d: number): Scalar {
    const token = this.context.load(this.tokens, [i(n), i(t)]);
    return this.context.gather(this.table, [token, this.context.index(i(d))]);
  }

  readonly box = (...names: ("n" | "steps" | "units")[]) =>
    names.map((name) => (name === "n" ? batchExtent : fixed(this.sizes[name])));

  /** Data that are exact in their types. */
  readonly leafData = (_role: LeafRole, path: string): Float64Array => {
    const { words, batchMax, steps } = this.sizes;
    const [value] = [this.table, this.tokens, this.wide].filter(
      ({ node }) => node.kind === "leaf" && node.path === path,
    );
    const count = value === undefined ? words * 4096 : elementsAt(value.shape, batchMax);
    const stream = hash32(path);
    return Float64Array.from({ length: Math.max(count, batchMax * steps) }, (_, at) => {
      const uniform = uniformAt(5, stream, 0, at);
      return path === "tokens"
        ? Math.floor(uniform * (words + 2)) - 1
        : Math.fround(2 * uniform - 1);
    });
  };

  case(results: Readonly<Record<string, Value>>, more: Partial<Graph> = {}): GraphCase {
    const named = Object.entries(results).map(([name, value]) => ({ name, value }));
    const { batchMax, n } = this.sizes;
    const graph = { name: "lookup", batchMax, results: named, assignments: [], ...more };
    return { context: this.context, graph, n, leaf: this.leafData };
  }
}

/** Scatters to rows, to rows and columns at once, to single elements, and along what rows are not made of. */
export function scattersCase(sizes: LookupSizes): GraphCase {
  const lookup = new Lookup(sizes);
  const { context, box, tokens, wide } = lookup;
  const { words, units, steps } = sizes;
  const gradient = lookup.leaf("param", "gradient", [batchExtent, fixed(steps), fixed(units)]);
  const token = (n: number, t: number) => context.load(tokens, [i(n), i(t)]);
  const first = (n: number) => context.load(tokens, [i(n), zeroAffine]);
  const at = (...axes: number[]) => context.load(gradient, axes.map(i));
  const made = {
    rows: context.scatter({
      parallel: box("n", "steps", "units"),
      shape: [fixed(words), fixed(units)],
      index: [token(0, 1), context.index(i(2))],
      body: context.call("multiply", at(0, 1, 2), context.load(wide, [i(2), i(1)])),
    }),
    transposed: context.scatter({
      parallel: box("n", "units", "steps"),
      shape: [fixed(units), fixed(words)],
      index: [context.index(i(1)), token(0, 2)],
      body: at(0, 2, 1),
    }),
    elements: context.scatter({
      parallel: box("n", "steps"),
      shape: [fixed(words)],
      index: [token(0, 1)],
      body: context.constant(1, "f32"),
    }),
    batches: context.scatter({
      parallel: box("n", "units"),
      shape: [batchExtent, fixed(steps), fixed(units)],
      index: [
        context.index(i(0)),
        context.call("add", first(0), context.constant(1, "i32")),
        context.index(i(1)),
      ],
      body: context.load(gradient, [i(0), zeroAffine, i(1)]),
    }),
    columns: context.scatter({
      parallel: box("n", "units", "steps"),
      shape: [batchExtent, fixed(units)],
      index: [context.index(i(0)), context.cast(context.load(wide, [i(1), i(2)]), "i32")],
      body: at(0, 2, 1),
    }),
    tallies: context.scatter({
      parallel: box("units", "n"),
      shape: [fixed(words), fixed(2)],
      index: [first(1), context.constant(1, "i32")],
      body: context.load(gradient, [i(1), zeroAffine, i(0)]),
    }),
    shifted: context.scatter({
      parallel: box("n", "steps"),
      shape: [batchExtent, fixed(steps)],
      index: [context.index(i(0)), context.index(offsetAffine(i(1), 1))],
      body: context.load(gradient, [i(0), i(1), zeroAffine]),
    }),
  };
  const results = Object.entries(made).map(([name, node]) => [name, node.values[0]] as const);
  const [rows] = made.rows.values;
  const read = context.compute({
    parallel: box("units"),
    reduction: [fixed(words)],
    reducer: "sum",
    body: context.call("square", context.load(rows, [i(1), i(0)])),
  }).values[0]!;
  return lookup.case({ ...Object.fromEntries(results), read });
}

export type UpdateName = "sgd" | "adagrad" | "momentum" | "decay";

/** A step of an optimizer by the gradient of Σ (table[tokens] − wide)², which reads the table. */
export function updateCase(sizes: LookupSizes, update: UpdateName): GraphCase {
  const lookup = new Lookup(sizes);
  const { context, box, table, wide } = lookup;
  const f = algebraOf<Scalar>(context, "f32");
  const parallel = box("n", "steps", "units");
  const error = f.subtract(lookup.row(0, 1, 2), context.load(wide, [i(2), i(1)]));
  const [loss] = context.compute({
    parallel: [],
    reduction: parallel,
    reducer: "sum",
    body: context.call("square", error),
  }).values;
  const gradient = gradientsOf(context, loss!, [table], sizes.batchMax).get(table)!;
  const at = (value: Value) => context.load(value, [i(0), i(1)]);
  const map = (body: Scalar) => context.compute({ parallel: table.shape, body }).values[0]!;
  const slot = context.leaf("state", "slot", "f32", table.shape);
  const rate = context.load(context.leaf("scalar", "0", "f32", []), []);
  const step = (by: Scalar) => map(f.subtract(at(table), f.multiply(rate, by)));
  const g = at(gradient);
  const squares = map(f.add(context.call("absolute", at(slot)), context.call("square", g)));
  const grown = map(f.add(at(slot), context.call("square", g)));
  const mean = map(f.add(f.multiply(at(slot), f.number(0.5)), g));
  const root = context.call("sqrt", f.add(context.call("absolute", at(grown)), f.number(1e-3)));
  const assigned: Readonly<Record<UpdateName, readonly (readonly [Value, Value])[]>> = {
    sgd: [[table, step(g)]],
    adagrad: [
      [table, step(f.divide(g, root))],
      [slot, grown],
    ],
    momentum: [
      [table, step(at(mean))],
      [slot, mean],
    ],
    decay: [
      [table, step(f.add(g, f.multiply(at(table), f.number(0.25))))],
      [slot, squares],
    ],
  };
  const assignments = assigned[update].map(([target, value]) => ({ target, value }));
  const rows = context.compute({ parallel, body: lookup.row(0, 1, 2) }).values[0]!;
  return lookup.case({ loss: loss!, rows }, { assignments });
}

/** Gathers alone, beside loads, in sums, by rows and by columns. */
export function gathersCase(sizes: LookupSizes): GraphCase {
  const lookup = new Lookup(sizes);
  const { context, box, table, tokens, wide } = lookup;
  const map = (parallel: Value["shape"], body: Scalar) =>
    context.compute({ parallel, body }).values[0]!;
  const token = context.load(tokens, [i(0), i(1)]);
  const before = offsetAffine(i(2), -1);
  const shifted = context.gather(table, [
    context.load(tokens, [i(0), before]),
    context.index(i(1)),
  ]);
  return lookup.case({
    rows: map(box("n", "steps", "units"), context.call("sin", lookup.row(0, 1, 2))),
    transposed: map(box("n", "units", "steps"), lookup.row(0, 2, 1)),
    columns: map(
      box("units", "steps"),
      context.gather(tokens, [
        context.cast(context.load(wide, [i(0), i(1)]), "i32"),
        context.index(i(1)),
      ]),
    ),
    reversed: map(
      box("n", "steps"),
      context.gather(table, [
        token,
        context.index(offsetAffine(scaleAffine(i(1), -1), sizes.units - 1)),
      ]),
    ),
    sums: context.compute({
      parallel: box("n", "units"),
      reduction: box("steps"),
      reducer: "sum",
      where: inRange(before, fixed(sizes.steps)),
      body: context.call("multiply", shifted, context.load(wide, [i(1), i(2)])),
    }).values[0]!,
    norms: context.compute({
      parallel: box("n", "steps"),
      reduction: box("units"),
      reducer: "sum",
      body: context.call("square", lookup.row(0, 1, 2)),
    }).values[0]!,
    places: context.compute({
      parallel: box("n"),
      reduction: box("steps"),
      reducer: "max",
      body: context.gather(table, [context.load(tokens, [i(0), i(1)]), context.constant(0, "i32")]),
    }).values[1]!,
    chained: map(
      box("n", "steps"),
      context.gather(table, [context.gather(tokens, [token, token]), context.constant(0, "i32")]),
    ),
  });
}
