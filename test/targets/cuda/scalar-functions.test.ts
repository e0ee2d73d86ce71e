/** Every row of the table of scalar functions as CUDA on the emulation, against its float64 evaluation. */

import { beforeAll, describe, expect, test } from "vitest";
import type { DType } from "../../../compiler/graph/dtype.ts";
import {
  type ScalarFunctionName,
  scalarFunctionNames,
  scalarFunctions,
} from "../../../compiler/graph/scalar-functions.ts";
import {
  add,
  call,
  constant,
  load,
  multiply,
  place,
  store,
  symbol,
} from "../../../compiler/kernel/build.ts";
import type { ElementType, Kernel } from "../../../compiler/kernel/ir.ts";
import type { KernelModule } from "../../../compiler/kernel/module.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import {
  argumentTypes,
  atEdges,
  count,
  expectAccurate,
  expectRightAtEdges,
  inDomain,
  resultType,
  type Sample,
} from "../scalar-function-cases.ts";
import { runKernels } from "./run-kernels.ts";

const threads = 64;
/** Bytes of an argument or a result, whatever its type. */
const slot = count * 4;

/** result[i] = fn(a[i], b[i], c[i]), by one thread for as many elements as there are lanes. */
function elementwise(
  fn: ScalarFunctionName,
  types: readonly ElementType[],
  result: ElementType,
  { elements, lanes }: { readonly elements: number; readonly lanes: number },
): Kernel {
  const thread = add(multiply(symbol("task"), constant(threads)), symbol("thread"));
  const i = multiply(thread, constant(lanes));
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
        elements,
      })),
      { kind: "window", name: "y", dtype: result, access: "write", elements },
    ],
    tasks: constant(elements / threads / lanes),
    threads,
    body: [store(place("y", i), call(fn, ...args))],
  };
}

function moduleOf(kernels: readonly Kernel[], bytes: number): KernelModule {
  return {
    model: "test",
    functions: [
      {
        graph: "all",
        symbol: "nnc_all",
        loops: [],
        launches: kernels.map((kernel, k) => ({
          kernel,
          isParallel: true,
          withPrevious: false,
          placements: kernel.parameters.map((_, a) =>
            a === kernel.parameters.length - 1
              ? { kind: "arena", arena: "results", offset: k * bytes }
              : { kind: "arena", arena: "persistent", offset: (k * 3 + a) * bytes },
          ),
        })),
      },
    ],
  };
}

type Values = ReadonlyMap<ScalarFunctionName, Float32Array | Uint8Array>;

async function evaluateAll(sample: Sample, lanes: number): Promise<Values> {
  const kernels = scalarFunctionNames.map((fn) =>
    elementwise(fn, argumentTypes(fn) as ElementType[], resultType(fn) as ElementType, {
      elements: count,
      lanes,
    }),
  );
  const persistent = new Uint8Array(scalarFunctionNames.length * 3 * slot);
  scalarFunctionNames.forEach((fn, k) => {
    argumentTypes(fn).forEach((dtype, a) => {
      const values = dtype === "bool" ? Uint8Array : Float32Array;
      const array = new values(persistent.buffer, (k * 3 + a) * slot, count);
      for (let i = 0; i < count; i++) array[i] = sample(fn, a, i);
    });
  });
  const { results } = await runKernels({
    module: moduleOf(kernels, slot),
    symbol: "nnc_all",
    persistent,
    resultsBytes: scalarFunctionNames.length * slot,
  });
  return new Map(
    scalarFunctionNames.map((fn, k) => {
      const values = resultType(fn) === "bool" ? Uint8Array : Float32Array;
      return [fn, new values(results, k * slot, count)] as const;
    }),
  );
}

describe.runIf(hasEmulation)(`scalar functions on emulated CUDA ${needsEmulation}`, () => {
  let inside: Values;
  let edges: Values;
  beforeAll(async () => {
    inside = await evaluateAll(inDomain, 1);
    edges = await evaluateAll(atEdges, 1);
  });

  test.each(scalarFunctionNames)("%s is as accurate as its row says", (fn) => {
    expectAccurate(fn, inside.get(fn)!);
  });

  test.each(scalarFunctionNames)("%s is right at the edges", (fn) => {
    expectRightAtEdges(fn, edges.get(fn)!);
  });

  test("vectors give the same bits", async () => {
    expect(await evaluateAll(atEdges, 4)).toEqual(edges);
  });

  test("integer rows wrap, floor and never trap", async () => {
    const names = scalarFunctionNames.filter((fn) => {
      const types = Array<DType>(scalarFunctions[fn].arity).fill("i32");
      return scalarFunctions[fn].resultType(types) === "i32" && fn !== "power";
    });
    const numbers = [
      0, 1, -1, 2, -2, 3, 7, -7, 2147483647, -2147483648, 65536, -65537, 5, -5, 10, 4,
    ];
    const pairs = numbers.flatMap((a) => numbers.map((b) => [a, b] as const));
    const kernels = names.map((fn) =>
      elementwise(fn, Array(scalarFunctions[fn].arity).fill("i32"), "i32", {
        elements: pairs.length,
        lanes: 1,
      }),
    );
    const bytes = pairs.length * 4;
    const persistent = new Uint8Array(names.length * 3 * bytes);
    names.forEach((_, k) => {
      for (const part of [0, 1, 2]) {
        const at = new Int32Array(persistent.buffer, (k * 3 + part) * bytes, pairs.length);
        at.set(pairs.map((pair) => pair[part % 2]!));
      }
    });
    const { results } = await runKernels({
      module: moduleOf(kernels, bytes),
      symbol: "nnc_all",
      persistent,
      resultsBytes: names.length * bytes,
    });
    names.forEach((fn, k) => {
      const values = new Int32Array(results, k * bytes, pairs.length);
      pairs.forEach(([a, b], p) => {
        const exact = scalarFunctions[fn].evaluateInteger(a, b, a);
        // Division by zero gives 0.
        const wanted = Number.isFinite(exact) ? exact | 0 : 0;
        expect(values[p], `${fn}(${a}, ${b}, ${a})`).toBe(wanted);
      });
    });
  });
});
