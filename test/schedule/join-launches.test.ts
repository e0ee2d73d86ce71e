import { expect, test } from "vitest";
import { constant } from "../../compiler/kernel/build.ts";
import type { Access, Kernel } from "../../compiler/kernel/ir.ts";
import { joinLaunches, type TimedLaunch } from "../../compiler/schedule/join-launches.ts";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";

const target = baselineCpu("x64");
const elements = 16;

/** A kernel over tensors of 64 bytes, each given by its access and its offset. */
function launch(
  windows: readonly (readonly [access: Access, offset: number])[],
  predictedSeconds = 1,
): TimedLaunch {
  const kernel: Kernel = {
    name: "k",
    comment: { lines: [], sources: [], flops: 0, bytes: 0 },
    parameters: windows.map(([access], i) => ({
      kind: "window",
      name: `w${i}`,
      dtype: "f32",
      access,
      elements,
    })),
    tasks: constant(1),
    threads: 1,
    body: [],
  };
  const placements = windows.map(([, offset]) => ({
    kind: "arena" as const,
    arena: "persistent" as const,
    offset,
  }));
  return { launch: { kernel, placements }, predictedSeconds };
}

const joins = (launches: readonly TimedLaunch[], joining = true): boolean[] =>
  joinLaunches(launches, target, joining).map(({ withPrevious }) => withPrevious);

test("updates of different tensors run together, reading the same scalars", () => {
  const updates = [0, 64, 128].map((offset) =>
    launch([
      ["read_write", offset],
      ["read", 1024],
    ]),
  );
  expect(joins(updates)).toEqual([false, true, true]);
  expect(joins(updates, false)).toEqual([false, false, false]);
});

test("what reads or overwrites another's result waits for it", () => {
  const writes = launch([["write", 0]]);
  expect(joins([writes, launch([["read", 32]])])).toEqual([false, false]);
  expect(joins([launch([["read", 32]]), writes])).toEqual([false, false]);
  expect(joins([writes, writes])).toEqual([false, false]);
  expect(joins([launch([["read", 0]]), launch([["read", 0]])])).toEqual([false, true]);
});

test("a launch joins only if it meets none of those it would run with", () => {
  const first = launch([["write", 0]]);
  const second = launch([["write", 64]]);
  expect(joins([first, second, launch([["read", 0]])])).toEqual([false, true, false]);
});

test("work that is not worth threads stays one after the other", () => {
  const small = launch([["write", 0]], 1e-9);
  const other = launch([["write", 64]], 1e-9);
  const joined = joinLaunches([small, other], target, true);
  expect(joined.map(({ isParallel, withPrevious }) => isParallel || withPrevious)).toEqual([
    false,
    false,
  ]);
});
