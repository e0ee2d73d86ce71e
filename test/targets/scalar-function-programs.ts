/**
 * Programs of a kernel for every scalar function, result[i] = fn(a[i], b[i], c[i]), as tests of all targets run them on
 * the arguments of `scalar-function-cases.ts`.
 */

import { expect } from "vitest";
import type { DType } from "../../compiler/graph/dtype.ts";
import {
  type ScalarFunctionName,
  scalarFunctionNames,
  scalarFunctions,
} from "../../compiler/graph/scalar-functions.ts";
import { call, constant, load, multiply, place, store } from "../../compiler/kernel/build.ts";
import type { ElementType, Expression } from "../../compiler/kernel/ir.ts";
import type { KernelModule, Launch } from "../../compiler/kernel/module.ts";
import { input, launch, moduleOf, output } from "./kernels.ts";
import { argumentTypes, count, resultType, type Sample } from "./scalar-function-cases.ts";

/** A module, the symbol of its only graph, and its memory. */
export interface ScalarProgram {
  readonly module: KernelModule;
  readonly symbol: string;
  readonly persistent: Uint8Array;
  readonly resultsBytes: number;
}

/** A target to run programs on. */
export interface ScalarTarget {
  /** Threads of a task. */
  readonly threads: number;
  /** The number of the element that a thread of a task computes. */
  readonly element: Expression;
  /** How bools lie in its memory; other elements take four bytes. */
  readonly flags: typeof Uint8Array | typeof Uint32Array;
  /** Gives the results' bytes. */
  run(program: ScalarProgram): Promise<ArrayBuffer>;
}

export type Values = ReadonlyMap<ScalarFunctionName, Float32Array | Uint8Array | Uint32Array>;

interface Form {
  readonly types: readonly ElementType[];
  readonly result: ElementType;
  readonly elements: number;
  readonly lanes: number;
}

/** Every argument and every result has `elements` words of its own, whatever its type. */
const argumentAt = (k: number, a: number, elements: number): number => (k * 3 + a) * elements * 4;
const resultAt = (k: number, elements: number): number => k * elements * 4;

function launchOf(
  { threads, element }: ScalarTarget,
  fn: ScalarFunctionName,
  k: number,
  { types, result, elements, lanes }: Form,
): Launch {
  const i = multiply(element, constant(lanes));
  const args = types.map((dtype, a) => load(place(`x${a}`, i), { dtype, lanes }));
  return launch(
    [
      ...types.map((dtype, a) => input(`x${a}`, dtype, elements, argumentAt(k, a, elements))),
      output("y", result, elements, resultAt(k, elements)),
    ],
    [store(place("y", i), call(fn, ...args))],
    { name: `test_${fn}`, tasks: constant(elements / threads / lanes), threads },
  );
}

/** All functions on `count` samples of each argument, `lanes` at a time. */
export async function evaluateAll(
  target: ScalarTarget,
  sample: Sample,
  lanes: number,
): Promise<Values> {
  const { flags } = target;
  const launches = scalarFunctionNames.map((fn, k) =>
    launchOf(target, fn, k, {
      types: argumentTypes(fn) as readonly ElementType[],
      result: resultType(fn) as ElementType,
      elements: count,
      lanes,
    }),
  );
  const persistent = new Uint8Array(argumentAt(scalarFunctionNames.length, 0, count));
  scalarFunctionNames.forEach((fn, k) => {
    argumentTypes(fn).forEach((dtype, a) => {
      const values = dtype === "bool" ? flags : Float32Array;
      const array = new values(persistent.buffer, argumentAt(k, a, count), count);
      for (let i = 0; i < count; i++) array[i] = sample(fn, a, i);
    });
  });
  const results = await target.run({
    module: moduleOf(...launches),
    symbol: "nnc_predict",
    persistent,
    resultsBytes: resultAt(scalarFunctionNames.length, count),
  });
  return new Map(
    scalarFunctionNames.map((fn, k) => {
      const values = resultType(fn) === "bool" ? flags : Float32Array;
      return [fn, new values(results, resultAt(k, count), count)] as const;
    }),
  );
}

/** Functions of integers give exact results modulo 2³², quotients towards minus infinity, and 0 where they divide by 0. */
export async function expectExactIntegers(target: ScalarTarget, lanes: number): Promise<void> {
  const names = scalarFunctionNames.filter((fn) => {
    const types = Array<DType>(scalarFunctions[fn].arity).fill("i32");
    return scalarFunctions[fn].resultType(types) === "i32" && fn !== "power";
  });
  const numbers = [0, 1, -1, 2, -2, 3, 7, -7, 2147483647, -2147483648, 65536, -65537, 5, -5, 10, 4];
  const pairs = numbers.flatMap((a) => numbers.map((b) => [a, b] as const));
  const elements = pairs.length;
  const persistent = new Uint8Array(argumentAt(names.length, 0, elements));
  names.forEach((_, k) => {
    for (const a of [0, 1, 2]) {
      const at = new Int32Array(persistent.buffer, argumentAt(k, a, elements), elements);
      at.set(pairs.map((pair) => pair[a % 2]!));
    }
  });
  const launches = names.map((fn, k) =>
    launchOf(target, fn, k, {
      types: Array<ElementType>(scalarFunctions[fn].arity).fill("i32"),
      result: "i32",
      elements,
      lanes,
    }),
  );
  const results = await target.run({
    module: moduleOf(...launches),
    symbol: "nnc_predict",
    persistent,
    resultsBytes: resultAt(names.length, elements),
  });
  names.forEach((fn, k) => {
    const values = new Int32Array(results, resultAt(k, elements), elements);
    pairs.forEach(([a, b], p) => {
      const exact = scalarFunctions[fn].evaluateInteger(a, b, a);
      const wanted = Number.isFinite(exact) ? exact | 0 : 0;
      expect(values[p], `${fn}(${a}, ${b}, ${a})`).toBe(wanted);
    });
  });
}
