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
  LibraryParts,
  partsOf,
  wholeText,
} from "../../compiler/targets/cpu/c-source.ts";
import { KernelPrinter } from "../../compiler/targets/cpu/print-kernel.ts";
import { LibraryPrinter, printLibrary } from "../../compiler/targets/cpu/print-module.ts";
import { compileLibrary } from "../../compiler/targets/cpu/toolchain.ts";
import { loadNativeAddon, type NativeLibrary } from "../../runtime/devices/cpu/native-addon.ts";
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
  expect(partsOf(source, partWork)).toEqual(texts);
  const { path } = await compileLibrary(source, { ...cpu, cacheDirectory: testCache, partWork });
  const library = new (loadNativeAddon().Library)(path);
  return runGraphs(library, library);
}

/** The persistent arena after a step of each graph, of a library each. */
async function runGraphs(...[train, predict]: NativeLibrary[]): Promise<Float32Array> {
  const session = new (loadNativeAddon().Session)(train!, {
    persistentBytes: 256,
    temporariesBytes: 0,
    resultsBytes: 64,
    threads: 1,
    columns: 0,
  });
  const runGraph = (symbol: string): Promise<void> =>
    session.run({
      symbol,
      rows: Int32Array.of(0, 1, 2),
      batchSize: 3,
      scalars: new Float32Array(0),
      scalarsPerStep: 0,
      seed: 0,
      firstBatch: 0,
    });
  try {
    const values = new Float32Array(session.persistent);
    values.set([3], 0);
    values.set([5], 16);
    values.set([7], 32);
    await runGraph("nnc_train");
    session.useLibrary(predict!, { temporariesBytes: 0, resultsBytes: 64 });
    await runGraph("nnc_predict");
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
  expect(partsOf(source, 1000)).toEqual([whole]);
  const parts = partsOf(source, 1);
  const driver = [
    ...["find_arguments", "nnc_train_3_by_rows"],
    ...["begin_step", "call_kernel", "launch", "take_launch", "launch_together"],
    ...["take_slot", "give_slot", "take_rows", "prepare_rows"],
    ...["nnc_abi", "nnc_train", "nnc_predict"],
  ];
  expect(parts.map(definedIn)).toEqual([["run_sum"], ["run_product"], ["run_other"], driver]);

  const values = await run([whole], 1000);
  expect([values[16], values[32], values[48]]).toEqual([5 + 3 * 5, 7 * 3 * 3, 3]);
  // At the other place of the same kernel.
  expect(values[56]).toBe(3);
  expect(await run(parts, 1)).toEqual(values);
});

test("what launches kernels is compiled without optimization, unless loops of a step repeat it", () => {
  const optimized = (source: KernelModule): readonly string[] => {
    const library = printLibrary(source, new KernelPrinter([]), { source: "test.nn" });
    const [before, after] = partsOf(library, 1).at(-1)!.split('#pragma GCC optimize ("O0")');
    expect(definedIn(after!)).toEqual(expect.arrayContaining(["launch", "nnc_train"]));
    return definedIn(before!);
  };
  expect(optimized(module)).toEqual(["find_arguments", "nnc_train_3_by_rows"]);

  const [train, predict] = module.functions;
  const loops = train!.loops.map((loop) => ({ ...loop, count: 1 }));
  const once = { ...module, functions: [{ ...train!, loops }, predict!] };
  expect(optimized(once)).toEqual(["find_arguments"]);
});

test("kernels that are too little for a part of their own are beside what calls them", () => {
  const source = printed([]);
  const [stage] = source.stages;
  const { work } = stage!.functions.find(({ kind }) => kind === "kernel")!;
  const functions = stage!.functions.map((fn) =>
    fn.kind === "kernel" && fn.kernels[0] === "other" ? { ...fn, work: work / 4 } : fn,
  );
  const stages = [{ ...stage!, functions }];
  const [first, last, ...more] = partsOf({ ...source, stages }, 2 * work);
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
  const parts = partsOf(source, 1);
  expect(parts.map((part) => part.match(/^.*threefold\(float x\).*$/gm))).toEqual([
    [`${hidden}__attribute__((noinline)) float threefold(float x) {`],
    [`${hidden}__attribute__((noinline)) float threefold(float x);`],
    null,
  ]);
  await compileLibrary(source, { ...cpu, cacheDirectory: testCache, partWork: 1 });
});

