/** Operations that move elements: everything is an index map. */

import { NotExpressible } from "../case-program.ts";
import {
  axisNames,
  element,
  float,
  fromStart,
  list,
  notation,
  numberIn,
  numbersIn,
  outputShape,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  shapeOf,
  single,
} from "../case-rules.ts";

/** y[i] = x[places(i)], or any other body over the axes of the result. */
function indexed(c: RuleCase, body: (axes: readonly string[]) => string): RuleResult {
  const shape = outputShape(c);
  const axes = axisNames(shape.length);
  return single("moved", [notation("moved", axes, shape, body(axes))]);
}

type Pads = readonly (readonly [number, number])[];

/** One axis padded after the other; each pads what the one before has made. */
function pad(c: RuleCase): RuleResult {
  const mode = String(c.config.mode ?? "constant");
  const value = numberIn(c, "value", 0);
  const statements: string[] = [];
  let source = "x";
  const shape = [...shapeOf(c, "x")];
  (c.config.pads as Pads).forEach(([before, after], along) => {
    if (before === 0 && after === 0) return;
    const axes = axisNames(shape.length);
    const size = shape[along]!;
    const at = (place: string) =>
      element(
        source,
        axes.map((axis, i) => (i === along ? place : axis)),
      );
    const q = `${axes[along]} - ${before}`;
    const inside = (below: string, above: string) =>
      `if ${q} < 0 then ${at(below)} else (if ${q} >= ${size} then ${at(above)} else ${at(q)})`;
    const bodies: Readonly<Record<string, () => string>> = {
      constant: () => `if ${q} >= 0 and ${q} < ${size} then ${at(q)} else ${float(value)}`,
      reflect: () =>
        inside(`${before} - ${axes[along]}`, `${2 * (size - 1) + before} - ${axes[along]}`),
      symmetric: () =>
        inside(`${before - 1} - ${axes[along]}`, `${2 * size - 1 + before} - ${axes[along]}`),
      edge: () => inside("0", `${size - 1}`),
      replicate: () => inside("0", `${size - 1}`),
      wrap: () => at(`(${axes[along]} + ${(size - (before % size)) % size}) % ${size}`),
      circular: () => at(`(${axes[along]} + ${(size - (before % size)) % size}) % ${size}`),
    };
    const body = bodies[mode];
    if (body === undefined) throw new NotExpressible(`padding of the kind ${mode}`);
    const result = shape.map((extent, i) => (i === along ? extent + before + after : extent));
    const name = `padded${along}`;
    statements.push(notation(name, axes, result, body()));
    shape.splice(0, shape.length, ...result);
    source = name;
  });
  return single(source, statements);
}

function slice(c: RuleCase): RuleResult {
  const sizes = shapeOf(c, "x");
  const rank = sizes.length;
  const { starts, axis } = c.config;
  const step = c.config.step as number | undefined;
  return indexed(c, (axes) => {
    if (Array.isArray(starts)) {
      const along = numbersIn(
        c,
        "axes",
        axes.map((_, i) => i),
      );
      const steps = numbersIn(
        c,
        "steps",
        along.map(() => 1),
      );
      return element(
        "x",
        axes.map((name, i) => {
          const at = along.findIndex((a) => fromStart(a, rank) === i);
          if (at < 0) return name;
          const start = fromStart(starts[at], sizes[i]!);
          return `${Math.min(start, sizes[i]! - 1)} + ${name} * (${steps[at]})`.replace(
            /^0 \+ /,
            "0 + ",
          );
        }),
      );
    }
    if (typeof axis !== "number" || step === undefined) throw new NotExpressible("such a slice");
    const along = fromStart(axis, rank);
    const start = numberIn(c, "start", step < 0 ? sizes[along]! - 1 : 0);
    return element(
      "x",
      axes.map((name, i) => (i === along ? `${start} + ${name} * (${step})` : name)),
    );
  });
}

function roll(c: RuleCase): RuleResult {
  const sizes = shapeOf(c, "x");
  const shifts = [c.config.shifts ?? c.config.shift].flat() as number[];
  const along = [c.config.axes ?? c.config.axis].flat() as number[];
  return indexed(c, (axes) =>
    element(
      "x",
      axes.map((name, i) => {
        const at = along.findIndex((a) => fromStart(a, sizes.length) === i);
        const size = sizes[i]!;
        if (at < 0) return name;
        return `(${name} + ${((-shifts[at]! % size) + size) % size}) % ${size}`;
      }),
    ),
  );
}

