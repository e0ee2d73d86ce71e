/** What kernels look like as C: small ones, without the types and helpers that stand before them. */

import { expect, test } from "vitest";
import { BlockBuilder } from "../../compiler/kernel/block-builder.ts";
import {
  add,
  broadcast,
  call,
  ceilQuotient,
  constant,
  convert,
  f32,
  load,
  min,
  multiply,
  operation,
  place,
  ramp,
  select,
  store,
  subtract,
  symbol,
  variable,
  vectorOf,
  when,
} from "../../compiler/kernel/build.ts";
import { askFor, awaitCopies } from "../../compiler/kernel/intrinsics.ts";
import type { Expression, Kernel } from "../../compiler/kernel/ir.ts";
import type { KernelModule } from "../../compiler/kernel/module.ts";
import { verifyModule } from "../../compiler/kernel/verify.ts";
import { CLikePrinter } from "../../compiler/targets/c-like-printer.ts";
import { cDialect } from "../../compiler/targets/cpu/dialect.ts";
import { printC } from "../../compiler/targets/cpu/print-module.ts";
import { compileLibrary } from "../../compiler/targets/cpu/toolchain.ts";
import { column, input, launch, output, scalar, moduleOf as smallModule } from "./kernels.ts";
import { runKernels, testCache, thisCpu } from "./run-kernels.ts";

const task = symbol("task");
const n = symbol("n");

/** y = relu(image / 255 · rate), sixteen rows a task. */
function scaleKernel(name: string): Kernel {
  const b = new BlockBuilder();
  const first = b.let("first_row", multiply(task, constant(16)));
  const end = b.let("row_end", min(add(first, constant(16)), n));
  b.loop("row", first, end, (row) => {
    const pixels = load(place("image", constant(0), row), vectorOf("u8", 16), { active: 12 });
    const scaled = b.let("scaled", multiply(convert(pixels, "f32"), variable("rate", f32)));
    const relu = call("maximum", scaled, constant(0, "f32", 16));
    b.emit(store(place("y", multiply(row, constant(12))), relu, { active: 12 }));
    b.emit(
      when(operation("equal", row, subtract(n, constant(1))), [
        store(place("last", constant(0)), convert(row, "f32")),
      ]),
    );
  });
  return {
    name,
    comment: {
      lines: ["image / 255", "relu */"],
      sources: ["digits.nn:5:3"],
      flops: 24,
      bytes: 60,
    },
    parameters: [
      { kind: "column", name: "image", dtype: "u8", rowElements: 12 },
      { kind: "scalar", name: "rate" },
      { kind: "window", name: "y", dtype: "f32", access: "write", elements: 1536 },
      { kind: "window", name: "last", dtype: "f32", access: "read_write", elements: 1 },
    ],
    tasks: ceilQuotient(n, 16),
    threads: 1,
    body: b.statements,
  };
}

function moduleOf(name: string): KernelModule {
  return {
    model: "Digits",
    functions: [
      {
        graph: "predict",
        symbol: "nnc_predict",
        loops: [],
        launches: [
          {
            kernel: scaleKernel(name),
            isParallel: true,
            withPrevious: false,
            placements: [
              { kind: "column", slot: 0 },
              { kind: "scalar", slot: 1 },
              { kind: "arena", arena: "results", offset: 64 },
              { kind: "arena", arena: "persistent", offset: 128 },
            ],
          },
        ],
      },
    ],
  };
}

