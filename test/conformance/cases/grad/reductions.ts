/** Reductions, running reductions, sorting. */

import {
  axesIn,
  axisNames,
  element,
  float,
  fromStart,
  isSet,
  list,
  notation,
  numberIn,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  shapeOf,
  single,
} from "../case-rules.ts";

/** `sum(x, axis = [1, 2], keepdims = true)`. */
function reduce(c: RuleCase, reducer: string, body: string): string {
  const axes = list(axesIn(c, shapeOf(c, "x").length));
  return `${reducer}(${body}, axis = ${axes}, keepdims = ${isSet(c, "keepdims")})`;
}

const plain = (reducer: string) => (c: RuleCase) => single(reduce(c, reducer, "x"));

/** What the formula says is summed: `sum x^2 over …`. */
function term(c: RuleCase): string {
  if (/x\^2|square/.test(c.formula)) return "x^2";
  return /\|x\||abs/.test(c.formula) ? "abs(x)" : "x";
}

/** y[… i …] reduces x[… j …] over the j that come before i, i included unless `exclusive`. */
function running(c: RuleCase, reducer: string, nothing: string): RuleResult {
  const shape = shapeOf(c, "x");
  const axes = axisNames(shape.length);
  const along = fromStart(numberIn(c, "axis", -1), shape.length);
  const comparison = `${isSet(c, "reverse") ? ">" : "<"}${isSet(c, "exclusive") ? "" : "="}`;
  const source = axes.map((axis, i) => (i === along ? "j" : axis));
  const body = `${reducer}[j < ${shape[along]}] (if j ${comparison} ${axes[along]} then ${element("x", source)} else ${nothing})`;
  return single("running", [notation("running", axes, shape, body)]);
}

/** The largest or smallest so far, and its place. */
function runningExtreme(c: RuleCase, reducer: "max" | "min"): RuleResult {
  const [value, place] = c.outputs.keys();
  const values = running(c, reducer, reducer === "max" ? "-1e30" : "1e30");
  if (place === undefined) return { ...values, outputs: { [value!]: values.outputs.y! } };
  const shape = shapeOf(c, "x");
  const axes = axisNames(shape.length);
  const along = fromStart(numberIn(c, "axis", -1), shape.length);
  const at = axes.map((axis, i) => (i === along ? "j" : axis));
  const isHere = `${element("x", at)} == ${element("running", axes)} and j <= ${axes[along]}`;
  const body = `max[j < ${shape[along]}] (if ${isHere} then j else 0)`;
  return {
    statements: [...(values.statements ?? []), notation("origin", axes, shape, body)],
    outputs: { [value!]: "running", [place]: "origin" },
  };
}

/** Entry number r of the sorted axis is the one that r others go before; of equals the first goes first. */
function sorted(c: RuleCase, count: number, isDescending: boolean): RuleResult {
  const shape = shapeOf(c, "x");
  const axes = axisNames(shape.length);
  const along = fromStart(numberIn(c, "axis", -1), shape.length);
  const at = (place: string) =>
    element(
      "x",
      axes.map((axis, i) => (i === along ? place : axis)),
    );
  const own = axes[along]!;
  const size = shape[along]!;
  const goesBefore = isDescending ? `${at("j")} > ${at(own)}` : `${at("j")} < ${at(own)}`;
  const isEarlierTwin = `(${at("j")} == ${at(own)} and j < ${own})`;
  const rank = `sum[j < ${size}] (if ${goesBefore} or ${isEarlierTwin} then 1 else 0)`;
  const result = shape.map((extent, i) => (i === along ? count : extent));
  const rankAt = element(
    "place",
    axes.map((axis, i) => (i === along ? "j" : axis)),
  );
  const pick = (value: string, zero: string) =>
    `sum[j < ${size}] (if ${rankAt} == ${own} then ${value} else ${zero})`;
  return {
    statements: [
      notation("place", axes, shape, rank),
      notation("ordered", axes, result, pick(at("j"), "0.0")),
      notation("origin", axes, result, pick("j", "0")),
    ],
    outputs: { y: "ordered", ...(c.outputs.has("idx") && { idx: "origin" }) },
  };
}

export const reductionRules: RuleTable = {
  sum: (c) => single(reduce(c, "sum", term(c))),
  mean: (c) => single(reduce(c, "mean", term(c))),
  max: plain("max"),
  min: plain("min"),
  prod: plain("prod"),
  logsumexp: plain("logsumexp"),
  norm: (c) => {
    const p = numberIn(c, "p", 2);
    if (p === 1) return single(reduce(c, "sum", "abs(x)"));
    if (p === 2) return single(`sqrt(${reduce(c, "sum", "x^2")})`);
    return single(`${reduce(c, "sum", `abs(x)^${float(p)}`)} ^ ${float(1 / p)}`);
  },
  variance: (c) => {
    const shape = shapeOf(c, "x");
    const axes = axesIn(c, shape.length);
    const count = axes.reduce((product, axis) => product * shape[axis]!, 1);
    const centre = `mean(x, axis = ${list(axes)}, keepdims = true)`;
    const ddof = numberIn(c, "ddof", 0);
    const correction = ddof === 0 ? "" : ` * ${float(count / (count - ddof))}`;
    const variance = `${reduce(c, "mean", `(x - ${centre})^2`)}${correction}`;
    return single(/std|sqrt/.test(`${c.reference} ${c.formula}`) ? `sqrt(${variance})` : variance);
  },
  arg: (c) => {
    const reducer = /argmin|min/.test(`${c.reference} ${c.formula}`) ? "argmin" : "argmax";
    const [output] = c.outputs.keys();
    return { outputs: { [output!]: reduce(c, reducer, "x") } };
  },
  cumsum: (c) => running(c, "sum", "0.0"),
  cumprod: (c) => running(c, "prod", "1.0"),
  logcumsumexp: (c) => running(c, "logsumexp", "-1e30"),
  sort: (c) => {
    const shape = shapeOf(c, "x");
    return sorted(
      c,
      shape[fromStart(numberIn(c, "axis", -1), shape.length)]!,
      isSet(c, "descending"),
    );
  },
  topk: (c) => {
    if (c.config.largest === false) return sorted(c, numberIn(c, "k"), false);
    return sorted(c, numberIn(c, "k"), true);
  },
  cummax: (c) => runningExtreme(c, "max"),
  cummin: (c) => runningExtreme(c, "min"),
};
