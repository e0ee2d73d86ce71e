/** How kernels of WebGPU reach memory, and what they compute with, run on SwiftShader. */

import { afterAll, describe, expect, test } from "vitest";
import {
  add,
  and,
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
  vectorOf,
} from "../../../compiler/kernel/build.ts";
import type { Expression, Statement } from "../../../compiler/kernel/ir.ts";
import { missing, openDawn } from "../../dawn.ts";
import { type Bound, column, input, launch, moduleOf, output, updated } from "../kernels.ts";
import { testValues } from "../value-cases.ts";
import { type KernelRun, runKernels } from "./run-kernels.ts";

const opened = await openDawn();
if (opened === null) console.log(`[SKIP] kernels of WebGPU: ${missing}`);
afterAll(() => opened?.close());

const task = symbol("task");
const thread = symbol("thread");
const n = symbol("n");
const single = (dtype: "u8" | "bool") => vectorOf(dtype, 1);

/** Runs one kernel of a task a row. */
async function run(
  parameters: readonly Bound[],
  body: readonly Statement[],
  rest: Partial<KernelRun> & { readonly tasks?: Expression; readonly threads?: number },
) {
  const { tasks = n, threads = 1, ...others } = rest;
  const module = moduleOf(launch(parameters, body, { tasks, threads }));
  const given = { resultsBytes: 4096, ...others, opened: opened! };
  return (await runKernels({ module, symbol: "nnc_predict", ...given }))!;
}

describe.skipIf(opened === null)("on SwiftShader", () => {
  test("columns of all types are read through row numbers", async () => {
    const pixels = Uint8Array.from({ length: 15 }, (_, i) => 17 * i);
    const flags = Uint8Array.of(0, 1, 1, 0, 1);
    const numbers = Float32Array.of(0.5, -1, 2, 3, 4, 5, 6, 7, 8, 9);
    const labels = Int32Array.of(7, -7, 70, -70, 700);
    const rows = [4, 0, 3];
    const at = multiply(task, constant(4));
    const put = (k: number, value: Expression) => store(place("y", add(at, constant(k))), value);
    const { results } = await run(
      [
        column("pixels", "u8", 3, 0),
        column("flags", "bool", 1, 1),
        column("numbers", "f32", 2, 2),
        column("labels", "i32", 1, 3),
        output("y", "f32", 16),
      ],
      [
        put(0, convert(load(place("pixels", constant(2), task), single("u8")), "f32")),
        put(1, convert(load(place("flags", constant(0), task), single("bool")), "f32")),
        put(2, load(place("numbers", constant(1), task), f32)),
        put(3, convert(load(place("labels", constant(0), task), i32), "f32")),
      ],
      { columns: [pixels, flags, numbers, labels], rows },
    );
    const expected = rows.flatMap((r) => [
      pixels[3 * r + 2]!,
      flags[r]!,
      numbers[2 * r + 1]!,
      labels[r]!,
    ]);
    expect([...new Float32Array(results, 0, 12)]).toEqual(expected);
  });

  test("vectors, gathers, masks and partial accesses", async () => {
    const x = Float32Array.from({ length: 16 }, (_, i) => i + 1);
    const order = Int32Array.of(3, 0, 2, 1);
    const persistent = new Uint8Array(1024);
    new Float32Array(persistent.buffer, 0, 16).set(x);
    new Int32Array(persistent.buffer, 512, 4).set(order);
    const wide = vectorOf("f32", 4);
    const four = (k: number) => constant(4 * k);
    const gathered = load(place("x", load(place("order", constant(0)), vectorOf("i32", 4))), wide);
    const isEven = operation(
      "equal",
      operation(
        "and",
        load(place("order", constant(0)), vectorOf("i32", 4)),
        constant(1, "i32", 4),
      ),
      constant(0, "i32", 4),
    );
    const { results } = await run(
      [
        input("x", "f32", 16, 0),
        input("order", "i32", 4, 512),
        output("y", "f32", 64),
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
      ],
      { persistent, rows: [0] },
    );
    expect([...new Float32Array(results, 0, 26)]).toEqual([
      ...[5, 6, 7, 0, 4, 1, 3, 2, 0, 10, 11, 0, 13, 14, 0, 0],
      ...[0, 14, 15, 0, 0, 0, 0, 0, 10, 4],
    ]);
    expect([...new Float32Array(results, 512, 4)]).toEqual([1, 2, 3, 4]);
  });

  test("more than eight buffers, and windows that are the same memory", async () => {
    const count = 9;
    const persistent = new Uint8Array(count * 256);
    const inputs = Array.from({ length: count }, (_, k) => {
      new Float32Array(persistent.buffer, k * 256, 1)[0] = 2 ** k;
      return input(`x${k}`, "f32", 4, k * 256);
    });
    const same = input("again", "f32", 4, 256);
    const loads = [...inputs.map((_, k) => `x${k}`), "again"].map(
      (name): Expression => load(place(name, task), f32),
    );
    const sum = loads.reduce((a, b) => operation("add", a, b));
    const body = [
      store(place("y", task), sum),
      store(place("flag", task), less(sum, constant(1e6, "f32"))),
      store(place("byte", task), convert(sum, "u8")),
    ];
    const parameters = [
      ...inputs,
      same,
      output("y", "f32", 1),
      output("flag", "bool", 1, 256),
      output("byte", "u8", 1, 512),
    ];
    const { results, program } = await run(parameters, body, { persistent, rows: [0] });
    expect(program.graphs.predict![0]!.bindings).toEqual([
      { kind: "arena", arena: "persistent", offset: 0, size: persistent.byteLength },
      { kind: "arena", arena: "results", offset: 0, size: 16 },
      { kind: "arena", arena: "results", offset: 256, size: 16 },
      { kind: "arena", arena: "results", offset: 512, size: 16 },
    ]);
    expect(new Float32Array(results, 0, 1)[0]).toBe(2 ** count - 1 + 2);
    expect([...new Uint32Array(results, 256, 1), ...new Uint32Array(results, 512, 1)]).toEqual([
      1, 255,
    ]);
  });

  testValues({ run, Bytes: Uint32Array, hasSubnormals: false });

  test("workgroups share memory, with barriers and in subgroups", async () => {
    const threads = 64;
    const x = Float32Array.from({ length: threads }, (_, k) => k);
    const persistent = new Uint8Array(x.buffer.slice(0));
    const total: Statement[] = [
      { kind: "buffer", name: "totals", scope: "shared", dtype: "f32", elements: threads },
      store(place("totals", thread), load(place("x", thread), f32)),
    ];
    for (let distance = 1; distance < threads; distance *= 2) {
      const isFirst = operation(
        "equal",
        operation("and", thread, constant(2 * distance - 1)),
        constant(0),
      );
      const pair = [thread, add(thread, constant(distance))].map((at) =>
        load(place("totals", at), f32),
      );
      total.push(
        { kind: "barrier" },
        store(place("totals", thread), operation("add", pair[0]!, pair[1]!), { mask: isFirst }),
      );
    }
    total.push(
      { kind: "barrier" },
      store(place("x", thread), load(place("totals", constant(0)), f32), {
        mask: and(less(thread, n), null),
      }),
    );
    const { persistent: after } = await run([updated("x", "f32", threads, 0)], total, {
      persistent,
      rows: Array(threads).fill(0),
      tasks: constant(1),
      threads,
    });
    expect([...new Float32Array(after)]).toEqual(
      Array(threads).fill((threads * (threads - 1)) / 2),
    );
  });
});