test("a kernel, its task and its graph", () => {
  const module = moduleOf("scale");
  verifyModule(module);
  const text = printC(module, { features: [], source: "digits.nn" });
  expect(text.slice(text.indexOf("int32_t nnc_abi(void) {"))).toMatchInlineSnapshot(`
    "int32_t nnc_abi(void) { return NNC_ABI; }

    /* scale: image / 255
          relu * /
       From digits.nn:5:3.
       24 flops, 60 bytes. */
    static void run_scale(
        const nnc_batch *step,
        int32_t task,
        const int32_t *restrict rows,
        const uint8_t *restrict image,
        const float *restrict rate_,
        float *restrict y,
        float *restrict last) {
      enum { image_row = 12 };
      const int32_t n = step->n;
      const float rate = *rate_;
      const int32_t first_row = task * 16;
      const int32_t row_end = min_i32(first_row + 16, n);
      for (int32_t row = first_row; row < row_end; row++) {
        const f32x16 scaled = __builtin_convertvector(widen_i32x16(load_first_u8x16(image + (size_t)rows[row] * image_row, 12)), f32x16) * rate;
        store_first_f32x16(y + row * 12, max_f32x16(splat_f32x16(0.0f), scaled), 12);
        if (row == n - 1) {
          last[0] = (float)row;
        }
      }
    }

    void nnc_predict(const nnc_step *step) {
      const int32_t n = step->n;
      nnc_running_step running[1];
      begin_step(running, step, 1);
      static const nnc_place places_1[] = {{rows, 0, 4}, {columns + 0}, {scalars, 4}, {results, 64}, {persistent, 128}};
      launch_together(running, (const nnc_launch[]){{run_scale, places_1, 5, (n + 15) / 16}}, 1);
    }
    "
  `);
});

test("clocks are read after each launch, those in loops and those that would run together too", () => {
  const [fn] = moduleOf("scale").functions;
  const [launch] = fn!.launches;
  const launches = [launch!, { ...launch!, withPrevious: true }, launch!];
  const loops = [{ first: 2, end: 3, count: 5 }];
  const module = { model: "Digits", functions: [{ ...fn!, launches, loops }] };
  const text = printC(module, {
    features: [],
    source: "digits.nn",
    clocks: { clock: "world", offset: 192 },
  });
  expect(text.slice(text.indexOf("void nnc_predict(const"))).toMatchInlineSnapshot(`
    "void nnc_predict(const nnc_step *step) {
      const int32_t n = step->n;
      nnc_running_step running[1];
      begin_step(running, step, 1);
      int64_t spent[3] = {0};
      time_reading();
      int64_t since = 0, before = 0;
      charge(&before, &since);
      static const nnc_place places_1[] = {{rows, 0, 4}, {columns + 0}, {scalars, 4}, {results, 64}, {persistent, 128}};
      launch_together(running, (const nnc_launch[]){{run_scale, places_1, 5, (n + 15) / 16}}, 1);
      charge(&spent[0], &since);
      static const nnc_place places_2[] = {{rows, 0, 4}, {columns + 0}, {scalars, 4}, {results, 64}, {persistent, 128}};
      launch_together(running, (const nnc_launch[]){{run_scale, places_2, 5, (n + 15) / 16}}, 1);
      charge(&spent[1], &since);
      for (running->at[0] = 0; running->at[0] < 5; running->at[0]++) {
        static const nnc_place places_3[] = {{rows, 0, 4}, {columns + 0}, {scalars, 4}, {results, 64}, {persistent, 128}};
        launch_together(running, (const nnc_launch[]){{run_scale, places_3, 5, (n + 15) / 16}}, 1);
        charge(&spent[2], &since);
      }
      float *nanoseconds = (float *)(step->results + 192);
      for (int32_t i = 0; i < 3; i++) nanoseconds[i] = spent[i] > 0 ? (float)spent[i] : 0.0f;
    }
    "
  `);
});

