/** What kernel IR prints as, what its verifier refuses, and what folds and inlines while it is built. */

import { describe, expect, test } from "vitest";
import { BlockBuilder } from "../../compiler/kernel/block-builder.ts";
import {
  add,
  call,
  constant,
  f32,
  floorRemainder,
  i32,
  load,
  multiply,
  place,
  quotient,
  store,
  subtract,
  symbol,
  variable,
  vectorOf,
} from "../../compiler/kernel/build.ts";
import { removeDeadCode } from "../../compiler/kernel/dead-code.ts";
import { inlineSingleUses } from "../../compiler/kernel/inline-lets.ts";
import { askFor } from "../../compiler/kernel/intrinsics.ts";
import type { Kernel, Statement } from "../../compiler/kernel/ir.ts";
import { printExpression, printKernel, printStatements } from "../../compiler/kernel/print.ts";
import { verifyKernel } from "../../compiler/kernel/verify.ts";

function kernel(body: readonly Statement[]): Kernel {
  return {
    name: "scale",
    comment: { lines: [], sources: [], flops: 0, bytes: 0 },
    parameters: [
      { kind: "window", name: "x", dtype: "f32", access: "read", elements: 64 },
      { kind: "column", name: "image", dtype: "u8", rowElements: 4 },
      { kind: "window", name: "y", dtype: "f32", access: "write", elements: 64 },
      { kind: "scalar", name: "rate" },
    ],
    tasks: symbol("n"),
    threads: 1,
    body,
  };
}

const wide = vectorOf("f32", 16);
const task = symbol("task");

test("a kernel prints one line a statement", () => {
  const b = new BlockBuilder();
  b.loop(
    "i",
    constant(0),
    constant(64),
    (i) => {
      const x = b.let("x_i", load(place("x", i), wide));
      b.emit(store(place("y", i), multiply(x, variable("rate", f32)), { active: 12 }));
    },
    16,
  );
  const scale = kernel(b.statements);
  verifyKernel(scale);
  expect(printKernel(scale)).toMatchInlineSnapshot(`
    "kernel scale(x: read f32[64], image: column u8[4], y: write f32[64], rate: scalar) tasks n
      loop i = 0 .. 64 step 16
        let x_i: f32x16 = load(x[i], f32x16)
        y[i] = multiply(x_i, broadcast<f32x16>(rate)) first 12"
  `);
});

test("literals fold and names stay", () => {
  const i = variable("i");
  const text = (e: Parameters<typeof printExpression>[0]) => printExpression(e);
  expect(text(add(multiply(i, constant(1)), constant(0)))).toBe("i");
  expect(text(add(i, constant(-3)))).toBe("subtract(i, 3)");
  expect(text(quotient(constant(17), 5))).toBe("3");
  expect(text(floorRemainder(constant(-1), 4))).toBe("3");
  expect(text(multiply(constant(0.5, "f32"), constant(2, "f32")))).toBe("multiply(0.5, 2.0)");
});

describe("the verifier refuses", () => {
  const refused = (body: readonly Statement[], why: string) =>
    expect(() => verifyKernel(kernel(body))).toThrow(why);
  const scalar = load(place("x", task), f32);

  test("names that are unknown, doubled or out of scope", () => {
    refused([store(place("y", task), variable("z", f32))], "z is not defined here");
    refused(
      [
        { kind: "let", name: "a", value: scalar },
        { kind: "let", name: "a", value: scalar },
      ],
      "a is defined twice",
    );
    const b = new BlockBuilder();
    b.loop("i", constant(0), constant(4), () => b.let("inner", scalar));
    refused([...b.statements, store(place("y", task), variable("inner", f32))], "inner");
  });

  test("other types than defined", () => {
    refused([store(place("y", task), variable("rate", i32))], "rate is i32, not f32");
    refused([store(place("x", task), scalar)], "x is not for write");
    refused([{ kind: "assign", name: "rate", value: scalar }], "no mutable");
  });

  test("columns without rows, windows with them, and odd masks", () => {
    refused([store(place("y", task), load(place("image", task), f32))], "image holds u8");
    const u8 = { dtype: "u8", lanes: 1 } as const;
    refused([{ kind: "let", name: "a", value: load(place("image", task), u8) }], "a row");
    refused([{ kind: "let", name: "a", value: load(place("x", task, task), f32) }], "a row");
    const mask = { mask: constant(1) };
    refused([{ kind: "let", name: "a", value: load(place("x", task), f32, mask) }], "a mask");
  });
});

