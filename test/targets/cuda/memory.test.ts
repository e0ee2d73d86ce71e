/** How kernels of CUDA reach memory, and what they compute with, run on the emulation with all accesses checked. */

import { describe, expect, test } from "vitest";
import { hash32, uniformAt } from "../../../compiler/graph/threefry.ts";
import {
  add,
  bitcast,
  constant,
  convert,
  f32,
  floorQuotient,
  floorRemainder,
  i32,
  less,
  load,
  multiply,
  operation,
  place,
  random,
  reduceLanes,
  store,
  symbol,
  u32,
  variable,
  vectorOf,
} from "../../../compiler/kernel/build.ts";
import { awaitCopies, commitCopies, copyAsync } from "../../../compiler/kernel/intrinsics.ts";
import type { ElementType, Expression, Place, Statement } from "../../../compiler/kernel/ir.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import type { ThreadOrder } from "../../cuda/launches.ts";
import {
  type Bound,
  column,
  input,
  launch,
  moduleOf,
  output,
  scalar,
  updated,
} from "../kernels.ts";
import { type KernelRun, runKernels } from "./run-kernels.ts";

const task = symbol("task");
const thread = symbol("thread");
const n = symbol("n");
const single = (dtype: ElementType) => vectorOf(dtype, 1);

/** Runs one kernel of a task a row. */
async function run(
  parameters: readonly Bound[],
  body: readonly Statement[],
  rest: Partial<KernelRun> & { readonly tasks?: Expression; readonly threads?: number },
) {
  const { tasks = n, threads = 1, ...others } = rest;
  const module = moduleOf(launch(parameters, body, { tasks, threads }));
  return runKernels({
    module,
    symbol: "nnc_predict",
    resultsBytes: 4096,
    sanitized: true,
    ...others,
  });
}

