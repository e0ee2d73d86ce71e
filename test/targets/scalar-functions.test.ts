/**
 * Every row of the table of scalar functions as compiled C, against its float64 evaluation: within the error
 * that the row allows, at all widths of vectors with the same bits, and right at the edges of its domain.
 */

import { describe, expect, test } from "vitest";
import type { DType } from "../../compiler/graph/dtype.ts";
import {
  type ScalarFunctionName,
  scalarFunctionNames,
  scalarFunctions,
} from "../../compiler/graph/scalar-functions.ts";
import {
  add,
  call,
  constant,
  load,
  loop,
  place,
  store,
  variable,
} from "../../compiler/kernel/build.ts";
import type { ElementType, Kernel } from "../../compiler/kernel/ir.ts";
import type { KernelModule } from "../../compiler/kernel/module.ts";
import { runKernels } from "./run-kernels.ts";

const count = 4096;

/** Types of the arguments of a row, floats first. */
function argumentTypes(fn: ScalarFunctionName): readonly DType[] {
  const { arity, resultType } = scalarFunctions[fn];
  const candidates: DType[][] = [
    Array<DType>(arity).fill("f32"),
    Array<DType>(arity).fill("bool"),
    ["bool", "f32", "f32"],
  ];
  const found = candidates.find(
    (types) => types.length === arity && resultType(types) !== undefined,
  );
  if (found === undefined) throw new Error(`no types for ${fn}`);
  return found;
}

/** One kernel for one function: result[i] = fn(a[i], b[i], c[i]). */
function functionKernel(fn: ScalarFunctionName, lanes: number): Kernel {
  const types = argumentTypes(fn) as readonly ElementType[];
  const result = scalarFunctions[fn].resultType(types as readonly DType[]) as ElementType;
  const i = variable("i");
  const args = types.map((dtype, k) => load(place(`x${k}`, i), { dtype, lanes }));
  return {
    name: `test_${fn}`,
    comment: { lines: [fn], sources: [], flops: 0, bytes: 0 },
    parameters: [
      ...types.map((dtype, k) => ({
        kind: "window" as const,
        name: `x${k}`,
        dtype,
        access: "read" as const,
        elements: count,
      })),
      { kind: "window", name: "y", dtype: result, access: "write", elements: count },
    ],
    tasks: constant(1),
    threads: 1,
    body: [
      loop("i", constant(0), constant(count), [store(place("y", i), call(fn, ...args))], {
        step: lanes,
      }),
    ],
  };
}

function moduleOf(lanes: number, names: readonly ScalarFunctionName[]): KernelModule {
  const slot = count * 4;
  return {
    model: "test",
    functions: [
      {
        graph: "all",
        symbol: "nnc_all",
        launches: names.map((fn, k) => {
          const { arity } = scalarFunctions[fn];
          return {
            kernel: functionKernel(fn, lanes),
            isParallel: false,
            withPrevious: false,
            placements: [
              ...Array.from({ length: arity }, (_, a) => ({
                kind: "arena" as const,
                arena: "persistent" as const,
                offset: (k * 3 + a) * slot,
              })),
              { kind: "arena" as const, arena: "results" as const, offset: k * slot },
            ],
          };
        }),
      },
    ],
  };
}

type Sample = (fn: ScalarFunctionName, argument: number, i: number) => number;

async function evaluateAll(lanes: number, sample: Sample) {
  const slot = count * 4;
  const persistent = new Uint8Array(scalarFunctionNames.length * 3 * slot);
  scalarFunctionNames.forEach((fn, k) => {
    argumentTypes(fn).forEach((dtype, a) => {
      const offset = (k * 3 + a) * slot;
      for (let i = 0; i < count; i++) {
        const value = sample(fn, a, i);
        if (dtype === "bool") persistent[offset + i] = value;
        else new Float32Array(persistent.buffer, offset, count)[i] = value;
      }
    });
  });
  const module = moduleOf(lanes, scalarFunctionNames);
  const resultsBytes = scalarFunctionNames.length * slot;
  const { results } = await runKernels({ module, symbol: "nnc_all", persistent, resultsBytes });
  return new Map(
    scalarFunctionNames.map((fn, k) => {
      const types = argumentTypes(fn);
      const isBool = scalarFunctions[fn].resultType(types) === "bool";
      const array = isBool
        ? new Uint8Array(results, k * slot, count)
        : new Float32Array(results, k * slot, count);
      return [fn, array] as const;
    }),
  );
}

/** Deterministic, spread over the row's test domain. */
const inDomain: Sample = (fn, argument, i) => {
  const { min, max } = scalarFunctions[fn].testDomain[argument]!;
  const t = ((i * 7919 + argument * 104729 + 17) % count) / (count - 1);
  const value = Math.fround(min + (max - min) * t);
  return argumentTypes(fn)[argument] === "bool" ? Math.round(t) : value;
};

const specials = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  Infinity,
  -Infinity,
  Number.NaN,
  1e-40,
  -1e-40,
  1e38,
  -1e38,
  88,
  -88,
  100,
  -100,
  1e-20,
  3,
  -2,
].map(Math.fround);

const atEdges: Sample = (fn, argument, i) => {
  if (argumentTypes(fn)[argument] === "bool") return i & 1;
  const { arity } = scalarFunctions[fn];
  if (arity === 1) return specials[i % specials.length]!;
  const at = argument === 0 ? i : Math.floor(i / specials.length);
  return specials[at % specials.length]!;
};

/** Distance in units in the last place of the float32 nearest to `exact`. */
function ulps(value: number, exact: number): number {
  const nearest = Math.fround(exact);
  if (Object.is(value, nearest) || value === nearest) return 0;
  if (Number.isNaN(value) && Number.isNaN(exact)) return 0;
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(nearest))));
  return Math.abs(value - exact) / 2 ** (exponent - 23);
}

