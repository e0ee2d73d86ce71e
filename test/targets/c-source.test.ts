/** Generated C in parts: the same library as in one file, whatever calls what. */

import { expect, test } from "vitest";
import { compileModel } from "../../compiler/cli/compile-model.ts";
import { invariant } from "../../compiler/diagnostics/diagnostic.ts";
import { valueFunction } from "../../compiler/kernel/block-builder.ts";
import {
  add,
  constant,
  f32,
  invoke,
  load,
  multiply,
  place,
  store,
} from "../../compiler/kernel/build.ts";
import type { Expression } from "../../compiler/kernel/ir.ts";
import type { Arena, KernelModule, Launch, Placement } from "../../compiler/kernel/module.ts";
import { verifyModule } from "../../compiler/kernel/verify.ts";
import {
  type CSource,
  hidden,
  KernelParts,
  partTexts,
  wholeText,
} from "../../compiler/targets/cpu/c-source.ts";
import { KernelPrinter } from "../../compiler/targets/cpu/print-kernel.ts";
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

function printed(features: readonly string[]): CSource {
  return printLibrary(module, new KernelPrinter(features), { source: "test.nn" });
}

async function run(texts: readonly string[], partWork: number): Promise<Float32Array> {
  const source = printed(cpu.features);
  expect(partTexts(source, partWork)).toEqual(texts);
  const { path } = await compileLibrary(source, { ...cpu, cacheDirectory: testCache, partWork });
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

/** Functions that a part defines, by their names. */
function definedIn(part: string): readonly string[] {
  return (
    part.match(/(?<=^(?:__attribute__\S+ |static )?(?:void|int32_t) )\w+(?=\([^;]*\{)/gm) ?? []
  );
}

test("parts make the library that one file makes", async () => {
  verifyModule(module);
  const source = printed(cpu.features);
  const whole = wholeText(source);
  expect(partTexts(source, 1000)).toEqual([whole]);
  const parts = partTexts(source, 1);
  const driver = [
    ...["take_part", "take_slot", "give_slot"],
    ...["launch_sum", "launch_product", "launch_other", "nnc_train_3_by_rows", "launch_sum_2"],
    ...["nnc_abi", "nnc_train", "nnc_predict"],
  ];
  expect(parts.map(definedIn)).toEqual([["run_sum"], ["run_product"], ["run_other"], driver]);

  const values = await run([whole], 1000);
  expect([values[16], values[32], values[48]]).toEqual([5 + 3 * 5, 7 * 3 * 3, 3]);
  // At the other place of the same kernel.
  expect(values[56]).toBe(3);
  expect(await run(parts, 1)).toEqual(values);
});

test("kernels that are too little for a part of their own are beside what calls them", () => {
  const source = printed([]);
  const { work } = source.functions.find(({ kind }) => kind === "kernel")!;
  const functions = source.functions.map((fn) =>
    fn.kind === "kernel" && fn.kernel === "other" ? { ...fn, work: work / 4 } : fn,
  );
  const [first, last, ...more] = partTexts({ ...source, functions }, 2 * work);
  expect(definedIn(first!)).toEqual(["run_sum", "run_product"]);
  expect(definedIn(last!)).toContain("run_other");
  expect(more).toEqual([]);
});

test("a function that kernels of several parts call is defined by the first of them", async () => {
  const inlined = valueFunction("threefold", "", [["x", f32]], (_, x) =>
    multiply(x, constant(3, "f32")),
  );
  const threefold = { ...inlined, inline: false };
  const launches = [
    kernel("first", (y, x) => add(y, invoke(threefold, x)), [0, 64]),
    kernel("second", (y, x) => multiply(y, invoke(threefold, x)), [0, 64]),
  ];
  const calling = { ...module, functions: [{ ...module.functions[1]!, launches }] };
  verifyModule(calling);
  const source = printLibrary(calling, new KernelPrinter(cpu.features), { source: "test.nn" });
  const parts = partTexts(source, 1);
  expect(parts.map((part) => part.match(/^.*threefold\(float x\).*$/gm))).toEqual([
    [`${hidden}__attribute__((noinline)) float threefold(float x) {`],
    [`${hidden}__attribute__((noinline)) float threefold(float x);`],
    null,
  ]);
  await compileLibrary(source, { ...cpu, cacheDirectory: testCache, partWork: 1 });
});

test("the parts that are taken while a model is compiled are those that it has in the end", () => {
  const taken: string[] = [];
  const work = 300;
  const entry = new URL("../../dsl-examples/digits.nn", import.meta.url).pathname;
  const { program } = compileModel(
    { entry, target: "cpu", parts: { work, take: (text) => taken.push(text) } },
    { out: { write: () => {} }, errors: { write: () => {} }, color: false },
  );
  invariant(program.code.target === "cpu", "it is for the CPU");
  const texts = partTexts(program.code.c, work);
  expect(taken.length).toBeGreaterThan(1);
  expect(texts.slice(0, taken.length)).toEqual(taken);
  expect(partTexts({ ...program.code.c, parts: undefined }, work)).toEqual(texts);
  expect(partTexts(program.code.c, 2 * work)).not.toEqual(texts);
  // No kernel is in two of them, and none is missing.
  const kernels = texts.flatMap(definedIn).filter((name) => name.startsWith("run_"));
  const wanted = program.code.c.functions.filter(({ kind }) => kind === "kernel");
  expect(kernels.sort()).toEqual(wanted.map((fn) => `run_${fn.kernel}`).sort());
});

test("a part is complete as soon as its kernels are there, with what they are written with alone", () => {
  const printer = new KernelPrinter([]);
  const kernels = [sum, product].map((launch) => printer.print(launch.kernel).fn);
  const parts = new KernelParts((uses) => printer.definitions(uses), 2 * kernels[0]!.work);
  expect(parts.add(kernels[0]!)).toBeUndefined();
  expect(parts.add(kernels[1]!)).toMatchInlineSnapshot(`
    "#include <stddef.h>
    #include <stdint.h>


    /* sum: what is tested
       From test.nn:1.
       1 flops, 2 bytes. */
    __attribute__((visibility("hidden"))) void run_sum(int32_t task, const float *restrict x, float *restrict y) {
      (void)task;
      y[0] = y[0] + x[0];
    }

    /* product: what is tested
       From test.nn:1.
       1 flops, 2 bytes. */
    __attribute__((visibility("hidden"))) void run_product(int32_t task, const float *restrict x, float *restrict y) {
      (void)task;
      y[0] = y[0] * x[0];
    }
    "
  `);
  expect(parts.open).toEqual([]);
});

test("launches of a kernel whose places differ in numbers alone share a task", () => {
  const text = wholeText(printed([]));
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
