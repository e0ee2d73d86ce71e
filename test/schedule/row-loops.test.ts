/** Loops that tasks take rows of the batch through: which they are, and that they give the bits of any other way. */

import { arch } from "node:process";
import { describe, expect, test } from "vitest";
import { axisAffine, extentAffine, subtractAffine } from "../../compiler/graph/affine.ts";
import { batchExtent, fixed, type Shape } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Scalar, Value } from "../../compiler/graph/node.ts";
import { taskSlots } from "../../compiler/schedule/memory-plan.ts";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";
import { printC } from "../../compiler/targets/cpu/print-module.ts";
import { batchMax, LoopBuilder, type LoopCase, loopCases } from "../graph/loop-cases.ts";
import { expectClose } from "./expect-close.ts";
import { runGraph } from "./run-program.ts";
import { scheduleCase } from "./schedule-case.ts";

/** Two rows fill a tile, so that the batch of the cases is worth tasks. */
const narrow = { ...baselineCpu(arch), taskSeconds: 0, vectorRegisters: 8 };
/** Fewer rows than two tasks would have. */
const wide = { ...narrow, vectorRegisters: 16 };

function tasksOf({ context, graph }: LoopCase, target = narrow) {
  const { program } = scheduleCase({ context, graph }, target, true);
  return program.module.functions.flatMap((fn) => fn.loops.map((loop) => loop.tasks?.rows ?? null));
}

describe("tasks take rows through", () => {
  test.each([
    ["a recurrence, reversed", [3]],
    ["an LSTM", [3]],
    // The second one carries a mean over the rows.
    ["two loops in a row", [3, null]],
    // Those of the outer loop take them through the inner one.
    ["a loop in a loop", [3, null]],
    ["a loop without rows", [null]],
  ])("%s: %j", (name, rows) => {
    expect(tasksOf(loopCases[name]!())).toEqual(rows);
  });

  test("no batch that is one task", () => {
    expect(tasksOf(loopCases["an LSTM"]!(), wide)).toEqual([null]);
  });

  test("no loop whose weights each task would read from afar in each iteration", () => {
    const small = { ...narrow, cacheBytes: [1024, 4096] as const };
    expect(tasksOf(loopCases["an LSTM"]!(), small)).toEqual([null]);
  });
});

const rows = (...sizes: number[]): Shape => [batchExtent, ...sizes.map(fixed)];

/** h ← ½·h + what a step adds. */
function adding(makeTerm: (b: LoopBuilder, h: Scalar) => Scalar): LoopCase {
  const b = new LoopBuilder();
  const loop = b.scan(3, [b.map(rows(2), b.number(1))], ([h]) => {
    const half = b.call("multiply", b.number(0.5), b.at(h!));
    return { next: [b.map(rows(2), b.call("add", half, makeTerm(b, b.at(h!))))] };
  });
  return b.finish({ last: loop.values[0]! });
}

const divided = (b: LoopBuilder, h: Scalar): Scalar =>
  b.call("divide", h, b.context.cast(b.context.index(extentAffine(batchExtent)), "f32"));

test("a loop may know the number of all rows", () => {
  expect(tasksOf(adding(divided))).toEqual([3]);
});

describe("no loop that knows", () => {
  const cases: Readonly<Record<string, (b: LoopBuilder, h: Scalar) => Scalar>> = {
    "the number of the row": (b, h) =>
      b.call("multiply", h, b.context.cast(b.context.index(axisAffine(0)), "f32")),
    "how many rows come after its own": (b, h) => {
      const after = subtractAffine(extentAffine(batchExtent), axisAffine(0));
      return b.call("multiply", h, b.context.cast(b.context.index(after), "f32"));
    },
    "which random number is its own": (b, h) =>
      b.call("multiply", h, b.context.random("s", axisAffine(0))),
  };

  test.each(Object.entries(cases))("%s", (_, term) => {
    expect(tasksOf(adding(term))).toEqual([null]);
    expect(tasksOf(adding((b, h) => b.call("tanh", h)))).toEqual([3]);
  });
});

/**
 * A loop, a loss of each row over how many there are, the sum of all, which a weight is updated by, and a loop that goes
 * back through what the first one kept.
 */
