/** What kernels look like as WGSL: small ones. */

import { afterAll, expect, test } from "vitest";
import { BlockBuilder } from "../../../compiler/kernel/block-builder.ts";
import {
  add,
  bitcast,
  call,
  ceilQuotient,
  constant,
  convert,
  f32,
  i32,
  less,
  load,
  loop,
  min,
  multiply,
  operation,
  place,
  select,
  shuffleDown,
  store,
  subtract,
  symbol,
  u32,
  variable,
  vectorOf,
  when,
} from "../../../compiler/kernel/build.ts";
import type { Expression } from "../../../compiler/kernel/ir.ts";
import type { KernelModule } from "../../../compiler/kernel/module.ts";
import { CLikePrinter } from "../../../compiler/targets/c-like-printer.ts";
import { noMemory, wgslDialect } from "../../../compiler/targets/wgsl/dialect.ts";
import { printWgsl } from "../../../compiler/targets/wgsl/print-module.ts";
import { wgslModule } from "../../../runtime/devices/webgpu/wgsl-module.ts";
import type { WgslProgram } from "../../../runtime/devices/webgpu/wgsl-program.ts";
import { openNullDevice } from "../../dawn.ts";
import { column, input, launch, moduleOf, output, scalar, updated } from "../kernels.ts";

const nullDevice = await openNullDevice();
afterAll(() => nullDevice.close());

const arenas = { persistent: 65_536, temporaries: 0, results: 65_536 };
const task = symbol("task");
const thread = symbol("thread");
const n = symbol("n");

async function printed(module: KernelModule, withSubgroups: KernelModule | null = null) {
  const program = printWgsl(module, withSubgroups, { batchMax: 100, arenas });
  expect(await nullDevice.validateWgsl(program)).toEqual([]);
  return program;
}

function text(program: WgslProgram, features: readonly string[] = []): string {
  const all = program.kernels.map((k) => wgslModule(program, k, new Set(features)));
  return all.join("\n").trimEnd();
}

test("a kernel, its columns, scalars and dispatch", async () => {
  const b = new BlockBuilder();
  const row = b.let("row", add(multiply(task, constant(16)), thread));
  const pixel = load(
    place("image", constant(3), row),
    { dtype: "u8", lanes: 1 },
    { mask: less(row, n) },
  );
  const scaled = b.let("target", multiply(convert(pixel, "f32"), variable("rate", f32)));
  const relu = call("maximum", scaled, constant(0, "f32"));
  b.emit(store(place("y", row), relu, { mask: less(row, n) }));
  b.emit(
    when(operation("equal", row, subtract(n, constant(1))), [
      store(place("last", constant(0)), less(scaled, constant(0.1, "f32"))),
    ]),
  );
  const program = await printed(
    moduleOf(
      launch(
        [
          column("image", "u8", 12, 2),
          scalar("rate", 5),
          output("y", "f32", 100),
          updated("last", "bool", 1, 256),
        ],
        b.statements,
        { name: "scale", tasks: ceilQuotient(n, 16), threads: 16 },
      ),
    ),
  );
  expect(text(program)).toMatchInlineSnapshot(`
    "/* The second where either is NaN, or both are equal. */
    fn greater_of_f32(a: f32, b: f32) -> f32 {
      return select(b, a, (a > b) & (((bitcast<u32>(a) & 0x7fffffffu) <= 0x7f800000u) & ((bitcast<u32>(b) & 0x7fffffffu) <= 0x7f800000u)));
    }
    // scale: what is tested
    // From test.nn:1.
    // 1 flops, 2 bytes.
    struct Step { n: i32, first_row: i32, seed: u32, batch: u32, infinity: u32, nan: u32, scalars: array<vec4f, 2> }
    @group(0) @binding(0) var<uniform> step: Step;
    @group(1) @binding(0) var<storage, read> image: array<u32>;
    @group(1) @binding(1) var<storage, read_write> y: array<f32>;
    @group(1) @binding(2) var<storage, read_write> last: array<u32>;
    @group(1) @binding(3) var<storage, read> rows: array<i32>;
    fn image_at(row: i32, index: i32) -> u32 {
      let at = u32(rows[step.first_row + row]) * 12u + u32(index);
      return (image[at >> 2u] >> ((at & 3u) * 8u)) & 255u;
    }
    @compute @workgroup_size(16)
    fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
      let task = i32(workgroup.x);
      let thread = i32(local);
      let n = step.n;
      if (task >= (n + 15) / 16) { return; }
      let rate = step.scalars[1].y;
      let row = task * 16 + thread;
      let target_2 = f32(select(0u, image_at(row, 3), (row < n))) * rate;
      if (row < n) { y[row] = greater_of_f32(0.0f, target_2); }
      if (row == n - 1) {
        last[0] = u32((target_2 < 0.1f));
      }
    }"
  `);
  expect(program.kernels[0]!.readOnly).toEqual([true, false, false, true]);
  expect(program.graphs.predict).toEqual([
    {
      kernel: 0,
      workgroups: [7, 1],
      bindings: [
        { kind: "column", slot: 2 },
        { kind: "arena", arena: "results", offset: 0, size: 400 },
        { kind: "arena", arena: "persistent", offset: 256, size: 16 },
        { kind: "rows" },
      ],
    },
  ]);
});