test("the parts that are taken while a model is compiled are those that it has in the end", () => {
  const taken: [string, number][] = [];
  const work = 300;
  const entry = new URL("../../dsl-examples/digits.nn", import.meta.url).pathname;
  const { program } = compileModel(
    { entry, target: "cpu", parts: { work, take: (...part) => taken.push(part) } },
    { out: { write: () => {} }, errors: { write: () => {} }, color: false },
  );
  invariant(program.code.target === "cpu", "it is for the CPU");
  const { c } = program.code;
  const texts = partsOf(c, work);
  const ofTraining = taken.filter(([, stage]) => stage === 0).length;
  expect(ofTraining).toBeGreaterThan(1);
  expect(taken).toEqual(texts.map((text, i) => [text, i < ofTraining ? 0 : 1]));
  expect(partsOf({ ...c, parts: undefined }, work)).toEqual(texts);
  expect(partsOf(c, 2 * work)).not.toEqual(texts);
  // No kernel is in two of them, and none is missing.
  const kernels = texts.flatMap(definedIn).filter((name) => name.startsWith("run_"));
  const wanted = c.stages.flatMap(({ functions }) =>
    functions.filter((fn) => fn.kind === "kernel"),
  );
  expect(kernels.sort()).toEqual(wanted.map((fn) => `run_${fn.kernels[0]}`).sort());
});

test("what training begins with is the first stage", () => {
  const entry = new URL("../../dsl-examples/housing.nn", import.meta.url).pathname;
  const streams = { out: { write: () => {} }, errors: { write: () => {} }, color: false };
  const { program } = compileModel({ entry, target: "cpu" }, streams);
  invariant(program.code.target === "cpu", "it is for the CPU");
  const graphs = program.code.c.stages.map(({ functions }) =>
    definedIn(functions.map((fn) => fn.lines.join("\n")).join("\n")).filter(
      (name) => program.plan.graphs[name.replace(/^nnc_/, "")],
    ),
  );
  expect(graphs).toMatchInlineSnapshot(`
    [
      [
        "nnc_train",
        "nnc_statistic_0",
        "nnc_statistic_1",
      ],
      [
        "nnc_evaluate",
        "nnc_predict",
      ],
    ]
  `);
});

test("the parts up to the end of a stage make a library of its graphs", async () => {
  const graphs = module.functions;
  const library = new LibraryPrinter(new KernelPrinter(cpu.features), { source: "test.nn" });
  const begun = library.print({ ...module, functions: graphs.slice(0, 1) });
  const source = library.print(module);
  const texts = partsOf(source, 1);
  expect(texts).toHaveLength(5);
  expect(partsOf(begun, 1)).toEqual(texts.slice(0, 4));
  expect(definedIn(texts[3]!)).toContain("nnc_train");
  expect(definedIn(texts[4]!)).toContain("nnc_predict");
  expect(definedIn(texts[4]!)).not.toContain("take_rows");

  const options = { ...cpu, cacheDirectory: testCache, partWork: 1 };
  const addon = loadNativeAddon();
  const first = new addon.Library((await compileLibrary(begun, options)).path);
  expect([first.has("nnc_train"), first.has("nnc_predict")]).toEqual([true, false]);
  const whole = await compileLibrary(source, options);
  const inTurn = await runGraphs(first, new addon.Library(whole.path));
  const asOne = await compileLibrary(wholeText(source), { ...cpu, cacheDirectory: testCache });
  const asFile = new addon.Library(asOne.path);
  expect(inTurn).toEqual(await runGraphs(asFile, asFile));
});

test("kernels of a stage that have no part of their own can be called by the next", async () => {
  const library = new LibraryPrinter(new KernelPrinter(cpu.features), { source: "test.nn" });
  const [train, predict] = module.functions;
  // The last kernel of the first stage is too little for a part.
  const { work } = new KernelPrinter([]).print(sum.kernel).fn;
  const last = {
    ...predict!,
    graph: "other",
    symbol: "nnc_other",
    launches: train!.launches,
    loops: [],
  };
  library.print({ ...module, functions: [train!] });
  const source = library.print({ ...module, functions: [train!, last] });
  const [stage, ...more] = source.stages;
  const functions = stage!.functions.map((fn) =>
    fn.kind === "kernel" && fn.kernels[0] === "other" ? { ...fn, work: work / 4 } : fn,
  );
  const stages = [{ ...stage!, functions }, ...more];
  const texts = partsOf({ ...source, stages }, 2 * work);
  expect(texts).toHaveLength(3);
  expect(definedIn(texts[1]!)).toContain("run_other");
  expect(definedIn(texts[2]!)).not.toContain("run_other");
  const options = { ...cpu, cacheDirectory: testCache, partWork: 2 * work };
  await compileLibrary({ ...source, stages }, options);
});

