/** How kernels of CUDA reach memory, and what they compute with, run on the emulation with all accesses checked. */

import { describe, expect, test } from "vitest";
import {
  add,
  constant,
  convert,
  f32,
  i32,
  less,
  load,
  multiply,
  operation,
  place,
  reduceLanes,
  store,
  symbol,
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
import { testValues } from "../value-cases.ts";
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

  testValues({ run, Bytes: Uint8Array, hasSubnormals: true });

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
