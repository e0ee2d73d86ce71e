/** Generated C in parts: the same library as in one file, whatever calls what. */

import { expect, test } from "vitest";
import { add, constant, f32, load, multiply, place, store } from "../../compiler/kernel/build.ts";
import type { Expression } from "../../compiler/kernel/ir.ts";
import type { Arena, KernelModule, Launch, Placement } from "../../compiler/kernel/module.ts";
import { verifyModule } from "../../compiler/kernel/verify.ts";
import { partTexts, wholeText } from "../../compiler/targets/cpu/c-source.ts";
import { printLibrary } from "../../compiler/targets/cpu/print-module.ts";
import { compileLibrary } from "../../compiler/targets/cpu/toolchain.ts";
import { loadNativeAddon } from "../../runtime/devices/cpu/native-addon.ts";
import { input, launch, updated } from "./kernels.ts";
import { testCache, thisCpu } from "./run-kernels.ts";

/** y[0] = f(y[0], x[0]), x and y in persistent memory. */
function kernel(
  name: string,
  f: (y: Expression, x: Expression) => Expression,
  [x, y]: readonly [number, number],
  withPrevious = false,
): Launch {
  const first = (buffer: string) => load(place(buffer, constant(0)), f32);
  const body = [store(place("y", constant(0)), f(first("y"), first("x")))];
  const parameters = [input("x", "f32", 1, x), updated("y", "f32", 1, y)];
  return launch(parameters, body, { name, withPrevious });
}

const [sum, product] = [
  kernel("sum", add, [0, 64]),
  kernel("product", multiply, [0, 128], true),
] as const;

/** The same kernel with y elsewhere: at another place, then in another arena. */
const moved = { ...sum, placements: [sum.placements[0]!, at("persistent", 224)] };
const result = { ...sum, placements: [sum.placements[0]!, at("results", 0)] };

function at(arena: Arena, offset: number): Placement {
  return { kind: "arena", arena, offset };
}

/** Kernels that graphs share, that run together, at other places too, and that tasks take through a loop. */
const module: KernelModule = {
  model: "Test",
  functions: [
    {
      graph: "train",
      symbol: "nnc_train",
      launches: [sum, product, sum, kernel("other", (y) => add(y, constant(1, "f32")), [0, 192])],
      loops: [{ first: 2, end: 4, count: 3, tasks: { rows: 8, slots: 4, isParallel: true } }],
    },
    {
      graph: "predict",
      symbol: "nnc_predict",
      launches: [sum, product, { ...moved, withPrevious: true }, result],
      loops: [],
    },
  ],
};

const cpu = thisCpu();

async function run(texts: readonly string[], jobs: number): Promise<Float32Array> {
  const source = printLibrary(module, { features: cpu.features, source: "test.nn" });
  expect(partTexts(source, jobs, 1)).toEqual(texts);
  const { path } = await compileLibrary(source, {
    ...cpu,
    cacheDirectory: testCache,
    jobs,
    shortestPart: 1,
  });
  const addon = loadNativeAddon();
  const session = new addon.Session(new addon.Library(path), {
    persistentBytes: 256,
    temporariesBytes: 0,
    resultsBytes: 64,
    threads: 1,
    columns: 0,
  });
  try {
    const values = new Float32Array(session.persistent);
    values.set([3], 0);
    values.set([5], 16);
    values.set([7], 32);
    for (const symbol of ["nnc_train", "nnc_predict"]) {
      await session.run({
        symbol,
        rows: Int32Array.of(0, 1, 2),
        batchSize: 3,
        scalars: new Float32Array(0),
        scalarsPerStep: 0,
        seed: 0,
        firstBatch: 0,
      });
    }
    return values.slice();
  } finally {
    session.dispose();
  }
}

test("parts make the library that one file makes", async () => {
  verifyModule(module);
  const source = printLibrary(module, { features: cpu.features, source: "test.nn" });
  const whole = wholeText(source);
  expect(partTexts(source, 1, 1)).toEqual([whole]);
  expect(partTexts(source, 8)).toEqual([whole]);
  const parts = partTexts(source, 3, 1);
  expect(parts).toHaveLength(3);
  // Each kernel is in one of them, beside its tasks.
  const kernels = parts.map((part) => part.match(/(?<=static void run_)\w+/g) ?? []);
  expect(kernels.flat().sort()).toEqual(["other", "product", "sum"]);

  const values = await run([whole], 1);
  expect([values[16], values[32], values[48]]).toEqual([5 + 3 * 5, 7 * 3 * 3, 3]);
  // At the other place of the same kernel.
  expect(values[56]).toBe(3);
  expect(await run(parts, 3)).toEqual(values);
});

test("launches of a kernel whose places differ in numbers alone share a task", () => {
  const text = wholeText(printLibrary(module, { features: [], source: "test.nn" }));
  expect(text.match(/(?<=static void )launch_\w+/g)).toEqual([
    "launch_sum",
    "launch_product",
    "launch_other",
    "launch_sum_2",
  ]);
  expect(text).toContain("(float *)(step->persistent + places[0])");
  expect(text).toContain("(float *)(step->results + 0)");
  expect(text).toContain("static const size_t places_1[] = {64};");
  expect(text).toContain("static const size_t places_3[] = {224};");
  expect(text).toContain("{launch_product, 0, 1}, {launch_sum, places_3, 1}}");
});