describe.runIf(hasEmulation)(`kernels on emulated CUDA ${needsEmulation}`, () => {
  test("columns of all types are read through row numbers, and scalars from the step", async () => {
    const pixels = Uint8Array.from({ length: 15 }, (_, i) => 17 * i);
    // Data may have any byte that is not 0 for true.
    const flags = Uint8Array.of(0, 1, 1, 0, 200);
    const numbers = Float32Array.of(0.5, -1, 2, 3, 4, 5, 6, 7, 8, 9);
    const labels = Int32Array.of(7, -7, 70, -70, 700);
    const rows = [4, 0, 3];
    const at = multiply(task, constant(5));
    const put = (k: number, value: Expression) => store(place("y", add(at, constant(k))), value);
    const { results } = await run(
      [
        column("pixels", "u8", 3, 0),
        column("flags", "bool", 1, 1),
        column("numbers", "f32", 2, 2),
        column("labels", "i32", 1, 3),
        scalar("rate", 1),
        output("y", "f32", 20),
      ],
      [
        put(0, convert(load(place("pixels", constant(2), task), single("u8")), "f32")),
        put(1, convert(load(place("flags", constant(0), task), single("bool")), "f32")),
        put(2, load(place("numbers", constant(1), task), f32)),
        put(3, convert(load(place("labels", constant(0), task), i32), "f32")),
        put(4, variable("rate", f32)),
      ],
      { columns: [pixels, flags, numbers, labels], rows, scalars: [9, 0.25] },
    );
    const expected = rows.flatMap((r) => [
      pixels[3 * r + 2]!,
      flags[r]! === 0 ? 0 : 1,
      numbers[2 * r + 1]!,
      labels[r]!,
      0.25,
    ]);
    expect([...new Float32Array(results, 0, 15)]).toEqual(expected);
  });

  test("vectors, gathers, masks and partial accesses", async () => {
    const x = Float32Array.from({ length: 16 }, (_, i) => i + 1);
    const order = Int32Array.of(3, 0, 2, 1);
    const persistent = new Uint8Array(528);
    new Float32Array(persistent.buffer, 0, 16).set(x);
    new Int32Array(persistent.buffer, 512, 4).set(order);
    const wide = vectorOf("f32", 4);
    const four = (k: number) => constant(4 * k);
    const indices = load(place("order", constant(0)), vectorOf("i32", 4));
    const gathered = load(place("x", indices), wide);
    const isEven = operation(
      "equal",
      operation("and", indices, constant(1, "i32", 4)),
      constant(0, "i32", 4),
    );
    const { results } = await run(
      [
        input("x", "f32", 16, 0),
        input("order", "i32", 4, 512),
        output("y", "f32", 26),
        output("z", "f32", 4, 512),
      ],
      [
        store(place("y", four(0)), load(place("x", four(1)), wide, { active: 3 })),
        store(place("y", four(1)), gathered),
        store(place("y", four(2)), load(place("x", four(2)), wide, { mask: isEven })),
        store(place("y", four(3)), load(place("x", four(3)), wide), { active: 2 }),
        store(place("y", four(4)), load(place("x", four(3)), wide), { mask: isEven }),
        store(place("y", four(5)), load(place("x", four(3)), wide), { mask: less(n, constant(1)) }),
        store(place("z", constant(0)), load(place("x", four(0)), wide)),
        store(place("y", four(6)), reduceLanes("add", load(place("x", four(0)), wide))),
        store(place("y", constant(25)), reduceLanes("maximum", load(place("x", four(0)), wide))),
        // Nothing is touched beyond the end.
        store(place("y", constant(24)), load(place("x", constant(14)), wide, { active: 2 }), {
          mask: less(n, constant(1)),
        }),
      ],
      { persistent, rows: [0], resultsBytes: 528 },
    );
    const nothing = Number.NaN;
    expect([...new Float32Array(results, 0, 26)]).toEqual([
      ...[5, 6, 7, 0, 4, 1, 3, 2, 0, 10, 11, 0, 13, 14, nothing, nothing],
      ...[nothing, 14, 15, nothing, nothing, nothing, nothing, nothing, 10, 4],
    ]);
    expect([...new Float32Array(results, 512, 4)]).toEqual([1, 2, 3, 4]);
  });

  test("windows that are the same memory, and elements of their natural sizes", async () => {
    const persistent = new Uint8Array(512);
    new Float32Array(persistent.buffer, 0, 3).set([1, 2, 4]);
    new Float32Array(persistent.buffer, 256, 3).set([8, 16, 32]);
    const sum = ["a", "again", "b"]
      .map((name): Expression => load(place(name, task), f32))
      .reduce((a, b) => operation("add", a, b));
    const { results } = await run(
      [
        input("a", "f32", 3, 0),
        input("again", "f32", 3, 0),
        input("b", "f32", 3, 256),
        output("flag", "bool", 3),
        output("byte", "u8", 3, 256),
        output("half", "f16", 3, 512),
        output("short", "bf16", 3, 768),
      ],
      [
        store(place("flag", task), less(sum, constant(15, "f32"))),
        store(place("byte", task), convert(sum, "u8")),
        store(place("half", task), convert(sum, "f16")),
        store(place("short", task), convert(sum, "bf16")),
      ],
      { persistent, rows: [0, 0, 0] },
    );
    // 10, 20 and 40.
    expect([...new Uint8Array(results, 0, 3)]).toEqual([1, 0, 0]);
    expect([...new Uint8Array(results, 256, 3)]).toEqual([10, 20, 40]);
    expect([...new Uint16Array(results, 512, 3)]).toEqual([0x4900, 0x4d00, 0x5100]);
    expect([...new Uint16Array(results, 768, 3)]).toEqual([0x4120, 0x41a0, 0x4220]);
  });

  test("conversions saturate, wrap and test as kernels say", async () => {
    const { NaN: notANumber } = Number;
    const numbers = [
      ...[0, -0, 1.9, -1.9, 300, 2147483520, 2147483648, 1e20, -2147483648, -1e20],
      ...[Infinity, -Infinity, notANumber, 0.49],
    ];
    const integers = [0, 1, -1, 255, 256, -129, 2147483647, -2147483648];
    const persistent = new Uint8Array(1024);
    new Float32Array(persistent.buffer, 0, numbers.length).set(numbers);
    new Int32Array(persistent.buffer, 512, integers.length).set(integers);
    const x = load(place("x", task), f32);
    const k = load(place("k", task), i32);
    const isInteger = { mask: less(task, constant(integers.length)) };
    const { results } = await run(
      [
        input("x", "f32", 16, 0),
        input("k", "i32", 16, 512),
        output("i", "i32", 16),
        output("b", "i32", 16, 256),
        output("t", "bool", 16, 512),
        output("w", "u8", 16, 768),
        output("f", "f32", 16, 1024),
        output("q", "i32", 32, 1280),
      ],
      [
        store(place("i", task), convert(x, "i32")),
        store(place("b", task), convert(convert(x, "u8"), "i32")),
        store(place("t", task), convert(x, "bool")),
        store(place("w", task), convert(k, "u8"), isInteger),
        store(place("f", task), convert(k, "f32"), isInteger),
        store(place("q", task), floorQuotient(k, 7), isInteger),
        store(place("q", add(task, constant(16))), floorRemainder(k, 8), isInteger),
      ],
      { persistent, rows: numbers.map(() => 0) },
    );
    const saturated = (v: number, low: number, high: number) =>
      Number.isNaN(v) ? 0 : Math.trunc(Math.min(Math.max(v, low), high)) + 0;
    const words = (at: number, count: number) => [...new Int32Array(results, at, count)];
    const bytes = (at: number, count: number) => [...new Uint8Array(results, at, count)];
    expect(words(0, numbers.length)).toEqual(
      numbers.map((v) => saturated(v, -2147483648, 2147483647)),
    );
    expect(words(256, numbers.length)).toEqual(numbers.map((v) => saturated(v, 0, 255)));
    expect(bytes(512, numbers.length)).toEqual(numbers.map((v) => Number(v !== 0)));
    expect(bytes(768, integers.length)).toEqual(integers.map((v) => v & 255));
    expect([...new Float32Array(results, 1024, integers.length)]).toEqual(
      integers.map(Math.fround),
    );
    expect(words(1280, integers.length)).toEqual(integers.map((v) => Math.floor(v / 7)));
    expect(words(1280 + 64, integers.length)).toEqual(integers.map((v) => v & 7));
  });

  test("bits, and numbers at the ends of their range", async () => {
    const x = load(place("x", constant(0)), u32);
    const word = (value: number) => constant(value, "u32");
    const chosen = (value: number): Expression =>
      bitcast(
        operation(
          "select",
          operation("equal", x, word(0)),
          constant(1, "f32"),
          constant(value, "f32"),
        ),
        "u32",
      );
    const values: Expression[] = [
      operation("shiftLeft", x, word(31)),
      operation("shiftRight", x, word(4)),
      bitcast(operation("shiftRight", bitcast(x, "i32"), constant(4)), "u32"),
      operation("add", x, x),
      operation("multiply", x, x),
      operation("not", x),
      operation("xor", x, word(0xffffffff)),
      ...[Infinity, -Infinity, Number.NaN, -0, 2 ** -126, 2 ** -149, 3.4028234663852886e38].map(
        chosen,
      ),
    ];
    const persistent = new Uint8Array(16);
    new Uint32Array(persistent.buffer)[0] = 0x80000011;
    const { results } = await run(
      [input("x", "u32", 1, 0), output("y", "u32", 16)],
      values.map((value, i) => store(place("y", constant(i)), value)),
      { persistent, rows: [0] },
    );
    expect([...new Uint32Array(results, 0, values.length)]).toEqual([
      ...[0x80000000, 0x08000001, 0xf8000001, 0x22, 0x121, 0x7fffffee, 0x7fffffee],
      ...[0x7f800000, 0xff800000, 0x7fc00000, 0x80000000, 0x00800000, 1, 0x7f7fffff],
    ]);
  });

  test("random numbers are the bits that all targets draw", async () => {
    const [seed, batch, stream] = [0xdeadbeef, 12345, "Test/dropout"];
    const i = add(multiply(task, constant(16)), thread);
    const { results } = await run(
      [output("y", "f32", 256)],
      [store(place("y", i), random(stream, i))],
      { seed, batch, tasks: constant(16), threads: 16 },
    );
    const expected = Array.from({ length: 256 }, (_, k) =>
      uniformAt(seed, hash32(stream), batch, k),
    );
    expect([...new Float32Array(results, 0, 256)]).toEqual(expected);
  });

  test("blocks beyond the tasks of this batch do nothing", async () => {
    const body = [store(place("y", task), convert(task, "f32"))];
    const { results, variant } = await run([output("y", "f32", 8)], body, {
      rows: [0, 0, 0],
      batchMax: 8,
      resultsBytes: 32,
    });
    expect(variant.graphs.predict![0]!.blocks).toBe(8);
    const nothing = Number.NaN;
    expect([...new Float32Array(results)]).toEqual([0, 1, 2, ...Array(5).fill(nothing)]);
  });

  const orders: readonly ThreadOrder[] = ["forward", "reverse", "shuffled"];
  test.each(orders)(
    "threads share memory, with barriers and asynchronous copies: %s",
    async (order) => {
      const threads = 64;
      const x = Float32Array.from({ length: threads }, (_, k) => k);
      const at = (buffer: string, index: Expression) => ({
        kind: "address" as const,
        place: place(buffer, index) satisfies Place,
      });
      const always = less(thread, constant(threads));
      const total: Statement[] = [
        { kind: "buffer", name: "totals", scope: "shared", dtype: "f32", elements: threads },
        {
          kind: "invoke",
          function: copyAsync(4, "f32"),
          args: [at("totals", thread), at("x", thread), always],
        },
        { kind: "invoke", function: commitCopies, args: [] },
        { kind: "invoke", function: awaitCopies(0), args: [] },
      ];
      for (let distance = 1; distance < threads; distance *= 2) {
        const isFirst = operation(
          "equal",
          operation("and", thread, constant(2 * distance - 1)),
          constant(0),
        );
        const next = [thread, add(thread, constant(distance))].map((index) =>
          load(place("totals", index), f32, { mask: isFirst }),
        );
        total.push(
          { kind: "barrier" },
          store(place("totals", thread), operation("add", next[0]!, next[1]!), { mask: isFirst }),
        );
      }
      total.push(
        { kind: "barrier" },
        store(place("x", thread), load(place("totals", constant(0)), f32)),
      );
      const { persistent: after } = await run([updated("x", "f32", threads, 0)], total, {
        persistent: new Uint8Array(x.buffer.slice(0)),
        tasks: constant(1),
        threads,
        order,
      });
      expect([...new Float32Array(after)]).toEqual(
        Array(threads).fill((threads * (threads - 1)) / 2),
      );
    },
  );
});
