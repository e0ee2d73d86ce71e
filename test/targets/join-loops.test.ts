/** Loops of launches as one kernel: what it goes through, who meets whom, and which windows are shared. */

import { expect, test } from "vitest";
import {
  add,
  constant,
  f32,
  load,
  multiply,
  place,
  store,
  symbol,
  variable,
} from "../../compiler/kernel/build.ts";
import type { Kernel, KernelParameter, Statement } from "../../compiler/kernel/ir.ts";
import { type Launch, type LaunchLoop, launchTrees } from "../../compiler/kernel/module.ts";
import { printKernel } from "../../compiler/kernel/print.ts";
import { walkStatements } from "../../compiler/kernel/rewrite.ts";
import { verifyKernel } from "../../compiler/kernel/verify.ts";
import { describeCuda } from "../../compiler/targets/cuda/description.ts";
import { joinLoops } from "../../compiler/targets/cuda/join-loops.ts";
import {
  canBePart,
  joinLoop,
  type LoopForm,
  type LoopTree,
} from "../../compiler/targets/join-loops.ts";
import { type Bound, input, launch, output, updated } from "./kernels.ts";

const task = symbol("task");
const thread = symbol("thread");

interface Size {
  readonly tasks?: number;
  readonly threads?: number;
  readonly withPrevious?: boolean;
}

function inArena(parameter: KernelParameter, offset: number): Bound {
  return [parameter, { kind: "arena", arena: "temporaries", offset }];
}

/** y = 2·x, element by element, by way of shared memory. */
function double(
  from: number,
  to: number,
  { tasks = 4, threads = 32, withPrevious = false }: Size,
): Launch {
  const i = add(multiply(task, constant(threads)), thread);
  const elements = tasks * threads;
  const body: Statement[] = [
    { kind: "buffer", name: "block", scope: "shared", dtype: "f32", elements: threads },
    store(place("block", thread), load(place("x", i), f32)),
    { kind: "barrier" },
    store(place("y", i), multiply(constant(2, "f32"), load(place("block", thread), f32))),
  ];
  const [x] = input("x", "f32", elements, from);
  const [y] = output("y", "f32", elements, to);
  return launch([inArena(x, from), inArena(y, to)], body, {
    name: "double",
    tasks: constant(tasks),
    threads,
    withPrevious,
  });
}

/** Adds the number of the iteration to the first element. */
function count(at: number, depth = 0): Launch {
  const sum = add(load(place("x", constant(0)), f32), load(place("x", variable("t")), f32));
  const counted = launch([updated("x", "f32", 64, at)], [store(place("x", constant(0)), sum)], {
    name: "count",
    tasks: constant(1),
    threads: 32,
  });
  const { kernel, placements } = counted;
  return {
    ...counted,
    kernel: { ...kernel, parameters: [...kernel.parameters, { kind: "step", name: "t" }] },
    placements: [...placements, { kind: "step", depth }],
  };
}

const bytesOf = () => 4;

function joined(
  launches: readonly Launch[],
  loops: readonly LaunchLoop[],
  form: Partial<LoopForm> = {},
): Kernel {
  const [tree] = launchTrees({ launches, loops });
  const { kernel } = joinLoop(tree as LoopTree, launches, {
    scope: "grid",
    depth: 0,
    bytesOf,
    ...form,
  });
  verifyKernel(kernel);
  return kernel;
}

function barriers(kernel: Kernel): { readonly grid: number; readonly workgroup: number } {
  const found = { grid: 0, workgroup: 0 };
  walkStatements(kernel.body, (s) => {
    if (s.kind === "barrier") found[s.scope ?? "workgroup"]++;
  });
  return found;
}

const once = [{ first: 0, end: 2, count: 5 }];