test("runs of four from multiples of four on are vectors in memory", async () => {
  const wide = vectorOf("f32", 4);
  const at = multiply(add(multiply(task, constant(8)), thread), constant(4));
  const body = [
    { kind: "buffer", name: "tile", scope: "shared", dtype: "f32", elements: 32 } as const,
    store(place("tile", multiply(thread, constant(4))), load(place("x", at), wide)),
    { kind: "barrier" } as const,
    store(place("y", at), load(place("tile", multiply(thread, constant(4))), wide)),
  ];
  const program = await printed(
    moduleOf(
      launch([input("x", "f32", 64, 0), output("y", "f32", 64)], body, {
        tasks: constant(2),
        threads: 8,
      }),
    ),
  );
  expect(text(program)).toMatchInlineSnapshot(`
    "// test: what is tested
    // From test.nn:1.
    // 1 flops, 2 bytes.
    struct Step { n: i32, first_row: i32, seed: u32, batch: u32, infinity: u32, nan: u32 }
    @group(0) @binding(0) var<uniform> step: Step;
    @group(1) @binding(0) var<storage, read_write> x: array<vec4f>;
    @group(1) @binding(1) var<storage, read_write> y: array<vec4f>;
    var<workgroup> tile: array<vec4f, 8>;
    @compute @workgroup_size(8)
    fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
      let task = i32(workgroup.x);
      let thread = i32(local);
      tile[thread] = x[task * 8 + thread];
      workgroupBarrier();
      y[task * 8 + thread] = tile[thread];
    }"
  `);
});

test("kernels for subgroups differ in text alone, and halves are asked for", async () => {
  const body = (exchanged: Expression) => [
    { kind: "buffer", name: "halves", scope: "shared", dtype: "f16", elements: 64 } as const,
    { kind: "let", name: "next", value: exchanged } as const,
    store(place("halves", thread), convert(variable("next", f32), "f16")),
    { kind: "barrier" } as const,
    when(less(thread, symbol("subgroup")), [
      store(place("y", thread), convert(load(place("halves", thread), vectorOf("f16", 1)), "f32")),
    ]),
  ];
  const own = load(place("x", thread), f32);
  const windows = [input("x", "f32", 64, 0), output("y", "f32", 64)];
  const plain = moduleOf(launch(windows, body(own).slice(0, 4), { threads: 64 }));
  const exchanging = moduleOf(launch(windows, body(shuffleDown(own, 2)), { threads: 64 }));
  const program = await printed(plain, exchanging);
  expect(program.kernels[0]!.requires).toEqual(["shader-f16"]);
  expect(text(program, ["subgroups"])).toMatchInlineSnapshot(`
    "enable f16;
    enable subgroups;
    // test: what is tested
    // From test.nn:1.
    // 1 flops, 2 bytes.
    struct Step { n: i32, first_row: i32, seed: u32, batch: u32, infinity: u32, nan: u32 }
    @group(0) @binding(0) var<uniform> step: Step;
    @group(1) @binding(0) var<storage, read_write> x: array<f32>;
    @group(1) @binding(1) var<storage, read_write> y: array<f32>;
    var<workgroup> halves: array<f16, 64>;
    @compute @workgroup_size(64)
    fn main(@builtin(local_invocation_index) local: u32, @builtin(subgroup_size) subgroup_size: u32) {
      let thread = i32(local);
      let subgroup = i32(subgroup_size);
      let next = subgroupShuffleDown(x[thread], 2u);
      halves[thread] = f16(next);
      workgroupBarrier();
      if (thread < subgroup) {
        y[thread] = f32(halves[thread]);
      }
    }"
  `);
  expect((await printed(plain, plain)).kernels[0]!.withSubgroups).toBeUndefined();
});

test("no name of a model means something in WGSL", async () => {
  const names = [
    "target",
    "min",
    "select",
    "vec4f",
    "Step",
    "step",
    "workgroup",
    "main",
    "cast",
    "rows",
    "f32",
    "exp_f32",
  ];
  for (const name of names) {
    const b = [
      { kind: "let", name: `${name}_2`, value: load(place(name, constant(0)), f32) } as const,
      { kind: "let", name: "local", value: min(symbol("thread"), constant(3)) } as const,
      store(place("y", variable("local")), call("exp", variable(`${name}_2`, f32))),
    ];
    await printed(
      moduleOf(launch([input(name, "f32", 4, 0), output("y", "f32", 4)], b, { name, threads: 4 })),
    );
  }
});