const widths = [1, 4, 8, 16];

describe("scalar functions in C", async () => {
  const inside = new Map<number, Awaited<ReturnType<typeof evaluateAll>>>();
  const edges = new Map<number, Awaited<ReturnType<typeof evaluateAll>>>();
  for (const lanes of widths) {
    inside.set(lanes, await evaluateAll(lanes, inDomain));
    edges.set(lanes, await evaluateAll(lanes, atEdges));
  }

  test.each(scalarFunctionNames)("%s is as accurate as its row says", (fn) => {
    const { evaluate, ulp, arity } = scalarFunctions[fn];
    const values = inside.get(16)!.get(fn)!;
    let worst = 0;
    let at: number[] = [];
    for (let i = 0; i < count; i++) {
      const args = Array.from({ length: arity }, (_, a) => inDomain(fn, a, i));
      const error = ulps(values[i]!, evaluate(...args));
      if (!(error <= worst)) {
        worst = error;
        at = [...args, values[i]!, evaluate(...args)];
      }
    }
    expect(worst, `${fn} at ${at}`).toBeLessThanOrEqual(ulp);
  });

  test.each(scalarFunctionNames)("%s has the same bits at every width", (fn) => {
    for (const lanes of widths) {
      expect(inside.get(lanes)!.get(fn)).toEqual(inside.get(1)!.get(fn));
      expect(edges.get(lanes)!.get(fn)).toEqual(edges.get(1)!.get(fn));
    }
  });

  test.each(scalarFunctionNames)("%s is right at the edges", (fn) => {
    const { evaluate, arity } = scalarFunctions[fn];
    const values = edges.get(16)!.get(fn)!;
    for (let i = 0; i < specials.length ** Math.min(2, arity); i++) {
      const args = Array.from({ length: arity }, (_, a) => atEdges(fn, a, i));
      const exact = evaluate(...args);
      const value = values[i]!;
      const wanted = Math.fround(exact);
      const isClose = ulps(value, exact) <= 16 || Math.abs(value - exact) < 2e-38;
      // Sine and cosine of huge arguments are not reduced exactly.
      const isHuge = args.some((x) => Math.abs(x) > 1e5 && Number.isFinite(x));
      if (isHuge && /^(sin|cos|tan)$/.test(fn)) continue;
      // A quotient that underflows in float32 has lost its sign.
      if (fn === "floordivide" && exact === -1 && Math.fround(args[0]! / args[1]!) === 0) continue;
      // Nor has a float32 remainder digits left where the quotient is beyond 2²⁴.
      if (fn === "modulo" && Math.abs(args[0]! / args[1]!) > 2 ** 24) continue;
      expect(isClose || Object.is(value, wanted), `${fn}(${args}) = ${value}, not ${wanted}`).toBe(
        true,
      );
    }
  });
});

test("integer rows wrap, floor and never trap", async () => {
  const names = (
    ["floordivide", "modulo", "multiply", "add", "absolute", "negate"] as const
  ).filter((fn) =>
    scalarFunctions[fn].resultType(Array<DType>(scalarFunctions[fn].arity).fill("i32")),
  );
  const numbers = [0, 1, -1, 2, -2, 3, 7, -7, 2147483647, -2147483648, 65536, -65537, 5, -5, 10, 4];
  const pairs = numbers.flatMap((a) => numbers.map((b) => [a, b] as const));
  const persistent = new Uint8Array(pairs.length * 8);
  new Int32Array(persistent.buffer).set([...pairs.map(([a]) => a), ...pairs.map(([, b]) => b)]);
  for (const lanes of widths) {
    const i = variable("i");
    const operand = (offset: number) =>
      load(place("x", add(i, constant(offset))), { dtype: "i32", lanes });
    const module: KernelModule = {
      model: "test",
      functions: [
        {
          graph: "all",
          symbol: "nnc_all",
          launches: names.map((fn, k) => ({
            isParallel: false,
            withPrevious: false,
            placements: [
              { kind: "arena", arena: "persistent", offset: 0 },
              { kind: "arena", arena: "results", offset: k * pairs.length * 4 },
            ],
            kernel: {
              name: `test_${fn}`,
              comment: { lines: [fn], sources: [], flops: 0, bytes: 0 },
              parameters: [
                {
                  kind: "window",
                  name: "x",
                  dtype: "i32",
                  access: "read",
                  elements: pairs.length * 2,
                },
                {
                  kind: "window",
                  name: "y",
                  dtype: "i32",
                  access: "write",
                  elements: pairs.length,
                },
              ],
              tasks: constant(1),
              threads: 1,
              body: [
                loop(
                  "i",
                  constant(0),
                  constant(pairs.length),
                  [
                    store(
                      place("y", i),
                      call(
                        fn,
                        ...[operand(0), operand(pairs.length)].slice(0, scalarFunctions[fn].arity),
                      ),
                    ),
                  ],
                  { step: lanes },
                ),
              ],
            },
          })),
        },
      ],
    };
    const resultsBytes = names.length * pairs.length * 4;
    const { results } = await runKernels({ module, symbol: "nnc_all", persistent, resultsBytes });
    names.forEach((fn, k) => {
      const values = new Int32Array(results, k * pairs.length * 4, pairs.length);
      pairs.forEach(([a, b], p) => {
        const exact = scalarFunctions[fn].evaluateInteger(a, b);
        // Division by zero gives 0.
        const wanted = Number.isFinite(exact) ? exact | 0 : 0;
        expect(values[p], `${fn}(${a}, ${b})`).toBe(wanted);
      });
    });
  }
});