test("workgroups meet after each wave, and share what one writes and another reads", () => {
  const kernel = joined([double(0, 4096, {}), double(4096, 8192, {})], once);
  // Within a task, and before the next one takes its shared memory.
  expect(barriers(kernel)).toEqual({ grid: 2, workgroup: 4 });
  expect(kernel).toMatchObject({ isPersistent: true, threads: 32, tasks: constant(4) });
  const shared = kernel.parameters.flatMap((p) =>
    p.kind === "window" && p.isShared ? [p.name] : [],
  );
  expect(kernel.parameters).toHaveLength(3);
  expect(shared).toHaveLength(2);
  expect(kernel.parameters[0]).not.toHaveProperty("isShared");
});

test("windows that overlap one that is written are shared", () => {
  const kernel = joined([double(256, 4096, {}), double(8192, 0, {})], once);
  const windows = kernel.parameters.flatMap((p) => (p.kind === "window" ? [p] : []));
  expect(windows.map(({ isShared = false }) => isShared)).toEqual([true, true, false, true]);
});

test("launches that run together are one wave", () => {
  const kernel = joined([double(0, 4096, {}), double(0, 8192, { withPrevious: true })], once);
  expect(barriers(kernel).grid).toBe(1);
  expect(kernel.tasks).toEqual(constant(8));
});

test("kernels of fewer threads meet among themselves", () => {
  const kernel = joined([double(0, 4096, { threads: 64 }), double(4096, 8192, {})], once);
  expect(kernel.threads).toBe(64);
  expect(printKernel(kernel)).toContain("@meet_threads_32()");
  expect(canBePart({ ...kernel, isPersistent: false, threads: 16 }, 64)).toBe(false);
});

test("loops in loops are loops, and know their iterations", () => {
  const launches = [double(0, 4096, {}), count(4096, 1), count(8192, 0)];
  const kernel = joined(launches, [
    { first: 0, end: 3, count: 5 },
    { first: 1, end: 2, count: 3 },
  ]);
  expect(barriers(kernel).grid).toBe(3);
  expect(kernel.parameters.some(({ kind }) => kind === "step")).toBe(false);
  expect(printKernel(kernel)).toMatch(
    /loop iteration = 0 \.\. 5[\s\S]*loop iteration_2 = 0 \.\. 3/,
  );
});

test("a single workgroup needs no barrier of the grid", () => {
  const kernel = joined([count(0), double(0, 4096, { tasks: 1 })], once, { scope: "workgroup" });
  expect(barriers(kernel)).toMatchObject({ grid: 0 });
  expect(kernel.isPersistent).toBeUndefined();
  expect(kernel.tasks).toEqual(constant(1));
});

function wholeLoops(launches: readonly Launch[], loops: readonly LaunchLoop[] = once) {
  const fn = { graph: "train", symbol: "train", launches, loops };
  return joinLoops(fn, 8, describeCuda()).map(
    (whole) => whole && (whole.kernel.isPersistent ?? false),
  );
}

test("CUDA launches small loops as a whole, with one block where that does", () => {
  expect(wholeLoops([double(0, 4096, {}), double(4096, 8192, {})])).toEqual([true]);
  expect(wholeLoops([count(0), count(0)])).toEqual([false]);
});

test("CUDA launches large bodies, and those that share out their tasks, one by one", () => {
  const large = double(0, 1 << 20, { tasks: 1000, threads: 256 });
  expect(wholeLoops([large, double(1 << 20, 2 << 20, {})])).toEqual([null]);
  const persistent = double(0, 4096, {});
  const own = { ...persistent, kernel: { ...persistent.kernel, isPersistent: true } };
  expect(wholeLoops([own, double(4096, 8192, {})])).toEqual([null]);
});

test("of loops in one that is not launched as a whole, each is decided for itself", () => {
  const large = double(0, 1 << 20, { tasks: 1000, threads: 256 });
  const loops = [
    { first: 0, end: 3, count: 5 },
    { first: 1, end: 3, count: 3 },
  ];
  expect(wholeLoops([large, count(0, 0), count(0, 1)], loops)).toEqual([null, false]);
});
