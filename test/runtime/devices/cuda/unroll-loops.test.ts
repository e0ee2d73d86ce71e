import { expect, test } from "vitest";
import type { CudaArgument } from "../../../../runtime/devices/cuda/cuda-program.ts";
import { unrollLoops } from "../../../../runtime/devices/cuda/unroll-loops.ts";

const launch = (kernel: number, ...depths: readonly number[]) => ({
  kernel,
  blocks: 1,
  withPrevious: false,
  arguments: depths.map((depth): CudaArgument => ({ kind: "iteration", depth })),
});

test("loops within and after each other are written out in order", () => {
  const launches = [launch(0), launch(1, 0), launch(2, 1, 0), launch(3, 0), launch(4, 0)];
  const loops = [
    { first: 1, end: 4, count: 2 },
    { first: 2, end: 3, count: 2 },
    { first: 4, end: 5, count: 3 },
  ];
  const written = unrollLoops(launches, loops).map(({ kernel, arguments: given }) => [
    kernel,
    ...given.map((argument) => (argument.kind === "int" ? argument.value : argument.kind)),
  ]);
  expect(written).toEqual([
    [0],
    ...[
      [1, 0],
      [2, 0, 0],
      [2, 1, 0],
      [3, 0],
    ],
    ...[
      [1, 1],
      [2, 0, 1],
      [2, 1, 1],
      [3, 1],
    ],
    ...[
      [4, 0],
      [4, 1],
      [4, 2],
    ],
  ]);
});

test("without loops launches stay as they are", () => {
  expect(unrollLoops([launch(0), launch(1)])).toEqual([launch(0), launch(1)]);
});