test("more than 65,535 workgroups are folded, and larger memory is asked for", async () => {
  const module = moduleOf(
    launch([updated("x", "f32", 1, 0)], [store(place("x", task), constant(1, "f32"))], {
      tasks: multiply(n, constant(1000)),
    }),
  );
  const sizes = { persistent: 2 ** 29, temporaries: 0, results: 0 };
  const program = printWgsl(module, null, { batchMax: 100, arenas: sizes });
  expect(program.graphs.predict![0]!.workgroups).toEqual([65_535, 2]);
  expect(text(program)).toContain("let task = i32(workgroup.x + workgroup.y * 65535u);");
  expect(program.limits).toEqual({ maxBufferSize: 2 ** 29 });
});

test("what no device has is refused with numbers", () => {
  const module = moduleOf(launch([], []));
  const sizes = { persistent: 0, temporaries: 5 * 2 ** 30, results: 0 };
  expect(() => printWgsl(module, null, { batchMax: 1, arenas: sizes })).toThrow(
    "Test needs 5.0 GiB in one buffer for what it computes in a step, but no device of WebGPU has more than 4 GiB",
  );
  const columns = Array.from({ length: 8 }, (_, k) => column(`c${k}`, "f32", 1, k));
  const reading = moduleOf(launch([...columns, output("y", "f32", 4)], [], { name: "wide" }));
  expect(() => printWgsl(reading, null, { batchMax: 1, arenas })).toThrow(
    "the kernel wide reads 8 columns of the data at once, more than kernels of WebGPU may",
  );
});

test("parentheses stand where WGSL asks for them", () => {
  const printer = new CLikePrinter(wgslDialect(noMemory));
  const print = (e: Expression) => printer.expression(e);
  const [a, b, c] = ["a", "b", "c"].map((name) => variable(name)) as [
    Expression,
    Expression,
    Expression,
  ];
  const [u, v] = [variable("u", u32), variable("v", u32)];
  const isLess = less(a, b);
  const isMore = operation("greater", b, c);
  expect(print(operation("and", isLess, isMore))).toBe("(a < b) & (b > c)");
  expect(print(operation("equal", isLess, isMore))).toBe("(a < b) == (b > c)");
  expect(print(select(isLess, a, b))).toBe("select(b, a, (a < b))");
  expect(print(operation("shiftRight", add(a, b), c))).toBe("(a + b) >> u32(c)");
  expect(print(less(operation("shiftRight", a, constant(2)), b))).toBe("(a >> 2u) < b");
  expect(print(operation("or", operation("and", u, v), v))).toBe("(u & v) | v");
  expect(print(operation("xor", operation("xor", u, v), v))).toBe("u ^ v ^ v");
  expect(print(operation("not", isLess))).toBe("!(a < b)");
  expect(print(subtract(a, multiply(b, operation("negate", c))))).toBe("a - b * -c");
  expect(print(bitcast(variable("x", f32), "u32"))).toBe("bitcast<u32>(x)");
  expect(print(constant(-2147483648))).toBe("-2147483648");
  expect(print(constant(Number.NaN, "f32"))).toBe("bitcast<f32>(step.nan)");
  expect(print(constant(-Infinity, "f32"))).toBe("-bitcast<f32>(step.infinity)");
  expect(print(constant(-3.4028234663852886e38, "f32"))).toBe("-0x1.fffffep+127f");
  expect(print(constant(0.1, "f32", 4))).toBe("vec4f(0.1f)");
  expect(print(constant(-0, "f32"))).toBe("bitcast<f32>(0x80000000u)");
});

test("arithmetic of literals is left to nobody", async () => {
  const numbers = [
    operation("divide", constant(1, "f32"), constant(0, "f32")),
    operation("multiply", constant(3e38, "f32"), constant(10, "f32")),
    operation("sqrt", constant(-1, "f32")),
    bitcast(constant(0x7fc00000, "u32"), "f32"),
    convert(operation("add", constant(2147483647), constant(1)), "f32"),
  ];
  const body = numbers.map((value, i) => store(place("y", constant(i)), value));
  await printed(
    moduleOf(
      launch(
        [output("y", "f32", 8)],
        [
          ...body,
          loop("i", constant(0), constant(4), [
            store(place("y", variable("i", i32)), constant(1, "f32")),
          ]),
        ],
      ),
    ),
  );
});