test("kernels get columns, numbers of the step and of iterations through pointers", async () => {
  const t = variable("t");
  const x = load(place("x", constant(0), subtract(n, constant(1))), f32);
  const sum = add(multiply(x, variable("rate", f32)), convert(add(t, n), "f32"));
  const taking = launch(
    [
      column("x", "f32", 1, 1),
      scalar("rate", 2),
      output("y", "f32", 3),
      [
        { kind: "step", name: "t" },
        { kind: "step", depth: 0 },
      ],
    ],
    [store(place("y", t), sum)],
  );
  const loops = [{ first: 0, end: 1, count: 3 }];
  const fn = { graph: "predict", symbol: "nnc_predict", launches: [taking], loops };
  const module = { model: "Test", functions: [fn] };
  verifyModule(module);
  const { results, source } = await runKernels({
    module,
    symbol: fn.symbol,
    columns: [new Float32Array(1), Float32Array.of(1, 10, 100)],
    rows: [2, 1],
    scalars: [3, 4, 5],
    resultsBytes: 12,
  });
  expect([...new Float32Array(results)]).toEqual([52, 53, 54]);
  const start = source.indexOf("static void run_test(");
  expect(source.slice(start)).toMatchInlineSnapshot(`
    "static void run_test(
        const nnc_batch *step,
        int32_t task,
        const int32_t *restrict rows,
        const float *restrict x,
        const float *restrict rate_,
        float *restrict y,
        const int32_t *restrict t_) {
      enum { x_row = 1 };
      (void)task;
      const int32_t n = step->n;
      const float rate = *rate_;
      const int32_t t = *t_;
      y[t] = x[(size_t)rows[n - 1] * x_row] * rate + (float)(t + n);
    }

    void nnc_predict(const nnc_step *step) {
      nnc_running_step running[1];
      begin_step(running, step, 2);
      static const nnc_place places_1[] = {{rows, 0, 4}, {columns + 1}, {scalars, 8}, {results, 0}, {iterations, 0}};
      void *at_1[5];
      find_arguments(running, places_1, 5, at_1);
      for (running->at[0] = 0; running->at[0] < 3; running->at[0]++) {
        run_test(&running->batch, 0, at_1[0], at_1[1], at_1[2], at_1[3], at_1[4]);
      }
    }
    "
  `);
});

/** The text of a launch whose kernel reads x and writes y. */
function textOf(body: Kernel["body"]): string {
  const parameters = [input("x", "f32", 64, 0), output("y", "f32", 64)];
  return printC(smallModule(launch(parameters, body)), { features: [], source: "test.nn" });
}

test("memory that is asked for is brought near by the compiler's own function", () => {
  const twice = textOf([askFor("x", task), askFor("x", add(task, constant(16)))]);
  expect(twice.match(/.*prefetch.*/g)).toEqual([
    "static inline void prefetch_f32(const float *p) { __builtin_prefetch(p); }",
    "  prefetch_f32(x + task);",
    "  prefetch_f32(x + task + 16);",
  ]);
  expect(textOf([askFor("x", task, null, "second")]).match(/.*prefetch.*/g)).toEqual([
    "static inline void prefetch_second_f32(const float *p) { __builtin_prefetch(p, 0, 2); }",
    "  prefetch_second_f32(x + task);",
  ]);
  expect(textOf([])).not.toContain("prefetch");
  const copies = { kind: "invoke", function: awaitCopies(0), args: [] } as const;
  expect(() => textOf([copies])).toThrow("the CPU has no await_copies_0");
});

