/** Independent launches as fewer, printed and on the emulation. */

import { expect, test } from "vitest";
import {
  add,
  constant,
  convert,
  f32,
  less,
  load,
  multiply,
  operation,
  place,
  store,
  subtract,
  symbol,
  variable,
  vectorOf,
} from "../../../compiler/kernel/build.ts";
import type { Statement } from "../../../compiler/kernel/ir.ts";
import type { KernelModule, Launch } from "../../../compiler/kernel/module.ts";
import { printCuda } from "../../../compiler/targets/cuda/print-module.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import { column, input, launch, moduleOf, output, scalar, updated } from "../kernels.ts";
import { runKernels } from "./run-kernels.ts";

const threads = 16;
const task = symbol("task");
const thread = symbol("thread");

/** x −= rate · gradient of so many fours of elements, four a thread. */
function update(fours: number, at: number, gradientAt: number): Launch {
  const wide = vectorOf("f32", 4);
  const four = add(multiply(task, constant(threads)), thread);
  const mask = less(four, constant(fours));
  const first = multiply(four, constant(4));
  const read = (name: string) => load(place(name, first), wide, { mask });
  const step = operation("multiply", variable("rate", f32), read("gradient"));
  return launch(
    [
      updated("x", "f32", 4 * fours, at),
      input("gradient", "f32", 4 * fours, gradientAt),
      scalar("rate", 1),
    ],
    [store(place("x", first), operation("subtract", read("x"), step), { mask })],
    {
      name: `update_of_${fours}`,
      tasks: constant(Math.ceil(fours / threads)),
      threads,
      withPrevious: true,
    },
  );
}

/** In each block, elements of a column in reverse order by way of shared memory, and their number. */
function reverse(offset: number, countAt: number): Launch {
  const row = add(multiply(task, constant(threads)), thread);
  const mask = less(row, symbol("n"));
  const mirrored = subtract(constant(threads - 1), thread);
  const body: Statement[] = [
    { kind: "buffer", name: "block", scope: "shared", dtype: "f32", elements: threads },
    store(place("block", thread), load(place("x", constant(0), row), f32, { mask })),
    { kind: "barrier" },
    store(place("y", row), load(place("block", mirrored), f32)),
    store(place("count", task), convert(symbol("n"), "f32"), {
      mask: operation("equal", thread, constant(0)),
    }),
  ];
  return launch(
    [column("x", "f32", 1, 0), output("y", "f32", 32, offset), output("count", "f32", 2, countAt)],
    body,
    { name: "reverse_blocks", tasks: constant(2), threads, withPrevious: true },
  );
}

const sizes = [10, 2, 25, 4, 1];

/** Updates of tensors in the first half of the arena, their gradients in the second; and another kernel between. */
function wave(): KernelModule {
  const updates = sizes.map((fours, k) => update(fours, 512 * k, 4096 + 512 * k));
  return moduleOf(
    { ...updates[0]!, withPrevious: false },
    ...updates.slice(1, 3),
    reverse(0, 256),
    ...updates.slice(3),
  );
}

/** The same, launch by launch. */
function apart(): KernelModule {
  const { model, functions } = wave();
  return {
    model,
    functions: functions.map((fn) => ({
      ...fn,
      launches: fn.launches.map((one) => ({ ...one, withPrevious: false })),
    })),
  };
}

function printed(module: KernelModule) {
  const { program, sources } = printCuda([{ architecture: "sm_80", module }], {
    source: "test.nn",
    batchMax: 32,
  });
  return { variant: program.variants[0]!, source: sources[0]! };
}

