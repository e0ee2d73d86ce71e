/** Which barriers order memory outside the workgroup. */

import { expect, test } from "vitest";
import {
  constant,
  f32,
  less,
  load,
  loop,
  place,
  store,
  symbol,
  when,
} from "../../../compiler/kernel/build.ts";
import type { Statement } from "../../../compiler/kernel/ir.ts";
import { storageBarriers } from "../../../compiler/targets/wgsl/storage-barriers.ts";

const barrier = (): Statement => ({ kind: "barrier" });
const value = (buffer: string) => load(place(buffer, constant(0)), f32);
const write = (buffer: string) => store(place(buffer, constant(0)), constant(1, "f32"));
const copy = (to: string, from: string) => store(place(to, constant(0)), value(from));

/** Positions of the barriers found, of all in order. */
function found(body: readonly Statement[], all: readonly Statement[]): number[] {
  const barriers = storageBarriers(body, new Set(["x", "y"]));
  return all.flatMap((b, i) => (barriers.has(b) ? [i] : []));
}

test("the last barrier between accesses that meet", () => {
  const [a, b, c] = [barrier(), barrier(), barrier()] as const;
  const all = [a, b, c];
  expect(found([copy("shared", "x"), a, b, write("x"), c, copy("shared", "y")], all)).toEqual([1]);
  expect(found([write("x"), a, copy("shared", "x"), b, copy("shared", "x")], all)).toEqual([0]);
  expect(found([copy("shared", "x"), a, copy("shared", "x"), b, write("y")], all)).toEqual([]);
  expect(found([write("x"), a, write("x"), b, write("x")], all)).toEqual([0, 1]);
  expect(found([write("shared"), a, copy("other", "shared")], all)).toEqual([]);
});

test("loops carry accesses, and conditions leave two that may be the last", () => {
  const [a, b, c] = [barrier(), barrier(), barrier()] as const;
  const all = [a, b, c];
  const tree = (inner: Statement) =>
    loop("level", constant(0), constant(4), [inner, write("shared")]);
  expect(found([copy("shared", "x"), tree(a), b, write("x")], all)).toEqual([1]);
  const turns = loop("i", constant(0), symbol("n"), [copy("shared", "x"), a, write("x"), b]);
  expect(found([turns], all)).toEqual([0, 1]);
  const some = when(less(symbol("task"), constant(3)), [b]);
  expect(found([copy("shared", "x"), a, some, write("x")], all)).toEqual([0, 1]);
  expect(found([copy("shared", "x"), a, some, c, write("x")], all)).toEqual([2]);
});
