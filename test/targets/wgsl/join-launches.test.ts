/** Independent launches as one dispatch. */

import { afterAll, describe, expect, test } from "vitest";
import {
  add,
  ceilQuotient,
  constant,
  f32,
  less,
  load,
  loop,
  multiply,
  operation,
  place,
  store,
  symbol,
  variable,
} from "../../../compiler/kernel/build.ts";
import type { Statement } from "../../../compiler/kernel/ir.ts";
import type { KernelModule, Launch } from "../../../compiler/kernel/module.ts";
import { printWgsl } from "../../../compiler/targets/wgsl/print-module.ts";
import { missing, openDawn, openNullDevice } from "../../dawn.ts";
import { column, input, launch, moduleOf, output, scalar, updated } from "../kernels.ts";
import { runKernels } from "./run-kernels.ts";

const opened = await openDawn();
if (opened === null) console.log(`[SKIP] joined launches: ${missing}`);
const nullDevice = await openNullDevice();
afterAll(() => {
  opened?.close();
  nullDevice.close();
});

const threads = 16;
const task = symbol("task");
const thread = symbol("thread");

/** x −= rate · gradient, of so many elements. */
function update(name: string, elements: number, at: number, gradientAt: number): Launch {
  const i = add(multiply(task, constant(threads)), thread);
  const mask = less(i, constant(elements));
  const step = operation(
    "multiply",
    variable("rate", f32),
    load(place("gradient", i), f32, { mask }),
  );
  const body = [
    store(place("x", i), operation("subtract", load(place("x", i), f32, { mask }), step), { mask }),
  ];
  const parameters = [
    updated("x", "f32", elements, at),
    input("gradient", "f32", elements, gradientAt),
    scalar("rate", 1),
  ];
  const tasks = constant(Math.ceil(elements / threads));
  return launch(parameters, body, { name, tasks, threads, withPrevious: true });
}

/** The sum over the rows of a column, and a number of rows, by a tree in shared memory. */
function sum(rows: number, offset: number): Launch {
  const body: Statement[] = [
    { kind: "buffer", name: "totals", scope: "shared", dtype: "f32", elements: threads },
    { kind: "mutable", name: "start", value: constant(0, "f32") },
    loop(
      "row",
      thread,
      symbol("n"),
      [
        {
          kind: "assign",
          name: "start",
          value: operation(
            "add",
            variable("start", f32),
            load(place("x", constant(0), variable("row")), f32),
          ),
        },
      ],
      { step: threads },
    ),
    store(place("totals", thread), variable("start", f32)),
    loop("level", constant(0), constant(4), [
      { kind: "barrier" },
      {
        kind: "let",
        name: "distance",
        value: operation("shiftLeft", constant(1), variable("level")),
      },
      store(
        place("totals", thread),
        operation(
          "add",
          load(place("totals", thread), f32),
          load(place("totals", add(thread, variable("distance"))), f32),
        ),
        {
          mask: operation(
            "equal",
            operation(
              "and",
              thread,
              operation("subtract", multiply(variable("distance"), constant(2)), constant(1)),
            ),
            constant(0),
          ),
        },
      ),
    ]),
    { kind: "barrier" },
    store(place("y", add(task, constant(rows))), load(place("totals", constant(0)), f32), {
      mask: operation("equal", thread, constant(0)),
    }),
  ];
  return launch([column("x", "f32", 1, 0), output("y", "f32", 64, offset)], body, {
    name: `sum_${rows}`,
    tasks: ceilQuotient(symbol("n"), 16),
    threads,
    withPrevious: true,
  });
}

const sizes = [40, 7, 100, 16, 1];
/** Tensors in the first half of the arena, their gradients in the second. */
const placeOf = (k: number) => 512 * k;
const gradientPlace = (k: number) => 4096 + 512 * k;

function joined(): KernelModule {
  const updates = sizes.map((elements, k) =>
    update(`update_${k}`, elements, placeOf(k), gradientPlace(k)),
  );
  const [first, ...others] = updates;
  return moduleOf(
    { ...first!, withPrevious: false },
    ...others.slice(0, 2),
    sum(3, 0),
    ...others.slice(2),
    sum(5, 512),
  );
}