test("a literal offset from a computed index is one of the address", () => {
  const single = (index: Expression) => load(place("x", index), f32);
  const copied = (index: Expression) =>
    textOf([store(place("y", index), single(index))])
      .match(/ {2}(y\[|\(y).*/)![0]
      .trim();
  expect(copied(add(multiply(task, constant(8)), constant(3)))).toBe(
    "(y + task * 8)[3] = (x + task * 8)[3];",
  );
  expect(copied(add(task, n))).toBe("y[task + n] = x[task + n];");
  expect(copied(subtract(task, constant(1)))).toBe("y[task - 1] = x[task - 1];");
  expect(copied(constant(5))).toBe("y[5] = x[5];");
  const row = load(place("image", add(task, constant(3)), task), { dtype: "u8", lanes: 1 });
  const printer = new CLikePrinter(cDialect(() => {}));
  expect(printer.expression(row)).toBe("image[(size_t)rows[task] * image_row + task + 3]");
});

test("lanes that are equally far apart are read without a vector of indexes", () => {
  const copied = (index: Expression) =>
    textOf([store(place("y", constant(0)), load(place("x", index), vectorOf("f32", 4)))]).match(
      /store_f32x4\(y, (.*)\);/,
    )![1];
  const column = add(multiply(task, constant(8)), multiply(ramp(4), constant(65)));
  expect(copied(column)).toBe("strided_f32x4(x + task * 8, 65)");
  expect(copied(subtract(constant(7, "i32", 4), ramp(4)))).toBe("strided_f32x4(x + 7, -1)");
  expect(copied(multiply(add(ramp(4), n), constant(3)))).toBe("strided_f32x4(x + n * 3, 3)");
  expect(copied(multiply(ramp(4), n))).toContain("gather_f32x4(x, ");
});

test("lanes that are few elements apart are picked from whole vectors, which end with the last", () => {
  const every = (step: number, mask: Expression | null = null) => {
    const index = multiply(ramp(8), constant(step));
    const loaded = load(place("x", index), vectorOf("f32", 8), { mask });
    return textOf([store(place("y", constant(0)), loaded)]);
  };
  expect(every(2)).toContain("store_f32x8(y, strided_2_f32x8(x))");
  expect(every(2)).toContain("__builtin_shufflevector(v0, v1, 0, 2, 4, 6, 9, 11, 13, 15)");
  expect(every(2)).toContain("(p + 7)");
  expect(every(3)).toContain("strided_f32x8(x, 3)");
  expect(every(2, operation("less", task, n))).toMatch(
    /task < n \? strided_2_f32x8\(x\) : splat_f32x8/,
  );
});

test.each([4, 8, 16])("choices by comparison are those of C, %i at a time", async (lanes) => {
  const numbers = [0, -0, 1, -1, Infinity, -Infinity, NaN, 2];
  const pairs = numbers.flatMap((x) => numbers.map((y) => [x, y] as const));
  const elements = pairs.length;
  const type = vectorOf("f32", lanes);
  const at = multiply(task, constant(lanes));
  const x = load(place("x", at), type);
  const y = load(place("y", at), type);
  const compared = {
    equal: (a: number, b: number) => a === b,
    notEqual: (a: number, b: number) => a !== b,
    less: (a: number, b: number) => a < b,
    lessEqual: (a: number, b: number) => a <= b,
    greater: (a: number, b: number) => a > b,
    greaterEqual: (a: number, b: number) => a >= b,
  };
  const names = Object.keys(compared) as (keyof typeof compared)[];
  // What is chosen: the operands as they stand, the other way round, and others.
  const choices = [
    [x, y],
    [y, x],
    [operation("negate", x), y],
  ] as const;
  const statements = names.flatMap((name, i) =>
    choices.map(([a, b], j) =>
      store(
        place("z", add(at, constant((3 * i + j) * elements))),
        operation("select", operation(name, x, y), a, b),
      ),
    ),
  );
  const persistent = new Float32Array(2 * elements);
  pairs.forEach((pair, i) => {
    for (const k of [0, 1]) persistent[k * elements + i] = pair[k]!;
  });
  const { results } = await runKernels({
    module: smallModule(
      launch(
        [
          input("x", "f32", elements, 0),
          input("y", "f32", elements, elements * 4),
          output("z", "f32", statements.length * elements),
        ],
        statements,
        { tasks: constant(elements / lanes) },
      ),
    ),
    symbol: "nnc_predict",
    persistent: new Uint8Array(persistent.buffer),
    resultsBytes: statements.length * elements * 4,
  });
  const found = new Float32Array(results);
  names.forEach((name, i) => {
    pairs.forEach(([a, b], p) => {
      const chosen = [
        [a, b],
        [b, a],
        [-a, b],
      ].map(([yes, no]) => (compared[name](a, b) ? yes : no));
      chosen.forEach((wanted, j) => {
        expect(found[(3 * i + j) * elements + p], `${name}(${a}, ${b}) ${j}`).toBe(wanted);
      });
    });
  });
});

test("a choice by one bool for all lanes is by that bool, others are by the mask", async () => {
  const lanes = 16;
  const type = vectorOf("f32", lanes);
  const x = load(place("x", constant(0)), type);
  const isFirst = operation("less", task, constant(1));
  const isEven = operation(
    "equal",
    operation("and", ramp(lanes), constant(1, "i32", lanes)),
    constant(0, "i32", lanes),
  );
  const chosen = [broadcast(isFirst, lanes), isEven].map((where, i) =>
    store(
      place("y", add(multiply(task, constant(2 * lanes)), constant(i * lanes))),
      operation("select", where, x, operation("negate", x)),
    ),
  );
  expect(textOf(chosen).match(/select\w*_f32x16\((task|\().*/g)).toEqual([
    "select_if_f32x16(task < 1, load_f32x16(x), -load_f32x16(x)));",
    expect.stringMatching(/^select_f32x16\(\(\(i32x16\)\{0, 1, .*\} & 1\) == 0, /),
  ]);
  const numbers = Float32Array.from({ length: lanes }, (_, i) => i + 1);
  const { results } = await runKernels({
    module: smallModule(
      launch([input("x", "f32", lanes, 0), output("y", "f32", 4 * lanes)], chosen, {
        tasks: constant(2),
      }),
    ),
    symbol: "nnc_predict",
    persistent: new Uint8Array(numbers.buffer),
    resultsBytes: 4 * lanes * 4,
  });
  const everySecond = numbers.map((value, i) => (i % 2 === 0 ? value : -value));
  const negated = numbers.map((value) => -value);
  expect([...new Float32Array(results)]).toEqual([
    ...numbers,
    ...everySecond,
    ...negated,
    ...everySecond,
  ]);
});

test("no name of a model meets a function of C", async () => {
  const cpu = thisCpu();
  for (const name of ["exp", "main", "memcpy", "load_f32x16"]) {
    const source = printC(moduleOf(name), { features: cpu.features, source: "digits.nn" });
    await compileLibrary(source, { ...cpu, cacheDirectory: testCache });
  }
});

test("parentheses stand where precedence asks for them", () => {
  const printer = new CLikePrinter(cDialect(() => {}));
  const print = (e: Expression) => printer.expression(e);
  const [a, b, c] = ["a", "b", "c"].map((name) => variable(name)) as [
    Expression,
    Expression,
    Expression,
  ];
  const x = variable("x", f32);
  expect(print(multiply(add(a, b), c))).toBe("(a + b) * c");
  expect(print(operation("subtract", a, operation("subtract", b, c)))).toBe("a - (b - c)");
  expect(print(operation("subtract", operation("subtract", a, b), c))).toBe("a - b - c");
  expect(print(operation("negate", constant(-1, "f32")))).toBe("- -1.0f");
  expect(print(operation("not", operation("less", a, b)))).toBe("!(a < b)");
  expect(print(select(operation("less", a, b), select(operation("equal", a, c), a, b), c))).toBe(
    "a < b ? (a == c ? a : b) : c",
  );
  expect(print(operation("shiftLeft", operation("and", a, b), c))).toBe("(a & b) << c");
  expect(print(constant(1e10, "f32"))).toBe("10000000000.0f");
  expect(print(constant(0.1, "f32"))).toBe("0.1f");
  expect(print(constant(2 ** -149, "f32"))).toBe("1.4013e-45f");
  expect(print(constant(-2147483648))).toBe("INT32_MIN");
  expect(print(multiply(x, constant(-0, "f32")))).toBe("x * -0.0f");
});
