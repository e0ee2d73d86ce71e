/** Every conversion between element types, and every function on the types it takes, as compiled C. */

import { expect, test } from "vitest";
import { axisAffine, offsetAffine } from "../../compiler/graph/affine.ts";
import { nonnegative, not } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import type { DType } from "../../compiler/graph/dtype.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, LeafRole, Scalar, Value } from "../../compiler/graph/node.ts";
import { scalarFunctionNames, scalarFunctions } from "../../compiler/graph/scalar-functions.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { runGraph } from "./run-program.ts";

const types = ["f32", "i32", "u8", "bool"] as const;
type Type = (typeof types)[number];

const numbers: { readonly [K in Type]: readonly number[] } = {
  f32: [0, -0, 1.5, -1.5, 255, 256.9, -3, 3e9, -3e9, Number.NaN, Infinity, -Infinity, 1e-40, 7],
  i32: [0, 1, -1, 255, 256, 257, -255, 2147483647, -2147483648, 16777217, -16777219, 5, 6],
  u8: [0, 1, 2, 127, 128, 254, 255, 3, 4, 5, 6],
  bool: [0, 1, 1, 0, 1],
};

const width = 37;
const n = 3;
const batchMax = 4;

function leaf(_role: LeafRole, path: string): Float64Array {
  const dtype = path.slice(0, path.indexOf("_")) as Type;
  const shift = path.endsWith("b") ? 5 : 0;
  const values = numbers[dtype];
  return Float64Array.from({ length: batchMax * width }, (_, i) =>
    dtype === "f32"
      ? Math.fround(values[(i * 3 + shift) % values.length]!)
      : values[(i * 3 + shift) % values.length]!,
  );
}

async function compare(
  make: (
    context: GraphContext,
    operand: (dtype: Type, name: "a" | "b") => Scalar,
  ) => ReadonlyMap<string, Scalar>,
): Promise<void> {
  const context = new GraphContext();
  const shape = [batchExtent, fixed(width)];
  const operand = (dtype: Type, name: "a" | "b"): Scalar =>
    context.load(context.leaf("input", `${dtype}_${name}`, dtype, shape), [
      axisAffine(0),
      axisAffine(1),
    ]);
  const results = [...make(context, operand)].map(([name, body]) => ({
    name,
    value: context.compute({ parallel: shape, body }).values[0] as Value,
  }));
  const graph: Graph = { name: "types", batchMax, results, assignments: [] };
  const wanted = interpret(graph, { n, leaf });
  for (const fusion of [false, true]) {
    const actual = await runGraph({ context, graph, n, leaf }, { cpu: thisCpu(), fusion });
    for (const [name, data] of wanted.results) {
      const values = actual.results.get(name)!;
      for (let i = 0; i < data.length; i++) {
        const isFloat = values instanceof Float32Array;
        const exact = isFloat ? Math.fround(data[i]!) : data[i]!;
        expect(
          values[i] === exact || Object.is(values[i], exact),
          `${name}[${i}]: ${values[i]}, not ${exact}`,
        ).toBe(true);
      }
    }
  }
}

test("conversions truncate, saturate, wrap and tell zero from the rest", async () => {
  await compare((context, operand) => {
    const pairs = types.flatMap((from) => types.map((to) => [from, to] as const));
    return new Map(
      pairs.map(([from, to]) => [`${from} to ${to}`, context.cast(operand(from, "a"), to)]),
    );
  });
});

/** Those that are exact in any type. */
const exact = scalarFunctionNames.filter((fn) => scalarFunctions[fn].ulp === 0);

test.each(["i32", "u8", "bool"] as const)("exact functions of %s", async (dtype) => {
  await compare((context, operand) => {
    const args = [operand(dtype, "a"), operand(dtype, "b")];
    const bodies = new Map<string, Scalar>();
    for (const fn of exact) {
      const { arity, resultType } = scalarFunctions[fn];
      const given = args.slice(0, arity);
      if (given.length === arity && resultType(given.map(() => dtype as DType)) !== undefined) {
        bodies.set(fn, context.call(fn, ...given));
      }
    }
    const condition = context.condition(nonnegative(offsetAffine(axisAffine(1), -20)));
    bodies.set("select by place", context.call("select", condition, ...args));
    bodies.set("select by data", context.call("select", operand("bool", "b"), ...args));
    return bodies;
  });
});

test("guards read zero, as masks and as single conditions", async () => {
  await compare((context) => {
    const bodies = new Map<string, Scalar>();
    for (const dtype of types) {
      const value = context.leaf("input", `${dtype}_a`, dtype, [batchExtent, fixed(width)]);
      const next = offsetAffine(axisAffine(1), 5);
      const guard = not(nonnegative(offsetAffine(next, -width)));
      bodies.set(`${dtype} shifted`, context.load(value, [axisAffine(0), next], guard));
      const first = nonnegative(offsetAffine(axisAffine(0), -1));
      bodies.set(`${dtype} late rows`, context.load(value, [axisAffine(0), axisAffine(1)], first));
    }
    return bodies;
  });
});
