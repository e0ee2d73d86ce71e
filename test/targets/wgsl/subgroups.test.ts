/** Variants of kernels for devices with subgroups, run on SwiftShader: they exchange values, and give the same bits. */

import { afterAll, describe, expect, test } from "vitest";
import {
  add,
  constant,
  f32,
  less,
  load,
  operation,
  place,
  shuffleDown,
  store,
  symbol,
  variable,
  when,
} from "../../../compiler/kernel/build.ts";
import type { Expression, Statement } from "../../../compiler/kernel/ir.ts";
import { wgslModule } from "../../../runtime/devices/webgpu/wgsl-module.ts";
import { missing, openDawn } from "../../dawn.ts";
import { input, launch, moduleOf, output } from "../kernels.ts";
import { runKernels } from "./run-kernels.ts";

const opened = await openDawn();
if (opened === null) console.log(`[SKIP] subgroups of WebGPU: ${missing}`);
afterAll(() => opened?.close());

const threads = 64;
const thread = symbol("thread");
const subgroup = symbol("subgroup");
const sum = variable("sum", f32);
const assign = (value: Expression): Statement => ({ kind: "assign", name: "sum", value });
const total = (at: Expression): Expression => load(place("totals", at), f32);

/** Adds up 64 numbers as a tree, whose first levels are exchanged in subgroups. */
function totalOf(withSubgroups: boolean) {
  const body: Statement[] = [
    { kind: "buffer", name: "totals", scope: "shared", dtype: "f32", elements: threads },
    { kind: "mutable", name: "sum", value: load(place("x", thread), f32) },
  ];
  const distances = [1, 2, 4, 8, 16, 32];
  for (const distance of withSubgroups ? distances : []) {
    const name = `other_${distance}`;
    body.push(
      when(less(constant(distance), subgroup), [
        { kind: "let", name, value: shuffleDown(sum, distance) },
        assign(add(sum, variable(name, f32))),
      ]),
    );
  }
  body.push(store(place("totals", thread), sum));
  for (const distance of distances) {
    const isFirst = operation(
      "equal",
      operation("and", thread, constant(2 * distance - 1)),
      constant(0),
    );
    const pair = add(total(thread), total(add(thread, constant(distance))));
    const level: Statement[] = [
      { kind: "barrier" },
      store(place("totals", thread), pair, { mask: isFirst }),
    ];
    const isLeft = operation("greaterEqual", constant(distance), subgroup);
    body.push(...(withSubgroups ? [when(isLeft, level)] : level));
  }
  body.push({ kind: "barrier" });
  const isThis = (k: number) => ({ mask: operation("equal", thread, constant(k)) });
  body.push(store(place("y", constant(0)), total(constant(0)), isThis(0)));
  // What tells that it was this variant: how many threads exchange values.
  const told = withSubgroups ? subgroup : constant(1);
  body.push(store(place("size", constant(0)), told, isThis(0)));
  return moduleOf(
    launch(
      [input("x", "f32", threads, 0), output("y", "f32", 1), output("size", "i32", 1, 256)],
      body,
      { threads },
    ),
  );
}

describe.skipIf(opened === null)("on SwiftShader", () => {
  test("there are subgroups, which exchange values and change no bit", async () => {
    const { device } = opened!;
    expect(device.features.has("subgroups")).toBe(true);
    const x = Float32Array.from({ length: threads }, (_, k) => Math.fround(1 / (k + 3)));
    const run = async (withSubgroups: boolean) => {
      const { results, program } = (await runKernels({
        module: totalOf(false),
        ...(withSubgroups ? { subgroups: totalOf(true) } : {}),
        symbol: "nnc_predict",
        persistent: new Uint8Array(x.buffer),
        resultsBytes: 512,
        opened: opened!,
      }))!;
      const bits = new Uint32Array(results)[0];
      return { bits, size: new Int32Array(results)[64], program };
    };
    const plain = await run(false);
    const exchanged = await run(true);
    const [kernel] = exchanged.program.kernels;
    expect(wgslModule(exchanged.program, kernel!, device.features)).toContain(
      "subgroupShuffleDown",
    );
    expect([plain.size, exchanged.size]).toEqual([1, 4]);
    expect(exchanged.bits).toBe(plain.bits);
  });
});