/** Patches of one sample as columns, [N, C·K, L]: between them and an image go unfold and, its transpose, fold. */
function patches(c: RuleCase): RuleResult {
  const isFold = c.config.output !== undefined;
  const image = isFold ? numbersIn(c, "output") : shapeOf(c, "x").slice(2);
  const kernel = numbersIn(c, "kernel");
  const ones = kernel.map(() => 1);
  const stride = numbersIn(c, "stride", ones);
  const dilation = numbersIn(c, "dilation", ones);
  const padding = numbersIn(
    c,
    "padding",
    kernel.map(() => 0),
  );
  const counts = image.map(
    (size, i) =>
      Math.floor((size + 2 * padding[i]! - dilation[i]! * (kernel[i]! - 1) - 1) / stride[i]!) + 1,
  );
  const p = axisNames(kernel.length, "p");
  const k = axisNames(kernel.length, "k");
  const place = p.map(
    (axis, i) => `${axis} * ${stride[i]} + ${k[i]} * ${dilation[i]} - ${padding[i]}`,
  );
  const flat = (names: readonly string[], sizes: readonly number[]) =>
    names.reduce((index, name, i) => (i === 0 ? name : `(${index}) * ${sizes[i]} + ${name}`), "0");
  const size = kernel.reduce((product, extent) => product * extent, 1);
  const bounded = (names: readonly string[], sizes: readonly number[]) =>
    names.map((name, i) => `${name} < ${sizes[i]}`);
  if (isFold) {
    const q = axisNames(kernel.length, "q");
    const meets = q.map((axis, i) => `${axis} == ${place[i]}`).join(" and ");
    const column = `x[n, c * ${size} + ${flat(k, kernel)}, ${flat(p, counts)}]`;
    const over = [...bounded(p, counts), ...bounded(k, kernel)].join(", ");
    return single("folded", [
      notation(
        "folded",
        ["n", "c", ...q],
        outputShape(c),
        `sum[${over}] (if ${meets} then ${column} else 0.0)`,
      ),
    ]);
  }
  const [samples, channels] = shapeOf(c, "x");
  const extents = [samples!, channels!, ...kernel, ...counts];
  return single(`reshape(unfolded, ${list(outputShape(c))})`, [
    notation("unfolded", ["n", "c", ...k, ...p], extents, element("x", ["n", "c", ...place])),
  ]);
}

function pixelShuffle(c: RuleCase): RuleResult {
  const r = numberIn(c, "factor");
  return /unshuffle/.test(c.reference)
    ? indexed(c, ([n, k, h, w]) => {
        const inner = `${k} % ${r * r}`;
        return `x[${n}, ${k} / ${r * r}, ${h} * ${r} + (${inner}) / ${r}, ${w} * ${r} + ${k} % ${r}]`;
      })
    : indexed(
        c,
        ([n, k, h, w]) =>
          `x[${n}, ${k} * ${r * r} + (${h} % ${r}) * ${r} + ${w} % ${r}, ${h} / ${r}, ${w} / ${r}]`,
      );
}

const triangle = (c: RuleCase): RuleResult => {
  const k = numberIn(c, "k", 0);
  const comparison = /triu/.test(c.reference) ? ">=" : "<=";
  return indexed(c, (axes) => {
    const [row, column] = axes.slice(-2);
    return `if ${column} ${comparison} ${row} + ${k} then ${element("x", axes)} else 0.0`;
  });
};

const tensors = (c: RuleCase): string => list([...c.inputs.keys()]);

export const shapeRules: RuleTable = {
  pad,
  slice,
  roll,
  im2col: patches,
  pixel_shuffle: pixelShuffle,
  tri: triangle,
  concat: (c) => single(`concat(${tensors(c)}, axis = ${numberIn(c, "axis", -1)})`),
  stack: (c) => single(`stack(${tensors(c)}, axis = ${numberIn(c, "axis", 0)})`),
  expand: (c) => single(`broadcast_to(x, ${list(outputShape(c))})`),
  transpose: (c) => single(`transpose(x, ${list(numbersIn(c, "perm"))})`),
  split: (c) => {
    const names = [...c.outputs.keys()];
    const sizes = list(
      numbersIn(
        c,
        "sizes",
        names.map((name) => outputShape(c, name)[numberIn(c, "axis", 0)]!),
      ),
    );
    const parts = names.map((_, i) => `part${i}`);
    return {
      statements: [`(${parts.join(", ")}) = split(x, ${sizes}, ${numberIn(c, "axis", 0)})`],
      outputs: Object.fromEntries(names.map((name, i) => [name, parts[i]!])),
    };
  },
  flip: (c) => {
    const sizes = shapeOf(c, "x");
    const along = [c.config.axes ?? c.config.axis].flat() as number[];
    const isFlipped = (i: number) => along.some((a) => fromStart(a, sizes.length) === i);
    return indexed(c, (axes) =>
      element(
        "x",
        axes.map((name, i) => (isFlipped(i) ? `${sizes[i]! - 1} - ${name}` : name)),
      ),
    );
  },
  tile: (c) => {
    const sizes = shapeOf(c, "x");
    const spread = outputShape(c).length - sizes.length;
    return indexed(c, (axes) =>
      element(
        "x",
        axes.slice(spread).map((name, i) => `${name} % ${sizes[i]}`),
      ),
    );
  },
  repeat: (c) => {
    const sizes = shapeOf(c, "x");
    return indexed(c, (axes) =>
      element(
        "x",
        axes.map((name, i) => `${name} / ${outputShape(c)[i]! / sizes[i]!}`),
      ),
    );
  },
  reshape: (c) => {
    const rank = shapeOf(c, "x").length;
    const order = [...Array(rank).keys()];
    if (/transposed/.test(c.formula)) order.splice(rank - 2, 2, rank - 1, rank - 2);
    return single(`reshape(transpose(x, ${list(order)}), ${list(outputShape(c))})`);
  },
  squeeze: (c) => single(`reshape(x, ${list(outputShape(c))})`),
  diag: (c) =>
    /embed/.test(c.reference)
      ? indexed(c, (axes) => {
          const [row, column] = axes.slice(-2);
          return `if ${row} == ${column} then ${element("x", axes.slice(0, -1))} else 0.0`;
        })
      : indexed(c, (axes) => element("x", [...axes, axes.at(-1)!])),
  reuse: () => single("h @ transpose(h) + sum(h) * x", ["h = tanh(x)"]),
};
