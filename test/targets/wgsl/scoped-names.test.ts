/** Names start afresh in every block, and hide nothing. */

import { expect, test } from "vitest";
import {
  add,
  constant,
  f32,
  less,
  load,
  loop,
  place,
  store,
  symbol,
  variable,
  when,
} from "../../../compiler/kernel/build.ts";
import type { Expression, Statement } from "../../../compiler/kernel/ir.ts";
import { CLikePrinter } from "../../../compiler/targets/c-like-printer.ts";
import { namesIn } from "../../../compiler/targets/legal-names.ts";
import { noMemory, wgslDialect } from "../../../compiler/targets/wgsl/dialect.ts";
import { withScopedNames } from "../../../compiler/targets/wgsl/scoped-names.ts";

const task = symbol("task");
const named = (name: string): Expression => variable(name, f32);
const define = (name: string, value: Expression): Statement => ({ kind: "let", name, value });
const x = (k: number): Expression => load(place("x", constant(k)), f32);
const put = (k: number, value: Expression): Statement => store(place("y", constant(k)), value);

function scoped(outside: readonly string[], ...body: readonly Statement[]): string[] {
  const renamed = withScopedNames(body, new Set(outside), namesIn(body));
  return new CLikePrinter(wgslDialect(noMemory)).block(renamed, "");
}

test("blocks beside each other use the same names, and none of those around them", () => {
  const block = (name: string, other: string) => [
    define(name, x(1)),
    define(other, add(named("a"), named(name))),
    put(0, named(other)),
  ];
  expect(
    scoped(
      ["x", "y"],
      define("a", x(0)),
      when(less(task, constant(1)), block("a_2", "a_3"), block("a_4", "a_5")),
      define("a_6", x(2)),
      put(1, named("a_6")),
    ),
  ).toEqual([
    "let a = x[0];",
    "if (task < 1) {",
    "  let a_2 = x[1];",
    "  let a_3 = a + a_2;",
    "  y[0] = a_3;",
    "} else {",
    "  let a_2 = x[1];",
    "  let a_3 = a + a_2;",
    "  y[0] = a_3;",
    "}",
    "let a_2 = x[2];",
    "y[1] = a_2;",
  ]);
});

test("variables of loops, and accumulators", () => {
  const sum = named("sum_2");
  const body = (variableName: string): Statement => ({
    kind: "assign",
    name: "sum_2",
    value: add(sum, load(place("x", variable(variableName)), f32)),
  });
  expect(
    scoped(
      ["x", "y", "sum"],
      { kind: "mutable", name: "sum_2", value: constant(0, "f32") },
      loop("i", constant(0), constant(2), [
        loop("i_2", constant(0), constant(2), [body("i_2")]),
        body("i"),
      ]),
      loop("i_3", constant(0), constant(2), [body("i_3")]),
    ),
  ).toEqual([
    "var sum_2 = 0.0f;",
    "for (var i = 0; i < 2; i++) {",
    "  for (var i_2 = 0; i_2 < 2; i_2++) {",
    "    sum_2 = sum_2 + x[i_2];",
    "  }",
    "  sum_2 = sum_2 + x[i];",
    "}",
    "for (var i = 0; i < 2; i++) {",
    "  sum_2 = sum_2 + x[i];",
    "}",
  ]);
});

test("names of layers stay, and those of buffers", () => {
  expect(
    scoped(
      ["x", "y"],
      define("dense_1", x(0)),
      { kind: "buffer", name: "part", scope: "local", dtype: "f32", elements: 2 },
      define("part_2", named("dense_1")),
      put(0, named("part_2")),
    ).slice(1),
  ).toEqual(["var part: array<f32, 2>;", "let part_2 = dense_1;", "y[0] = part_2;"]);
});