test("small launches of a wave are one, and those of a family share their text", () => {
  const { variant, source } = printed(wave());
  expect(variant.graphs.predict).toMatchInlineSnapshot(`
    [
      {
        "arguments": [
          {
            "arena": "persistent",
            "kind": "arena",
            "offset": 0,
          },
          {
            "kind": "column",
            "slot": 0,
          },
          {
            "arena": "results",
            "kind": "arena",
            "offset": 0,
          },
          {
            "arena": "results",
            "kind": "arena",
            "offset": 256,
          },
          {
            "kind": "step",
          },
          {
            "kind": "n",
          },
        ],
        "blocks": 8,
        "kernel": 0,
        "withPrevious": false,
      },
    ]
  `);
  expect(source.slice(source.indexOf("/* update_of_10"))).toMatchInlineSnapshot(`
    "/* update_of_10_and_5_more: update_of_10: what is tested
       update_of_2: what is tested
       update_of_25: what is tested
       update_of_4: what is tested
       update_of_1: what is tested
       reverse_blocks: what is tested
       From test.nn:1.
       6 flops, 12 bytes. */
    extern "C" __global__ void __launch_bounds__(16) update_of_10_and_5_more(
        float *__restrict__ persistent_f32,
        const float *__restrict__ x,
        float *__restrict__ y,
        float *__restrict__ count,
        const NncStep *__restrict__ step,
        int n) {
      const int task = (int)blockIdx.x;
      const int thread = (int)threadIdx.x;
      const int *__restrict__ rows = step->rows;
      const float rate = step->scalars[1];
      __shared__ __align__(16) float block[16];
      if (task < 6) {
        int start = 0;
        int literal = 0;
        int literal_2 = 10;
        if (task < 2) {
          if (task < 1) {
            start = 0;
            literal = 0;
            literal_2 = 10;
          } else {
            start = 1;
            literal = 128;
            literal_2 = 2;
          }
        } else {
          if (task < 4) {
            start = 2;
            literal = 256;
            literal_2 = 25;
          } else {
            if (task < 5) {
              start = 4;
              literal = 384;
              literal_2 = 4;
            } else {
              start = 5;
              literal = 512;
              literal_2 = 1;
            }
          }
        }
        const int own_task = task - start;
        if (own_task * 16 + thread < literal_2) nnc_store_f32x4(&persistent_f32[(own_task * 16 + thread) * 4 + literal], (own_task * 16 + thread < literal_2 ? nnc_load_f32x4(&persistent_f32[(own_task * 16 + thread) * 4 + literal]) : nnc_f32x4_of(0.0f)) - nnc_f32x4_of(rate) * (own_task * 16 + thread < literal_2 ? nnc_load_f32x4(&persistent_f32[(own_task * 16 + thread) * 4 + (literal + 1024)]) : nnc_f32x4_of(0.0f)));
      } else {
        const int own_task_2 = task - 6;
        block[thread] = own_task_2 * 16 + thread < n ? x[rows[own_task_2 * 16 + thread]] : 0.0f;
        __syncthreads();
        y[own_task_2 * 16 + thread] = block[15 - thread];
        if (thread == 0) count[own_task_2] = (float)n;
      }
    }
    "
  `);
});

test("launches with other numbers of threads, or too much work, stay beside each other", () => {
  const big = (at: number): Launch => {
    const one = update(25, at, 4096);
    return { ...one, kernel: { ...one.kernel, threads: 32, tasks: constant(300) } };
  };
  const other = { ...reverse(0, 256), withPrevious: false };
  const { variant } = printed(moduleOf(other, big(0), update(3, 1024, 4096), big(2048)));
  const launches = variant.graphs.predict!;
  expect(launches.map(({ kernel }) => variant.kernels[kernel]!.name)).toEqual([
    "reverse_blocks_and_1_more",
    "update_of_25",
    "update_of_25",
  ]);
  expect(launches.map(({ blocks }) => blocks)).toEqual([3, 300, 300]);
  expect(launches.map(({ withPrevious }) => withPrevious)).toEqual([false, true, true]);
});

test.runIf(hasEmulation)(
  `joined launches do what they do one by one ${needsEmulation}`,
  async () => {
    const persistent = new Uint8Array(8192);
    new Float32Array(persistent.buffer).forEach((_, i, all) => {
      all[i] = Math.sin(i);
    });
    const rows = Array.from({ length: 21 }, (_, i) => 20 - i);
    const run = (module: KernelModule) =>
      runKernels({
        module,
        symbol: "nnc_predict",
        persistent: persistent.slice(),
        resultsBytes: 512,
        columns: [Float32Array.from(rows, (row) => row / 8)],
        rows,
        scalars: [0, 0.5],
        batchMax: 32,
      });
    const [one, many] = [await run(wave()), await run(apart())];
    expect(one.variant.graphs.predict).toHaveLength(1);
    expect(many.variant.graphs.predict).toHaveLength(6);
    expect(one.persistent).toEqual(many.persistent);
    expect(one.results).toEqual(many.results);
    expect(new Float32Array(one.persistent).slice(0, 1024)).not.toEqual(
      new Float32Array(persistent.buffer).slice(0, 1024),
    );
  },
);
