/** What the verifier refuses of kernels whose tasks are run by workgroups. */

import { expect, test } from "vitest";
import {
  add,
  constant,
  f32,
  less,
  load,
  loop,
  multiply,
  place,
  shuffleDown,
  store,
  symbol,
  variable,
  when,
} from "../../compiler/kernel/build.ts";
import type { Expression, Kernel, Statement } from "../../compiler/kernel/ir.ts";
import { verifyKernel } from "../../compiler/kernel/verify.ts";

function kernel(body: readonly Statement[], threads: number): Kernel {
  return {
    name: "sums",
    comment: { lines: [], sources: [], flops: 0, bytes: 0 },
    parameters: [
      { kind: "window", name: "x", dtype: "f32", access: "read_write", elements: 64 },
      { kind: "window", name: "order", dtype: "i32", access: "read", elements: 64 },
      { kind: "scalar", name: "rate" },
    ],
    tasks: symbol("n"),
    threads,
    body,
  };
}

const thread = symbol("thread");
const barrier: Statement = { kind: "barrier" };
const shared: Statement = {
  kind: "buffer",
  name: "totals",
  scope: "shared",
  dtype: "f32",
  elements: 64,
};
const own = load(place("x", thread), f32);
const fromMemory = load(place("order", constant(0)), { dtype: "i32", lanes: 1 });

function let_(name: string, value: Expression): Statement {
  return { kind: "let", name, value };
}

function refused(body: readonly Statement[], why: string, threads = 64): void {
  expect(() => verifyKernel(kernel(body, threads))).toThrow(why);
}

test("barriers stand where all threads come", () => {
  const end = let_("end", multiply(symbol("task"), constant(2)));
  const uniform = [
    shared,
    end,
    store(place("totals", thread), own),
    barrier,
    loop("i", constant(0), variable("end"), [
      when(less(variable("i"), symbol("n")), [
        barrier,
        loop("j", variable("i"), symbol("subgroup"), [barrier]),
      ]),
    ]),
    let_("next", shuffleDown(own, 1)),
    store(place("x", thread), variable("next", f32), { mask: less(thread, constant(8)) }),
  ];
  verifyKernel(kernel(uniform, 64));

  refused([when(less(thread, constant(8)), [barrier])], "not all threads come to a barrier");
  refused([loop("i", constant(0), fromMemory, [barrier])], "not all threads come to a barrier");
  refused([loop("i", thread, symbol("n"), [barrier])], "not all threads come to a barrier");
  const first = let_("first", add(thread, constant(1)));
  refused([first, when(less(variable("first"), constant(8)), [barrier])], "not all threads");
  const count: Statement = { kind: "mutable", name: "count", value: constant(0) };
  refused([count, loop("i", constant(0), variable("count"), [barrier])], "not all threads");
  const next = let_("next", shuffleDown(own, 1));
  refused([when(less(thread, constant(8)), [next])], "not all threads come to shuffleDown");
});

test("one thread has no others", () => {
  const alone = "there are no other threads";
  refused([barrier], alone, 1);
  refused([shared], alone, 1);
  refused([store(place("x", thread), constant(0, "f32"))], alone, 1);
  refused([let_("next", shuffleDown(load(place("x", constant(0)), f32), 1))], alone, 1);
  refused([], "48 threads", 48);
});