function thereAndBack(): LoopCase {
  const b = new LoopBuilder();
  const x = b.leaf("input", "x", rows(3, 4));
  const w = b.leaf("param", "w", [fixed(4), fixed(4)]);
  const start = b.map(rows(4), b.number(1));
  const first = b.scan(3, [start], ([h], t) => {
    const z = b.call("add", b.at(b.product(h!, w)), b.at(x, axisAffine(0), t, axisAffine(1)));
    const next = b.map(rows(4), b.call("tanh", z));
    return { next: [next], stacked: [next] };
  });
  const [last, all] = first.values as readonly [Value, Value];
  const count = b.context.cast(b.context.index(extentAffine(batchExtent)), "f32");
  const loss = b.map(rows(4), b.call("divide", b.at(last), count));
  const total = b.context.compute({
    parallel: [fixed(4)],
    reduction: [batchExtent],
    reducer: "sum",
    body: b.at(loss, axisAffine(1), axisAffine(0)),
  }).values[0]!;
  const moved = b.map([fixed(4), fixed(4)], b.call("add", b.at(w), b.at(total, axisAffine(1))));
  const second = b.scan(
    3,
    [loss],
    ([d], t) => {
      const part = b.at(all, axisAffine(0), t, axisAffine(1));
      const next = b.map(rows(4), b.call("multiply", b.at(b.product(d!, w)), part));
      return { next: [next], stacked: [next] };
    },
    true,
  );
  const [, back] = second.values;
  const sums = b.context.compute({
    parallel: [fixed(4)],
    reduction: [batchExtent, fixed(3)],
    reducer: "sum",
    body: b.at(back!, axisAffine(1), axisAffine(2), axisAffine(0)),
  }).values[0]!;
  return b.finish({ total, back: back!, sums }, [{ target: w, value: moved }]);
}

describe("a task takes rows through what goes forth and back", () => {
  test("all of both loops, and what is between them for each row", () => {
    const { context, graph } = thereAndBack();
    const { program } = scheduleCase({ context, graph }, narrow, true);
    const [run, ...inner] = program.module.functions[0]!.loops;
    expect([run, ...inner].map((loop) => [loop!.count, loop!.tasks?.rows ?? null])).toEqual([
      [1, 3],
      [3, null],
      [3, null],
    ]);
    // Of the whole batch, in each iteration: 6 · 4 sums of 4 products.
    const products = program.kernels.filter(
      ({ kind, times }) => kind === "contraction" && times > 1,
    );
    expect(products.map(({ flops }) => flops)).toEqual([
      expect.closeTo(2 * batchMax * 16, -2),
      expect.closeTo(2 * batchMax * 16, -2),
    ]);
    const { launches } = program.module.functions[0]!;
    const names = launches.slice(run!.end).map(({ kernel }) => kernel.comment.lines.join(" "));
    expect(names.join(" ")).toMatch(/sum\[i1 < N\]/);
  });

  test("in memory of its own, but for what others read", () => {
    const { context, graph } = thereAndBack();
    const [fn] = scheduleCase({ context, graph }, narrow, true).program.module.functions;
    const [run] = fn!.loops;
    const windows = fn!.launches.slice(run!.first, run!.end).flatMap(({ kernel, placements }) =>
      kernel.parameters.flatMap((parameter, i) => {
        const placement = placements[i]!;
        if (parameter.kind !== "window" || placement.kind !== "arena") return [];
        const { arena, offset, rowBytes, taskBytes } = placement;
        return [{ arena, offset, rowBytes, taskBytes, bytes: 4 * parameter.elements }];
      }),
    );
    const own = windows.filter(({ taskBytes }) => taskBytes !== undefined);
    // The stack of three steps of four numbers for each of three rows, and what is carried.
    expect(Math.max(...own.map(({ bytes }) => bytes))).toBe(4 * 3 * 3 * 4);
    const start = Math.min(...own.map(({ offset }) => offset));
    for (const { arena, offset, bytes, taskBytes, rowBytes } of own) {
      expect(arena).toBe("temporaries");
      expect(offset + bytes).toBeLessThanOrEqual(start + taskBytes!);
      expect(rowBytes).toBeUndefined();
    }
    const results = windows.filter(({ arena }) => arena === "results");
    expect(results.map(({ rowBytes }) => rowBytes)).toContain(4 * 3 * 4);
    expect(run!.tasks!.slots).toBe(2);
    const meets = fn!.launches.slice(run!.end).flatMap(({ placements }) => placements);
    expect(meets.every((placement) => !("taskBytes" in placement))).toBe(true);
  });

  test("of which there is a part for each task, and for 64 at most", () => {
    expect(taskSlots(3, 6)).toBe(2);
    expect(taskSlots(4, 6)).toBe(2);
    expect(taskSlots(1, 1000)).toBe(64);
  });

  test.each([1, batchMax - 1, batchMax])("N = %i: the same bits for any threads", async (n) => {
    const { context, graph, leaf } = thereAndBack();
    // Stacks of 6 · 3 · 4 numbers do not fit the cache, so that the loop adds up what it stacks.
    const cpu = { ...narrow, cacheBytes: [16, 256] as const };
    const one = await runGraph({ context, graph, n, leaf }, { cpu, fusion: true });
    const two = await runGraph({ context, graph, n, leaf }, { cpu, fusion: true, threads: 2 });
    expect(one.source).not.toContain("sum[i1 < N, i2 < 3]");
    expect(two).toEqual(one);
    const apart = await runGraph({ context, graph, n, leaf }, { cpu, fusion: false });
    expect(apart.source).toContain("sum[i1 < N, i2 < 3]");
    const expected = interpret(graph, { n, leaf });
    for (const [name, data] of expected.results) {
      expectClose(one.results.get(name)!, data, name);
      expectClose(apart.results.get(name)!, data, name);
    }
    expectClose(one.assignments.get("w")!, expected.assignments[0]!.data, "w");
  });
});

