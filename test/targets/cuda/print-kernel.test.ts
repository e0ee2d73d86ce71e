/** What of a kernel is text of CUDA C++: its memory, its names and what it takes from the machine. */

import { describe, expect, test } from "vitest";
import {
  add,
  bitcast,
  call,
  ceilQuotient,
  constant,
  f32,
  i32,
  load,
  loop,
  multiply,
  place,
  random,
  store,
  symbol,
  u32,
  variable,
  vectorOf,
} from "../../../compiler/kernel/build.ts";
import { roundToTf32 } from "../../../compiler/kernel/intrinsics.ts";
import type { Expression, Statement } from "../../../compiler/kernel/ir.ts";
import { input, launch, output } from "../kernels.ts";
import { printed, text } from "./printed.ts";

const thread = symbol("thread");
const n = symbol("n");

describe("memory", () => {
  const copy = (value: Expression): Statement[] => [
    store(place("y", multiply(thread, constant(4))), value),
  ];
  const run = (index: Expression, dtype: "f32" | "bf16" | "bool" = "f32", active = 4) =>
    load(place("x", index), vectorOf(dtype, 4), { active });
  const body = (dtype: "f32" | "bf16" | "bool", value: Expression) =>
    text(
      printed(
        launch([input("x", dtype, 64, 0), output("y", dtype, 64)], copy(value), {
          threads: 8,
        }),
      ),
    );

  test("only aligned runs move as vectors", () => {
    const aligned = body("f32", run(multiply(thread, constant(8))));
    expect(aligned).toContain("nnc_store_f32x4(&y[thread * 4], nnc_load_f32x4(&x[thread * 8]));");
    const shifted = body("f32", run(add(multiply(thread, constant(4)), constant(1))));
    expect(shifted).toContain("nnc_f32x4{x[thread * 4 + 1], x[thread * 4 + 1 + 1]");
    const partial = body("f32", run(multiply(thread, constant(4)), "f32", 3));
    expect(partial).toContain("x[thread * 4 + 2], 0.0f}");
  });

  test("narrow floats and bools have their natural sizes", () => {
    const narrow = body("bf16", run(multiply(thread, constant(4)), "bf16"));
    expect(narrow).toContain("const nnc_bf16 *__restrict__ x");
    expect(narrow).toContain("nnc_store_bf16x4(&y[thread * 4], nnc_load_bf16x4(&x[thread * 4]));");
    const bools = body("bool", run(multiply(thread, constant(4)), "bool"));
    expect(bools).toContain("unsigned char *__restrict__ y");
    expect(bools).toContain("nnc_boolx4{x[thread * 4] != 0, ");
    expect(bools).toContain("y[thread * 4 + 3] = stored.w;");
  });

  test("much shared memory is one dynamic block", () => {
    const buffers = ["a", "b"].map(
      (name): Statement => ({
        kind: "buffer",
        name,
        scope: "shared",
        dtype: "f32",
        elements: 8190,
      }),
    );
    const used = ["a", "b"].map((name) => store(place(name, thread), constant(0, "f32")));
    const { program, sources } = printed(launch([], [...buffers, ...used], { threads: 8 }));
    expect(sources[0]).toContain("  NNC_DYNAMIC_SHARED;");
    expect(sources[0]).toContain("float *const b = reinterpret_cast<float *>(nnc_shared + 32768);");
    expect(program.variants[0]!.kernels[0]!.sharedBytes).toBe(65536);
  });
});

test("persistent kernels share tasks out themselves, and have no guard", () => {
  const body = [
    {
      ...loop("tile", symbol("group"), ceilQuotient(n, 4), [
        store(place("y", variable("tile")), constant(1, "f32")),
      ]),
    },
  ];
  const one = launch([output("y", "f32", 100)], body, { name: "tiles_all", tasks: n, threads: 32 });
  const program = printed({ ...one, kernel: { ...one.kernel, isPersistent: true } });
  expect(text(program)).toContain("const int group = (int)blockIdx.x;");
  expect(text(program)).not.toContain("return;");
  expect(program.program.variants[0]!.kernels[0]!.isPersistent).toBe(true);
  expect(program.program.variants[0]!.graphs.predict![0]!.blocks).toBe(100);
});

test("no name of a model means something in CUDA", () => {
  const names = ["exp", "float", "step", "nnc_x", "a__b", "xor", "make_float4", "read", "rows"];
  const launches = names.map((name) =>
    launch(
      [input(name, "f32", 4, 0), output("y", "f32", 4)],
      [store(place("y", thread), load(place(name, thread), f32))],
      { name, threads: 4 },
    ),
  );
  const program = printed(...launches);
  expect(program.program.variants[0]!.kernels.map(({ name }) => name)).toMatchInlineSnapshot(`
    [
      "run_exp",
      "run_float",
      "run_step",
      "run_nnc_x",
      "run_a_b",
      "run_xor",
      "run_make_float4",
      "run_read",
      "run_rows",
    ]
  `);
  const parameters = text(program).match(/const float \*__restrict__ \w+/g)!;
  expect(parameters.map((parameter) => parameter.split(" ").at(-1))).toMatchInlineSnapshot(`
    [
      "exp",
      "float_2",
      "step_2",
      "v_nnc_x",
      "a_b",
      "xor_2",
      "make_float4",
      "read",
      "rows_2",
    ]
  `);
});

test("integers of graphs wrap", () => {
  const sum = call("add", load(place("x", thread), i32), constant(1));
  const program = printed(
    launch([input("x", "i32", 4, 0), output("y", "i32", 4)], [store(place("y", thread), sum)], {
      threads: 4,
    }),
  );
  expect(text(program)).toContain("y[thread] = (int)((unsigned)x[thread] + 1u);");
});

test("random numbers come from the step, and tf32 from the machine", () => {
  const uniform = random("dropout", thread);
  const body: Statement[] = [
    { kind: "buffer", name: "bits", scope: "local", dtype: "u32", elements: 1 },
    {
      kind: "invoke",
      function: roundToTf32,
      args: [{ kind: "address", place: place("bits", constant(0)) }, uniform],
    },
    store(place("y", thread), bitcast(load(place("bits", constant(0)), u32), "f32")),
  ];
  const source = text(printed(launch([output("y", "f32", 4)], body, { threads: 4 })));
  expect(source).toContain("round_to_tf32(&bits[0], uniform_f32(step->seed, ");
  expect(source).toContain('asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(*to) : "f"(number));');
});
