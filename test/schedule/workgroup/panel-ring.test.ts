/**
 * Contractions of the sizes that large tiles are for, panels copied while threads compute: as CUDA on the emulation, in
 * every transpose, with sides that are no multiple of a tile or of four, and sums that end within a panel or depend on
 * the batch; and what the simulator says of rings that wait too little.
 */

import { describe, expect, test } from "vitest";
import { interpret } from "../../../compiler/graph/interpret.ts";
import { constant, f32, load, place, store, symbol } from "../../../compiler/kernel/build.ts";
import { awaitCopies, commitCopies, copyAsync } from "../../../compiler/kernel/intrinsics.ts";
import type { Kernel, Statement } from "../../../compiler/kernel/ir.ts";
import type { TargetDescription } from "../../../compiler/optimize/target-description.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import { type Case, productCase } from "../contraction-cases.ts";
import { scheduleCase } from "../schedule-case.ts";
import { adam, dense } from "./epilogue-cases.ts";
import { expectInterpreted } from "./expect-interpreted.ts";
import { runOnCuda } from "./run-cuda-graph.ts";
import { simulateKernel } from "./simulate-kernel.ts";

/** A device of one multiprocessor: tiles are as large as they would be for large shapes. */
const cuda = describeCuda();
const places = cuda.workgroup!.concurrency;
const small: TargetDescription = {
  ...cuda,
  peakFlops: cuda.peakFlops / places,
  cacheBandwidth: cuda.cacheBandwidth / places,
  workgroup: { ...cuda.workgroup!, concurrency: 1 },
};

const products: readonly (Case & { readonly threads: number })[] = [
  { letters: "mk,kn->mn", sizes: { m: 128, k: 64, n: 256 }, threads: 256 },
  { letters: "mk,nk->mn", sizes: { m: 256, k: 48, n: 128 }, threads: 256 },
  { letters: "km,kn->mn", sizes: { m: 128, k: 80, n: 128 }, threads: 256 },
  { letters: "km,nk->mn", sizes: { m: 128, k: 16, n: 128 }, threads: 256 },
  { letters: "mk,kn->mn", sizes: { m: 250, k: 61, n: 253 }, threads: 256 },
  { letters: "km,kn->mn", sizes: { m: 254, k: "N", n: 250 }, batch: [21, 64], threads: 0 },
  { letters: "mk,nk->mn", sizes: { m: "N", k: 132, n: 130 }, batch: [77, 128], threads: 0 },
  { letters: "bmk,bkn->bmn", sizes: { b: 3, m: 64, k: 40, n: 64 }, threads: 0 },
];

describe("as CUDA on the emulation", () => {
  const run = async (make: () => ReturnType<typeof productCase>, target: TargetDescription) => {
    const graphCase = make();
    const wanted = interpret(graphCase.graph, graphCase);
    const options = { fusion: true, order: "shuffled", target } as const;
    const actual = await runOnCuda(graphCase, options);
    expectInterpreted(wanted, actual, 2e-5);
    return actual;
  };

  test.skipIf(!hasEmulation).each(products)(
    `$letters $sizes ${needsEmulation}`,
    async (each) => {
      const { source } = (await run(() => productCase(each), small)).kernels;
      expect(source).toContain("await_copies_");
      const { threads } = each;
      if (threads > 0) expect(source).toContain(`__launch_bounds__(${threads})`);
    },
    60_000,
  );

  test.skipIf(!hasEmulation)(
    `a layer with dropout, and an update ${needsEmulation}`,
    async () => {
      await run(() => dense(40, 136, 130, 140, (f, x) => f.call("maximum", f.number(0), x)), small);
      await run(() => adam(130, 70, 33, 64), small);
      await run(() => dense(784, 10, 5, 8, (f, x) => f.call("tanh", x)), describeCuda());
    },
    60_000,
  );

  test.skipIf(!hasEmulation)(
    `touches nothing that is not there ${needsEmulation}`,
    async () => {
      const each = productCase({ letters: "mk,nk->mn", sizes: { m: 37, k: 45, n: 19 } });
      await runOnCuda(each, { fusion: true, sanitized: true, target: small });
    },
    60_000,
  );
});

test("large products have eight by eight sums a thread, and copy rows of either operand by 16 bytes", () => {
  const kernelOf = (letters: string) => {
    const each = productCase({ letters, sizes: { m: 4096, k: 4096, n: 4096 } });
    const { program } = scheduleCase(each, describeCuda(), true);
    return JSON.stringify(program.module.functions[0]!.launches[0]!.kernel);
  };
  const copies = (text: string, bytes: number) => text.split(`copy_async_${bytes}_f32`).length - 1;
  // Of each panel before the loop and in it: 2 vectors of a thread, or 8 elements that are laid across.
  const counts = (letters: string) => [16, 4].map((bytes) => copies(kernelOf(letters), bytes));
  expect(counts("km,kn->mn")).toEqual([8, 0]);
  expect(counts("mk,kn->mn")).toEqual([4, 16]);
  expect(counts("mk,nk->mn")).toEqual([0, 32]);
});

describe("the simulator refuses", () => {
  const thread = symbol("thread");
  const copy: Statement = {
    kind: "invoke",
    function: copyAsync(4, "f32"),
    args: [
      { kind: "address", place: place("panel", thread) },
      { kind: "address", place: place("x", thread) },
      constant(1, "bool"),
    ],
  };
  const commit: Statement = { kind: "invoke", function: commitCopies, args: [] };
  const wait: Statement = { kind: "invoke", function: awaitCopies(0), args: [] };
  const barrier: Statement = { kind: "barrier" };
  const readNext = store(place("y", thread), load(place("panel", symbol("task")), f32));
  const run = (...statements: readonly Statement[]) => {
    const window = (name: string, access: "read" | "write") =>
      ({ kind: "window", name, dtype: "f32", access, elements: 64 }) as const;
    const kernel: Kernel = {
      name: "copies",
      comment: { lines: [], sources: [], flops: 0, bytes: 0 },
      parameters: [window("x", "read"), window("y", "write")],
      tasks: constant(1),
      threads: 64,
      body: [
        { kind: "buffer", name: "panel", scope: "shared", dtype: "f32", elements: 64 },
        ...statements,
      ],
    };
    const y = new Float32Array(64);
    const memory = new Map([
      ["x", Float32Array.from({ length: 64 }, (_, i) => i + 1)],
      ["y", y],
    ]);
    simulateKernel(kernel, { n: 1, memory });
    return y;
  };

  test("nothing where copies are waited for before a barrier", () => {
    expect(run(copy, commit, wait, barrier, readNext)).toEqual(new Float32Array(64).fill(1));
  });

  test("copies that are read before they have arrived", () => {
    expect(() => run(copy, commit, barrier, readNext, wait)).toThrow("read while it is copied");
  });

  test("copies of others without a barrier after waiting", () => {
    expect(() => run(copy, commit, wait, readNext)).toThrow(/is read/);
  });

  test("copies that overwrite what others may still read", () => {
    const first = [copy, commit, wait, barrier, readNext];
    expect(() => run(...first, copy, commit, wait, barrier)).toThrow("beside");
  });

  test("copies that nobody waits for", () => {
    expect(() => run(copy, commit)).toThrow("nobody waits");
  });
});
