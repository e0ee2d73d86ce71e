/**
 * Reading and writing at places that the data names. What is written is a sum over all that may be written there, of
 * which conditions leave what is.
 */

import {
  axisNames,
  element,
  fromStart,
  notation,
  numberIn,
  outputShape,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  shapeOf,
  single,
} from "../case-rules.ts";

/** y[… indexes …] = table[… idx[indexes] …] along one axis of the table. */
function take(c: RuleCase, table: string, axis: number): RuleResult {
  const sizes = shapeOf(c, table);
  const places = axisNames(shapeOf(c, "idx").length, "p");
  const rest = axisNames(sizes.length);
  const axes = [...rest.slice(0, axis), ...places, ...rest.slice(axis + 1)];
  const source = element(
    table,
    rest.map((name, i) => (i === axis ? element("idx", places) : name)),
  );
  return single("taken", [notation("taken", axes, takenShape(c, sizes, axis), source)]);
}

const takenShape = (c: RuleCase, sizes: readonly number[], axis: number): number[] => [
  ...sizes.slice(0, axis),
  ...shapeOf(c, "idx"),
  ...sizes.slice(axis + 1),
];

/** y[i] = x[i, but idx[i] along the axis]. */
function takeAlong(c: RuleCase, axis: number): RuleResult {
  const sizes = shapeOf(c, "x");
  const axes = axisNames(sizes.length);
  const source = element(
    "x",
    axes.map((name, i) => (i === axis ? element("idx", axes) : name)),
  );
  return single("taken", [notation("taken", axes, shapeOf(c, "idx"), source)]);
}

/** Row `name` of an axis takes what the updates at that place add up to. */
function scattered(c: RuleCase, isSum: boolean): RuleResult {
  const sizes = shapeOf(c, "x");
  const axis = fromStart(numberIn(c, "axis", 0), sizes.length);
  const axes = axisNames(sizes.length);
  const isElementwise = shapeOf(c, "idx").length === sizes.length && sizes.length > 1;
  const count = shapeOf(c, "idx")[isElementwise ? axis : 0]!;
  const at = axes.map((name, i) => (i === axis ? "j" : name));
  const target = isElementwise ? element("idx", at) : "idx[j]";
  const isHere = `${target} == ${axes[axis]}`;
  const over = (body: string) => `sum[j < ${count}] (if ${isHere} then ${body})`;
  const added = over(`${element("upd", at)} else 0.0`);
  const x = element("x", axes);
  return single("scattered", [
    notation("added", axes, sizes, added),
    notation("writes", axes, sizes, over("1.0 else 0.0")),
    notation(
      "scattered",
      axes,
      sizes,
      isSum
        ? `${x} + ${element("added", axes)}`
        : `if ${element("writes", axes)} > 0 then ${element("added", axes)} else ${x}`,
    ),
  ]);
}

export const lookupRules: RuleTable = {
  embedding: (c) => take(c, "w", 0),
  embedding_bag: (c) => {
    const rows = take(c, "w", 0);
    const mode = String(c.config.mode ?? "mean");
    return single(`${mode}(taken, axis = 1)`, rows.statements ?? []);
  },
  gather: (c) => {
    const axis = fromStart(numberIn(c, "axis", 0), shapeOf(c, "x").length);
    return /gather|take_along/.test(c.reference) ? takeAlong(c, axis) : take(c, "x", axis);
  },
  gather_nd: (c) => {
    const depth = shapeOf(c, "idx").at(-1)!;
    const axes = axisNames(outputShape(c).length);
    const outer = axes.slice(0, shapeOf(c, "idx").length - 1);
    const inner = axes.slice(outer.length);
    const places = Array.from({ length: depth }, (_, i) => element("idx", [...outer, `${i}`]));
    const body = element("x", [...places, ...inner]);
    return single("taken", [notation("taken", axes, outputShape(c), body)]);
  },
  scatter: (c) => scattered(c, false),
  scatter_add: (c) => scattered(c, true),
};
