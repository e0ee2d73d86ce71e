/** What kernels compute with on every graphics processor: conversions, bits and random numbers. */

import { expect, test } from "vitest";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";
import {
  add,
  bitcast,
  constant,
  convert,
  f32,
  floorQuotient,
  floorRemainder,
  i32,
  less,
  load,
  multiply,
  operation,
  place,
  random,
  store,
  symbol,
  u32,
} from "../../compiler/kernel/build.ts";
import type { Expression, Statement } from "../../compiler/kernel/ir.ts";
import { type Bound, input, output } from "./kernels.ts";

/** Runs one kernel, of a task a row unless `tasks` says how many. */
export type RunKernel = (
  parameters: readonly Bound[],
  body: readonly Statement[],
  given: {
    readonly persistent?: Uint8Array;
    readonly rows?: readonly number[];
    readonly seed?: number;
    readonly batch?: number;
    readonly tasks?: Expression;
    readonly threads?: number;
  },
) => Promise<{ readonly results: ArrayBuffer }>;

export interface ValueCases {
  readonly run: RunKernel;
  /** How bytes and flags lie in arenas. */
  readonly Bytes: Uint8ArrayConstructor | Uint32ArrayConstructor;
  readonly hasSubnormals: boolean;
}

const task = symbol("task");
const thread = symbol("thread");

/** Declares the tests. */
export function testValues({ run, Bytes, hasSubnormals }: ValueCases): void {
  test("conversions saturate, wrap and test as kernels say", async () => {
    const numbers = [
      ...[0, -0, 1.9, -1.9, 300, 2147483520, 2147483648, 1e20, -2147483648, -1e20],
      ...[Infinity, -Infinity, Number.NaN, 0.49],
    ];
    const integers = [0, 1, -1, 255, 256, -129, 2147483647, -2147483648];
    const persistent = new Uint8Array(1024);
    new Float32Array(persistent.buffer, 0, numbers.length).set(numbers);
    new Int32Array(persistent.buffer, 512, integers.length).set(integers);
    const x = load(place("x", task), f32);
    const k = load(place("k", task), i32);
    const isInteger = { mask: less(task, constant(integers.length)) };
    const { results } = await run(
      [
        input("x", "f32", 16, 0),
        input("k", "i32", 16, 512),
        output("i", "i32", 16),
        output("b", "i32", 16, 256),
        output("t", "bool", 16, 512),
        output("w", "u8", 16, 768),
        output("f", "f32", 16, 1024),
        output("q", "i32", 32, 1280),
      ],
      [
        store(place("i", task), convert(x, "i32")),
        store(place("b", task), convert(convert(x, "u8"), "i32")),
        store(place("t", task), convert(x, "bool")),
        store(place("w", task), convert(k, "u8"), isInteger),
        store(place("f", task), convert(k, "f32"), isInteger),
        store(place("q", task), floorQuotient(k, 7), isInteger),
        store(place("q", add(task, constant(16))), floorRemainder(k, 8), isInteger),
      ],
      { persistent, rows: numbers.map(() => 0) },
    );
    const saturated = (v: number, low: number, high: number) =>
      Number.isNaN(v) ? 0 : Math.trunc(Math.min(Math.max(v, low), high)) + 0;
    const words = (at: number, count: number) => [...new Int32Array(results, at, count)];
    const bytes = (at: number, count: number) => [...new Bytes(results, at, count)];
    expect(words(0, numbers.length)).toEqual(
      numbers.map((v) => saturated(v, -2147483648, 2147483647)),
    );
    expect(words(256, numbers.length)).toEqual(numbers.map((v) => saturated(v, 0, 255)));
    expect(bytes(512, numbers.length)).toEqual(numbers.map((v) => Number(v !== 0)));
    expect(bytes(768, integers.length)).toEqual(integers.map((v) => v & 255));
    expect([...new Float32Array(results, 1024, integers.length)]).toEqual(
      integers.map(Math.fround),
    );
    expect(words(1280, integers.length)).toEqual(integers.map((v) => Math.floor(v / 7)));
    expect(words(1280 + 64, integers.length)).toEqual(integers.map((v) => v & 7));
  });

  test("bits, and numbers at the ends of their range", async () => {
    const x = load(place("x", constant(0)), u32);
    const word = (value: number) => constant(value, "u32");
    const chosen = (value: number): Expression =>
      bitcast(
        operation(
          "select",
          operation("equal", x, word(0)),
          constant(1, "f32"),
          constant(value, "f32"),
        ),
        "u32",
      );
    const values: Expression[] = [
      operation("shiftLeft", x, word(31)),
      operation("shiftRight", x, word(4)),
      bitcast(operation("shiftRight", bitcast(x, "i32"), constant(4)), "u32"),
      operation("add", x, x),
      operation("multiply", x, x),
      operation("not", x),
      operation("xor", x, word(0xffffffff)),
      ...[Infinity, -Infinity, Number.NaN, -0, 2 ** -126, 3.4028234663852886e38].map(chosen),
      ...(hasSubnormals ? [chosen(2 ** -149)] : []),
    ];
    const persistent = new Uint8Array(16);
    new Uint32Array(persistent.buffer)[0] = 0x80000011;
    const { results } = await run(
      [input("x", "u32", 1, 0), output("y", "u32", 16)],
      values.map((value, i) => store(place("y", constant(i)), value)),
      { persistent, rows: [0] },
    );
    expect([...new Uint32Array(results, 0, values.length)]).toEqual([
      ...[0x80000000, 0x08000001, 0xf8000001, 0x22, 0x121, 0x7fffffee, 0x7fffffee],
      ...[0x7f800000, 0xff800000, 0x7fc00000, 0x80000000, 0x00800000, 0x7f7fffff],
      ...(hasSubnormals ? [1] : []),
    ]);
  });

  test("random numbers are the bits that all targets draw", async () => {
    const [seed, batch, stream] = [0xdeadbeef, 12345, "Test/dropout"];
    const i = add(multiply(task, constant(16)), thread);
    const { results } = await run(
      [output("y", "f32", 256)],
      [store(place("y", i), random(stream, i))],
      { seed, batch, tasks: constant(16), threads: 16 },
    );
    const expected = Array.from({ length: 256 }, (_, k) =>
      uniformAt(seed, hash32(stream), batch, k),
    );
    expect([...new Float32Array(results, 0, 256)]).toEqual(expected);
  });
}
