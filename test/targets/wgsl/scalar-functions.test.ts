/**
 * Every row of the table of scalar functions as WGSL on SwiftShader, against its float64 evaluation.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
import { missing, type OpenedDevice, openDawn } from "../../dawn.ts";
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
const slot = count * 4;
const opened = await openDawn();
if (opened === null) console.log(`[SKIP] scalar functions as WGSL: ${missing}`);

afterAll(() => opened?.close());

/** result[i] = fn(a[i], b[i], c[i]) for any arguments. */
function elementwise(
  fn: ScalarFunctionName,
  types: readonly ElementType[],
  result: ElementType,
  elements: number,
): Kernel {
  const i = add(multiply(symbol("task"), constant(threads)), symbol("thread"));
  const args = types.map((dtype, k) => load(place(`x${k}`, i), { dtype, lanes: 1 }));
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
    tasks: constant(elements / threads),
    threads,
    body: [store(place("y", i), call(fn, ...args))],
  };
}

function moduleOf(kernels: readonly Kernel[], elements: number): KernelModule {
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
              ? { kind: "arena", arena: "results", offset: k * elements * 4 }
              : { kind: "arena", arena: "persistent", offset: (k * 3 + a) * elements * 4 },
          ),
        })),
      },
    ],
  };
}

const module = moduleOf(
  scalarFunctionNames.map((fn) =>
    elementwise(fn, argumentTypes(fn) as ElementType[], resultType(fn) as ElementType, count),
  ),
  count,
);

async function evaluateAll(device: OpenedDevice, sample: Sample) {
  const persistent = new Uint8Array(scalarFunctionNames.length * 3 * slot);
  scalarFunctionNames.forEach((fn, k) => {
    argumentTypes(fn).forEach((dtype, a) => {
      const values = dtype === "bool" ? Uint32Array : Float32Array;
      const array = new values(persistent.buffer, (k * 3 + a) * slot, count);
      for (let i = 0; i < count; i++) array[i] = sample(fn, a, i);
    });
  });
  const resultsBytes = scalarFunctionNames.length * slot;
  const run = { module, symbol: "nnc_all", persistent, resultsBytes, opened: device };
  const { results } = (await runKernels(run))!;
  return new Map(
    scalarFunctionNames.map((fn, k) => {
      const values = resultType(fn) === "bool" ? Uint32Array : Float32Array;
      return [fn, new values(results, k * slot, count)] as const;
    }),
  );
}

describe.skipIf(opened === null)("scalar functions on SwiftShader", () => {
  let inside: Awaited<ReturnType<typeof evaluateAll>>;
  let edges: Awaited<ReturnType<typeof evaluateAll>>;
  beforeAll(async () => {
    inside = await evaluateAll(opened!, inDomain);
    edges = await evaluateAll(opened!, atEdges);
  });

  const exactOnes = scalarFunctionNames.filter((fn) => fn !== "fma");
  test.each(exactOnes)("%s is as accurate as its row says", (fn) => {
    expectAccurate(fn, inside.get(fn)!);
  });

  test("fma rounds once or twice, as the device likes", () => {
    inside.get("fma")!.forEach((value, i) => {
      const [a, b, c] = [0, 1, 2].map((k) => inDomain("fma", k, i)) as [number, number, number];
      const error = Math.abs(value - (a * b + c));
      expect(error).toBeLessThanOrEqual(2 ** -23 * (Math.abs(a * b) + Math.abs(c)));
    });
  });

  test.each(scalarFunctionNames)("%s is right at the edges", (fn) => {
    expectRightAtEdges(fn, edges.get(fn)!, true);
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
      elementwise(fn, Array(scalarFunctions[fn].arity).fill("i32"), "i32", pairs.length),
    );
    const bytes = pairs.length * 4;
    const persistent = new Uint8Array(names.length * 3 * bytes);
    names.forEach((_, k) => {
      for (const part of [0, 1, 2]) {
        const at = new Int32Array(persistent.buffer, (k * 3 + part) * bytes, pairs.length);
        at.set(pairs.map((pair) => pair[part % 2]!));
      }
    });
    const { results } = (await runKernels({
      module: moduleOf(kernels, pairs.length),
      symbol: "nnc_all",
      persistent,
      resultsBytes: names.length * bytes,
      opened: opened!,
    }))!;
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