const rowCases = { ...loopCases, "a number of rows": () => adding(divided) };

describe.each(Object.entries(rowCases))("%s", (_, make) => {
  test.each([
    [1, true],
    [batchMax - 1, true],
    [batchMax, false],
  ])("N = %i, fused %s: the bits of one iteration after the other", async (n, fusion) => {
    const { context, graph, leaf } = make();
    const one = await runGraph({ context, graph, n, leaf }, { cpu: narrow, fusion });
    for (const [name, data] of interpret(graph, { n, leaf }).results) {
      expectClose(one.results.get(name)!, data, name);
    }
    const { source: _one, ...numbers } = one;
    const two = await runGraph({ context, graph, n, leaf }, { cpu: narrow, fusion, threads: 2 });
    expect(two).toEqual(one);
    const whole = await runGraph({ context, graph, n, leaf }, { cpu: wide, fusion });
    expect(whole).toMatchObject(numbers);
  });
});

test("iterations are predicted to wait for sequences that the cache does not hold together", () => {
  const { context, graph } = loopCases["a recurrence, reversed"]!();
  const secondsOf = (cache: number): number => {
    const target = { ...narrow, cacheBytes: [16, cache] as const };
    const inLoop = scheduleCase({ context, graph }, target, true).program.kernels.filter(
      ({ times }) => times > 1,
    );
    return inLoop.reduce((sum, { predictedSeconds }) => sum + predictedSeconds, 0);
  };
  // One sequence is read and two stacks are written, of three steps, for three rows at a time and six in all.
  const step = 3 * 4;
  const waits = (2 * (step + 2 * 2 * step)) / narrow.memoryBandwidth;
  expect(secondsOf(3 * 3 * step - 1) - secondsOf(3 * 3 * step)).toBeCloseTo(waits, 12);
});

describe("iterations ask for what the next one reads and writes", () => {
  const asksOf = (cacheBytes: readonly [number, number]) => {
    const { context, graph } = loopCases["an LSTM"]!();
    const { program } = scheduleCase({ context, graph }, { ...narrow, cacheBytes }, true);
    const c = printC(program.module, { features: [], source: "test.nn" });
    return c.split("\n").filter((line) => /prefetch_second_f32\(.*\bt\b/.test(line)).length;
  };

  test("where it is far away", () => {
    expect(asksOf([16, 1 << 16])).toBeGreaterThan(0);
    expect(asksOf([1 << 15, 1 << 16])).toBe(0);
  });

  test("and compute the same", async () => {
    const { context, graph, leaf } = loopCases["an LSTM"]!();
    const cpu = { ...narrow, cacheBytes: [16, 1 << 16] as const };
    const n = batchMax - 1;
    const { source: _, ...expected } = await runGraph(
      { context, graph, n, leaf },
      { cpu: narrow, fusion: true },
    );
    const asking = await runGraph({ context, graph, n, leaf }, { cpu, fusion: true });
    expect(asking).toMatchObject(expected);
  });
});