test("a part is complete as soon as its kernels are there, with what they are written with alone", () => {
  const printer = new KernelPrinter([]);
  const kernels = [sum, product].map((launch) => printer.print(launch.kernel).fn);
  const parts = new LibraryParts((uses) => printer.definitions(uses), 2 * kernels[0]!.work);
  expect(parts.addKernel(kernels[0]!)).toBeUndefined();
  expect(parts.addKernel(kernels[1]!)).toMatchInlineSnapshot(`
    "#include <stddef.h>
    #include <stdint.h>

    typedef struct {
      int32_t n;       /* rows of the batch, or those that a task takes through a loop as if they were it */
      int32_t whole;   /* rows of the batch */
      uint32_t seed;
      uint32_t batch;
    } nnc_batch;


    /* sum: what is tested
       From test.nn:1.
       1 flops, 2 bytes. */
    __attribute__((visibility("hidden"))) void run_sum(
        const nnc_batch *step,
        int32_t task,
        const float *restrict x,
        float *restrict y) {
      (void)step;
      (void)task;
      y[0] = y[0] + x[0];
    }

    /* product: what is tested
       From test.nn:1.
       1 flops, 2 bytes. */
    __attribute__((visibility("hidden"))) void run_product(
        const nnc_batch *step,
        int32_t task,
        const float *restrict x,
        float *restrict y) {
      (void)step;
      (void)task;
      y[0] = y[0] * x[0];
    }
    "
  `);
});

test("launches are kernels with the places of their arguments, which are found once before loops", () => {
  const text = wholeText(printed([]));
  expect(text.slice(text.indexOf("static void nnc_train_3_by_rows"))).toMatchInlineSnapshot(`
    "static void nnc_train_3_by_rows(nnc_running_step *running) {
      static const nnc_place places_3[] = {{persistent, 0}, {persistent, 64}};
      void *at_3[2];
      find_arguments(running, places_3, 2, at_3);
      static const nnc_place places_4[] = {{persistent, 0}, {persistent, 192}};
      void *at_4[2];
      find_arguments(running, places_4, 2, at_4);
      for (running->at[0] = 0; running->at[0] < 3; running->at[0]++) {
        run_sum(&running->batch, 0, at_3[0], at_3[1]);
        run_other(&running->batch, 0, at_4[0], at_4[1]);
      }
    }

    void nnc_train(const nnc_step *step) {
      const int32_t n = step->n;
      nnc_running_step running[1];
      begin_step(running, step, 0);
      uint64_t taken = 0;
      running->taken = &taken;
      static const nnc_place places_1[] = {{persistent, 0}, {persistent, 64}};
      static const nnc_place places_2[] = {{persistent, 0}, {persistent, 128}};
      launch_together(running, (const nnc_launch[]){{run_sum, places_1, 2, 1}, {run_product, places_2, 2, 1}}, 2);
      prepare_rows(running, nnc_train_3_by_rows, 8, 4);
      step->parallel(&running->step, take_rows, (n + 7) / 8);
    }

    void nnc_predict(const nnc_step *step) {
      nnc_running_step running[1];
      begin_step(running, step, 0);
      static const nnc_place places_1[] = {{persistent, 0}, {persistent, 64}};
      static const nnc_place places_2[] = {{persistent, 0}, {persistent, 128}};
      static const nnc_place places_3[] = {{persistent, 0}, {persistent, 224}};
      launch_together(running, (const nnc_launch[]){{run_sum, places_1, 2, 1}, {run_product, places_2, 2, 1}, {run_sum, places_3, 2, 1}}, 3);
      static const nnc_place places_4[] = {{persistent, 0}, {results, 0}};
      launch(running, run_sum, places_4, 2, 1);
    }
    "
  `);
});
