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
import {
  argumentTypes,
  atEdges,
  count,
  expectAccurate,
  expectRightAtEdges,
  inDomain,
  type Sample,
} from "./scalar-function-cases.ts";

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
        loops: [],
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

const widths = [1, 4, 8, 16];

describe("scalar functions in C", async () => {
  const inside = new Map<number, Awaited<ReturnType<typeof evaluateAll>>>();
  const edges = new Map<number, Awaited<ReturnType<typeof evaluateAll>>>();
  for (const lanes of widths) {
    inside.set(lanes, await evaluateAll(lanes, inDomain));
    edges.set(lanes, await evaluateAll(lanes, atEdges));
  }

  test.each(scalarFunctionNames)("%s is as accurate as its row says", (fn) => {
    expectAccurate(fn, inside.get(16)!.get(fn)!);
  });

  test.each(scalarFunctionNames)("%s has the same bits at every width", (fn) => {
    for (const lanes of widths) {
      expect(inside.get(lanes)!.get(fn)).toEqual(inside.get(1)!.get(fn));
      expect(edges.get(lanes)!.get(fn)).toEqual(edges.get(1)!.get(fn));
    }
  });

  test.each(scalarFunctionNames)("%s is right at the edges", (fn) => {
    expectRightAtEdges(fn, edges.get(16)!.get(fn)!);
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
          loops: [],
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
