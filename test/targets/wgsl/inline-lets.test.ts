/** What keeps its name in WGSL, and what is put where it is used. */

import { expect, test } from "vitest";
import {
  add,
  constant,
  f32,
  i32,
  less,
  load,
  loop,
  multiply,
  place,
  shuffleDown,
  store,
  symbol,
  variable,
  vectorOf,
  when,
} from "../../../compiler/kernel/build.ts";
import type { Expression, Statement } from "../../../compiler/kernel/ir.ts";
import { CLikePrinter } from "../../../compiler/targets/c-like-printer.ts";
import { noMemory, wgslDialect } from "../../../compiler/targets/wgsl/dialect.ts";
import { inlineLets } from "../../../compiler/targets/wgsl/inline-lets.ts";

const task = symbol("task");
const named = (name: string): Expression => variable(name, f32);
const define = (name: string, value: Expression): Statement => ({ kind: "let", name, value });
const x = (at: Expression): Expression => load(place("x", at), f32);
const put = (value: Expression): Statement => store(place("y", task), value);
const half = constant(0.5, "f32");

function inlined(...body: readonly Statement[]): string[] {
  return new CLikePrinter(wgslDialect(noMemory)).block(inlineLets(body), "");
}

test("values that are used once become formulas", () => {
  expect(
    inlined(
      define("a", x(task)),
      define("b", add(named("a"), half)),
      put(multiply(named("b"), half)),
    ),
  ).toEqual(["y[task] = (x[task] + 0.5f) * 0.5f;"]);
});

test("values that are used twice, or in a vector that is taken apart, keep their names", () => {
  const wide = vectorOf("f32", 4);
  const v = variable("v", wide);
  const swapped: Expression = { kind: "shuffle", type: wide, a: v, b: v, lanes: [1, 0, 3, 2] };
  expect(
    inlined(
      define("a", x(task)),
      put(multiply(named("a"), named("a"))),
      define("v", { kind: "broadcast", type: wide, of: x(constant(1)) }),
      put({ kind: "lane", type: f32, of: { ...swapped, b: swapped.a }, lane: 0 }),
    )[0],
  ).toBe("let a = x[task];");
  const lines = inlined(
    define("v", { kind: "broadcast", type: wide, of: x(task) }),
    put({ kind: "lane", type: f32, of: { ...swapped, b: variable("w", wide) }, lane: 0 }),
  );
  expect(lines).toEqual(["let v = vec4f(x[task]);", "y[task] = v.yxwz.x;"]);
});

test("loads stay before stores, barriers, conditions and loops; what is computed moves", () => {
  const others: readonly Statement[] = [
    put(half),
    { kind: "barrier" },
    when(less(task, constant(1)), [put(half)]),
    loop("i", constant(0), constant(2), [put(half)]),
  ];
  for (const other of others) {
    const lines = inlined(
      define("a", x(task)),
      define("b", add(task, constant(1))),
      other,
      put(add(named("a"), x(variable("b", i32)))),
    );
    expect(lines[0]).toBe("let a = x[task];");
    expect(lines.at(-1)).toBe("y[task] = a + x[task + 1];");
  }
});

test("loads that wait go before the store that ends the wait, in order", () => {
  expect(
    inlined(
      define("a", x(task)),
      define("b", x(constant(0))),
      define("c", named("a")),
      put(named("b")),
      put(named("c")),
    ),
  ).toEqual(["let a = x[task];", "y[task] = x[0];", "y[task] = a;"]);
});

test("values of mutables stay before their assignments, also those in loops", () => {
  const sum = (name: string): Statement => ({ kind: "mutable", name, value: half });
  const assign: Statement = { kind: "assign", name: "s", value: half };
  expect(inlined(sum("s"), define("a", add(named("s"), half)), assign, put(named("a")))).toEqual([
    "var s = 0.5f;",
    "let a = s + 0.5f;",
    "s = 0.5f;",
    "y[task] = a;",
  ]);
  expect(
    inlined(
      sum("s"),
      define("a", named("s")),
      loop("i", constant(0), constant(2), [assign]),
      put(named("a")),
    )[1],
  ).toBe("let a = s;");
  expect(
    inlined(sum("s"), define("a", add(named("s"), half)), {
      kind: "assign",
      name: "s",
      value: named("a"),
    }),
  ).toEqual(["var s = 0.5f;", "s = s + 0.5f;"]);
});

test("nothing moves into a loop, or into its bound", () => {
  const n = symbol("n");
  expect(
    inlined(
      define("a", x(task)),
      define("first", multiply(task, constant(2))),
      define("end", multiply(n, constant(2))),
      loop("i", variable("first", i32), variable("end", i32), [put(named("a"))]),
    ),
  ).toEqual([
    "let a = x[task];",
    "let end = n * 2;",
    "for (var i = task * 2; i < end; i++) {",
    "  y[task] = a;",
    "}",
  ]);
});

test("what is exchanged, large, or made of literals alone keeps its name", () => {
  const large = Array.from({ length: 20 }, (_, k) => x(constant(k))).reduce((a, b) => add(a, b));
  const literals: Expression = { kind: "join", type: vectorOf("f32", 2), of: [half, half] };
  expect(
    inlined(
      define("a", shuffleDown(x(task), 1)),
      put(named("a")),
      define("b", large),
      put(named("b")),
      define("c", literals),
      put({ kind: "lane", type: f32, of: variable("c", literals.type), lane: 1 }),
    ).filter((line) => line.startsWith("let")),
  ).toHaveLength(3);
});

test("names of names go wherever they are used", () => {
  expect(
    inlined(
      define("a", task),
      loop("i", constant(0), variable("a", i32), [put(x(variable("a", i32)))]),
    ),
  ).toEqual(["for (var i = 0; i < task; i++) {", "  y[task] = x[task];", "}"]);
});