test("a value used once moves to its use, unless something may change it", () => {
  const b = new BlockBuilder();
  const total = b.mutable("total", constant(0, "f32"));
  b.loop("i", constant(0), constant(4), (i) => {
    const x = b.let("x_i", load(place("x", i), f32));
    const next = b.let("next", call("add", total.value, call("exp", x)));
    b.assign(total.name, next);
  });
  const half = b.let("half", call("multiply", total.value, constant(0.5, "f32")));
  b.assign(total.name, constant(1, "f32"));
  b.emit(store(place("y", constant(0)), subtract(half, total.value)));
  expect(printStatements(inlineSingleUses(b.statements)).join("\n")).toMatchInlineSnapshot(`
    "mutable total: f32 = 0.0
    loop i = 0 .. 4 step 1
      let next: f32 = add.f(total, exp.f(load(x[i], f32)))
      total = next
    let half: f32 = multiply.f(total, 0.5)
    total = 1.0
    y[0] = subtract(half, total)"
  `);
});

test("memory is asked for by an address, of its elements' type, that nothing takes away", () => {
  const b = new BlockBuilder();
  b.loop("i", constant(0), constant(4), (i) => b.emit(askFor("x", add(i, constant(16)))));
  expect(printStatements(b.statements).join("\n")).toMatchInlineSnapshot(`
    "loop i = 0 .. 4 step 1
      @prefetch_f32(&x[add(i, 16)])"
  `);
  verifyKernel(kernel(b.statements));
  expect(removeDeadCode(b.statements)).toBe(b.statements);
  expect(() => verifyKernel(kernel([askFor("image", task)]))).toThrow("prefetch_f32 takes f32");
  expect(() => verifyKernel(kernel([askFor("z", task)]))).toThrow("z is not defined");
  expect(() => verifyKernel(kernel([askFor("x", variable("rate", f32))]))).toThrow("is f32");
});

test("what nobody reads goes, and what a loop carries stays", () => {
  const b = new BlockBuilder();
  const total = b.mutable("total", constant(0, "f32"));
  const lost = b.mutable("lost", constant(0, "f32"));
  b.loop("i", constant(0), constant(4), (i) => {
    const x = b.let("x_i", load(place("x", i), f32));
    b.let("unused", call("exp", x));
    const next = b.let("next", call("add", total.value, x));
    b.assign(lost.name, next);
    b.assign(total.name, next);
  });
  b.loop("j", constant(0), constant(4), (j) => b.let("idle", load(place("x", j), f32)));
  b.emit(store(place("y", constant(0)), total.value));
  const live = removeDeadCode(b.statements);
  expect(printStatements(live).join("\n")).toMatchInlineSnapshot(`
    "mutable total: f32 = 0.0
    loop i = 0 .. 4 step 1
      let x_i: f32 = load(x[i], f32)
      let next: f32 = add.f(total, x_i)
      total = next
    y[0] = total"
  `);
  expect(removeDeadCode(live)).toBe(live);
});

test("what is carried from one turn to the next through other names stays, however deep", () => {
  const b = new BlockBuilder();
  const [first, second, third] = ["a", "b", "c"].map((name) => b.mutable(name, constant(0, "f32")));
  const lost = b.mutable("lost", constant(0, "f32"));
  b.loop("i", constant(0), constant(4), (i) => {
    b.loop("j", constant(0), constant(4), () => {
      b.emit(store(place("y", i), third!.value));
      // Each is read above in the turn after: only going through the turn again shows that.
      b.assign(third!.name, second!.value);
      b.assign(second!.name, first!.value);
      b.assign(lost.name, first!.value);
    });
    b.assign(first!.name, load(place("x", i), f32));
  });
  const live = removeDeadCode(b.statements);
  expect(printStatements(live).join("\n")).toMatchInlineSnapshot(`
    "mutable a: f32 = 0.0
    mutable b: f32 = 0.0
    mutable c: f32 = 0.0
    loop i = 0 .. 4 step 1
      loop j = 0 .. 4 step 1
        y[i] = c
        c = b
        b = a
      a = load(x[i], f32)"
  `);
  expect(removeDeadCode(live)).toBe(live);
});

test("names are counted by what is left of a hint, past those that are taken or reserved", () => {
  const b = new BlockBuilder();
  const names = ["x", "x", "x_2", "x", "n", "n", "x.2", "x"].map((hint) => b.name(hint));
  expect(names).toEqual(["x", "x_2", "x_2_2", "x_3", "n_2", "n_3", "x_2_3", "x_4"]);
});