test("updates of several tensors share their text, and look up where they are", async () => {
  const arenas = { persistent: 8192, temporaries: 0, results: 1024 };
  const program = printWgsl(joined(), null, { batchMax: 40, arenas });
  expect(program.graphs.predict).toHaveLength(1);
  // 3 + 1 + 7 + 1 + 1 workgroups of updates, and twice 3 of sums.
  expect(program.graphs.predict![0]!.workgroups).toEqual([13 + 6, 1]);
  expect(program.graphs.predict![0]!.bindings).toEqual([
    { kind: "arena", arena: "persistent", offset: 0, size: 8192 },
    { kind: "arena", arena: "results", offset: 0, size: 1024 },
    { kind: "column", slot: 0 },
    { kind: "rows" },
  ]);
  expect(await nullDevice.validateWgsl(program)).toEqual([]);
  const { code } = program.kernels[0]!;
  expect(code.slice(code.indexOf("@compute"))).toMatchInlineSnapshot(`
    "@compute @workgroup_size(16)
    fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
      let task = i32(workgroup.x);
      let thread = i32(local);
      let n = step.n;
      if (task >= 13 + (n + 15) / 16 + (n + 15) / 16) { return; }
      let rate = step.scalars[0].y;
      let tasks = 13 + (n + 15) / 16;
      let tasks_2 = tasks + (n + 15) / 16;
      if (task < 13) {
        var start = 0;
        var literal = 0;
        var literal_2 = 40;
        if (task < 4) {
          if (task < 3) {
            start = 0;
            literal = 0;
            literal_2 = 40;
          } else {
            start = 3;
            literal = 128;
            literal_2 = 7;
          }
        } else {
          if (task < 11) {
            start = 4;
            literal = 256;
            literal_2 = 100;
          } else {
            if (task < 12) {
              start = 11;
              literal = 384;
              literal_2 = 16;
            } else {
              start = 12;
              literal = 512;
              literal_2 = 1;
            }
          }
        }
        let own_task = task - start;
        if (own_task * 16 + thread < literal_2) { persistent_words[own_task * 16 + thread + literal] = bitcast<u32>(bitcast<f32>(select(0u, persistent_words[own_task * 16 + thread + literal], (own_task * 16 + thread < literal_2))) - rate * bitcast<f32>(select(0u, persistent_words[own_task * 16 + thread + (literal + 1024)], (own_task * 16 + thread < literal_2)))); }
      } else {
        var start = 0;
        var literal = 3;
        var literal_2 = 0;
        if (task < tasks) {
          start = 13;
          literal = 3;
          literal_2 = 0;
        } else {
          start = tasks;
          literal = 5;
          literal_2 = 128;
        }
        var start_2 = 0.0f;
        for (var row = thread; row < n; row += 16) {
          start_2 = start_2 + x_at(row, 0);
        }
        totals[thread] = start_2;
        for (var level = 0; level < 4; level++) {
          workgroupBarrier();
          let distance = 1 << u32(level);
          if ((thread & (distance * 2 - 1)) == 0) { totals[thread] = totals[thread] + totals[thread + distance]; }
        }
        workgroupBarrier();
        if (thread == 0) { results_words[task - start + literal + literal_2] = bitcast<u32>(totals[0]); }
      }
    }"
  `);
});

test("the text grows by what a tensor's literals take", () => {
  const arenas = { persistent: 2 ** 20, temporaries: 0, results: 0 };
  const textOf = (count: number): string => {
    const updates = Array.from({ length: count }, (_, k) =>
      update("update", 16 + k, 512 * k, 2 ** 19 + 512 * (count - k)),
    );
    const [first, ...others] = updates;
    const module = moduleOf({ ...first!, withPrevious: false }, ...others);
    const program = printWgsl(module, null, { batchMax: 1, arenas });
    expect(program.graphs.predict).toHaveLength(1);
    // What is said of each tensor in the head comment is left out.
    const { code } = program.kernels[0]!;
    return code.slice(code.indexOf("@compute"));
  };
  const [few, many] = [textOf(20).length, textOf(120).length];
  expect((many - few) / 100).toBeLessThan(400);
});

test("what does not fit stays alone", async () => {
  const large = (k: number): Launch => {
    const body: Statement[] = [
      {
        kind: "buffer",
        name: "tile",
        scope: "shared",
        dtype: k === 0 ? "f32" : "i32",
        elements: 3000,
      },
      store(place("tile", thread), constant(k, k === 0 ? "f32" : "i32")),
      { kind: "barrier" },
      store(
        place("x", thread),
        operation("add", load(place("x", thread), f32), constant(k, "f32")),
      ),
    ];
    return launch([updated("x", "f32", threads, 512 * k)], body, { threads, withPrevious: k > 0 });
  };
  const arenas = { persistent: 8192, temporaries: 0, results: 0 };
  const program = printWgsl(moduleOf(large(0), large(1)), null, { batchMax: 1, arenas });
  expect(program.graphs.predict).toHaveLength(2);
  expect(await nullDevice.validateWgsl(program)).toEqual([]);
});

describe.skipIf(opened === null)("on SwiftShader", () => {
  test("joined launches do what they do one by one", async () => {
    const persistent = new Uint8Array(8192);
    new Float32Array(persistent.buffer).forEach((_, i, all) => {
      all[i] = i % 97;
    });
    const n = 40;
    const x = Float32Array.from({ length: n }, (_, i) => i);
    const run = {
      symbol: "nnc_predict",
      persistent,
      resultsBytes: 1024,
      columns: [x],
      scalars: [9, 0.5],
      rows: Array.from({ length: n }, (_, i) => i),
      opened: opened!,
    };
    const together = (await runKernels({ ...run, module: joined() }))!;
    const { model, functions } = joined();
    const alone: KernelModule = {
      model,
      functions: functions.map((fn) => ({
        ...fn,
        launches: fn.launches.map((l) => ({ ...l, withPrevious: false })),
      })),
    };
    const apart = (await runKernels({ ...run, module: alone }))!;
    expect(apart.program.graphs.predict).toHaveLength(sizes.length + 2);
    expect(together.program.graphs.predict).toHaveLength(1);
    expect(new Uint8Array(together.persistent)).toEqual(new Uint8Array(apart.persistent));
    expect(new Uint8Array(together.results)).toEqual(new Uint8Array(apart.results));
    const before = new Float32Array(persistent.buffer);
    const after = new Float32Array(together.persistent);
    sizes.forEach((elements, k) => {
      for (let i = 0; i < 128; i++) {
        const at = placeOf(k) / 4 + i;
        const change = i < elements ? 0.5 * before[gradientPlace(k) / 4 + i]! : 0;
        expect(after[at]).toBe(before[at]! - change);
      }
    });
    expect(new Float32Array(together.results, 12, 1)[0]).toBe((n * (n - 1)) / 2);
  });
});
