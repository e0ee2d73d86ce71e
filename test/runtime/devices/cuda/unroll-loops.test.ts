import { expect, test } from "vitest";
import type {
  CudaArgument,
  CudaLaunch,
  CudaLoop,
} from "../../../../runtime/devices/cuda/cuda-program.ts";
import { unrollLoops } from "../../../../runtime/devices/cuda/unroll-loops.ts";

const launch = (kernel: number, ...depths: readonly number[]) => ({
  kernel,
  blocks: 1,
  withPrevious: false,
  arguments: depths.map((depth): CudaArgument => ({ kind: "iteration", depth })),
});

/** The last kernel is cooperative. */
const kernels = Array.from({ length: 6 }, (_, i) => ({
  name: `kernel_${i}`,
  threads: 32,
  sharedBytes: 0,
  isPersistent: false,
  isCooperative: i === 5,
  computes: [],
  origins: [],
}));

const launches = [launch(0), launch(1, 0), launch(2, 1, 0), launch(3, 0), launch(4, 0)];

/** Kernels and the numbers that they are given. */
function unrolled(loops: readonly CudaLoop[], isCooperative = true) {
  const variant = { kernels, graphs: { train: launches }, loops: { train: loops } };
  return unrollLoops(variant, "train", isCooperative).map(({ kernel, arguments: given }) => [
    kernel,
    ...given.map((argument) => (argument.kind === "int" ? argument.value : argument.kind)),
  ]);
}

test("loops within and after each other are written out in order", () => {
  const written = unrolled([
    { first: 1, end: 4, count: 2, whole: null },
    { first: 2, end: 3, count: 2, whole: null },
    { first: 4, end: 5, count: 3, whole: null },
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

test("of a loop that is one launch there is only this, where the device runs it", () => {
  const loops = (whole: CudaLaunch): CudaLoop[] => [
    { first: 1, end: 4, count: 1, whole: null },
    { first: 2, end: 3, count: 2, whole },
    { first: 4, end: 5, count: 1, whole: launch(0) },
  ];
  const around = (inner: readonly number[][]) => [[0], [1, 0], ...inner, [3, 0], [0]];
  const plain = loops(launch(4, 0));
  expect(unrolled(plain)).toEqual(around([[4, 0]]));
  expect(unrolled(plain, false)).toEqual(around([[4, 0]]));
  const cooperative = loops(launch(5, 0));
  expect(unrolled(cooperative)).toEqual(around([[5, 0]]));
  expect(unrolled(cooperative, false)).toEqual(
    around([
      [2, 0, 0],
      [2, 1, 0],
    ]),
  );
});

test("without loops launches stay as they are", () => {
  const variant = { kernels, graphs: { train: [launch(0), launch(1)] }, loops: {} };
  expect(unrollLoops(variant, "train", true)).toEqual([launch(0), launch(1)]);
});
