/**
 * The model of `sum-data.ts` in kernels for CUDA, small enough to check by eye. Graphs beside its own do what only some
 * kernels do: run at the same time, share tasks out, take much memory, access what is not there.
 */

import { nextStepText } from "../../../../compiler/targets/cuda/next-step.ts";
import type {
  CudaArena,
  CudaArgument,
  CudaKernel,
  CudaLaunch,
  CudaProgram,
} from "../../../../runtime/devices/cuda/cuda-program.ts";
import type { RunRequest } from "../../../../runtime/devices/device.ts";
import type { TrainerPlan } from "../../../../runtime/plan.ts";
import { sumGraph, sumPlan } from "../sum-data.ts";

/** More than run at the same time on any device. */
export const squares = 20;

export const source = `
struct NncStep { const int *rows; unsigned seed; unsigned batch; float scalars[]; };

${nextStepText}

extern "C" __global__ void __launch_bounds__(32) weigh(const float *x, const unsigned char *bytes, float *sums, float *weighted, const NncStep *step, int n) {
  int i = (int)threadIdx.x;
  if (i >= n) return;
  long long row = step->rows[i];
  weighted[i] = step->scalars[0] * x[row];
  sums[i] = (float)(bytes[3 * row] + bytes[3 * row + 1] + bytes[3 * row + 2]);
}

extern "C" __global__ void __launch_bounds__(32) total(const float *sums, const float *weighted, float *total, int *told, unsigned char *large, const NncStep *step, int n) {
  if (threadIdx.x > 0) return;
  for (int i = 0; i < n; i++) {
    total[0] += weighted[i] + sums[i];
    large[i] = weighted[i] > 100.0f;
  }
  told[0] = n;
  told[1] = (int)step->seed;
  told[2] = (int)step->batch;
}

extern "C" __global__ void __launch_bounds__(32) flip(unsigned char *mask) {
  if (threadIdx.x < 6) mask[threadIdx.x] = !mask[threadIdx.x];
}

extern "C" __global__ void __launch_bounds__(32) begin(float *numbers) {
  if (threadIdx.x < ${squares}) numbers[threadIdx.x] = (float)(threadIdx.x + 1);
}
extern "C" __global__ void __launch_bounds__(32) square(float *number) {
  if (threadIdx.x == 0) *number *= *number;
}
extern "C" __global__ void __launch_bounds__(32) add(const float *numbers, float *total) {
  if (threadIdx.x > 0) return;
  *total = 0.0f;
  for (int i = 0; i < ${squares}; i++) *total += numbers[i];
}

extern "C" __global__ void __launch_bounds__(32) share(int *told) {
  NNC_DYNAMIC_SHARED;
  int *numbers = (int *)nnc_shared;
  numbers[16383 - (int)threadIdx.x] = (int)gridDim.x;
  __syncthreads();
  for (int task = (int)blockIdx.x; task < 4; task += (int)gridDim.x) {
    if (threadIdx.x == 0) told[task] = numbers[16383];
  }
}

extern "C" __global__ void __launch_bounds__(32) box(const __grid_constant__ NncTensorMap map, float *copy, int n) {
  NNC_DYNAMIC_SHARED;
  float *tile = (float *)nnc_shared;
  void *arrived = nnc_shared + 1024;
  if (threadIdx.x == 0) {
    init_barrier(arrived, 1);
    expect_bytes(arrived, 128);
    copy_box_2_f32(tile, &map, arrived, 0, 0);
  }
  __syncthreads();
  await_barrier(arrived, 0);
  copy[threadIdx.x] = tile[threadIdx.x] + (float)n;
}

extern "C" __global__ void __launch_bounds__(32) digit(float *total, int digit) {
  if (threadIdx.x == 0) *total = 4.0f * *total + (float)digit;
}

extern "C" __global__ void __launch_bounds__(32) poke(const float *x, float *weighted, const NncStep *step, int n) {
  int i = (int)threadIdx.x;
  if (i < n && x[step->rows[i]] > 50.0f) weighted[1ll << 40] = 1.0f;
}
extern "C" __global__ void __launch_bounds__(32) poke_total(const float *total, float *weighted) {
  if (*total > 50.0f) weighted[(1ll << 40) + (int)threadIdx.x] = 1.0f;
}
`;

export const plan: TrainerPlan = {
  ...sumPlan,
  target: "cuda",
  arenas: { ...sumPlan.arenas, temporaries: 512 },
  tensors: [
    ...sumPlan.tensors,
    { name: "table", role: "param", dtype: "f32", shape: [4, 8], offset: 384 },
  ],
  graphs: {
    ...sumPlan.graphs,
    squares: sumGraph("squares", [], 0),
    share: {
      ...sumGraph("share", [], 0),
      results: [{ name: "groups", dtype: "i32", shape: [4], offset: 256 }],
    },
    box: {
      ...sumGraph("box", [], 0),
      results: [{ name: "copy", dtype: "f32", shape: [4, 8], offset: 256 }],
    },
    loop: sumGraph("loop", [], 0),
    poke: sumGraph("poke", [0], 0),
    pokeTotal: sumGraph("pokeTotal", [], 0),
  },
};

const names = [
  ...[
    "weigh",
    "total",
    "flip",
    "begin",
    "square",
    "add",
    "share",
    "poke",
    "poke_total",
    "box",
    "digit",
  ],
] as const;
type KernelName = (typeof names)[number];

const sharedBytes: { readonly [K in KernelName]?: number } = { share: 65536, box: 2048 };

export const kernels: readonly CudaKernel[] = names.map((name, i) => ({
  name,
  threads: 32,
  sharedBytes: sharedBytes[name] ?? 0,
  isPersistent: name === "share",
  isCooperative: false,
  computes: [`${name}: of the sum`],
  origins: [`sum.nn:${i + 1}:1`],
}));

function launch(
  name: KernelName,
  given: readonly CudaArgument[],
  more: Partial<CudaLaunch> = {},
): CudaLaunch {
  const kernel = names.indexOf(name);
  return { kernel, blocks: 1, arguments: given, withPrevious: false, ...more };
}

const arena = (name: CudaArena, offset: number): CudaArgument => ({
  kind: "arena",
  arena: name,
  offset,
});
const column = (slot: number): CudaArgument => ({ kind: "column", slot });
const step: CudaArgument = { kind: "step" };
const n: CudaArgument = { kind: "n" };
const total = arena("persistent", 256);
const numbers = arena("temporaries", 256);

export const program: CudaProgram = {
  variants: [
    {
      architecture: "sm_80",
      kernels,
      loops: {
        loop: [
          { first: 0, end: 2, count: 2, whole: null },
          { first: 1, end: 2, count: 3, whole: null },
        ],
      },
      graphs: {
        train: [
          launch("weigh", [
            ...[column(0), column(1), arena("temporaries", 0), arena("results", 0)],
            ...[step, n],
          ]),
          launch("total", [
            ...[arena("temporaries", 0), arena("results", 0), total],
            ...[arena("results", 256), arena("results", 512), step, n],
          ]),
        ],
        flip: [launch("flip", [arena("persistent", 0)])],
        squares: [
          launch("begin", [numbers]),
          ...Array.from({ length: squares }, (_, i) =>
            launch("square", [arena("temporaries", 256 + 4 * i)], { withPrevious: i > 0 }),
          ),
          launch("add", [numbers, total]),
        ],
        share: [launch("share", [arena("results", 256)], { blocks: 4 })],
        box: [
          launch("box", [
            {
              ...{ kind: "tensorMap", arena: "persistent", offset: 384, dtype: "f32" },
              // Rows of the batch, of 8 each.
              extents: [
                { batch: 0, constant: 8 },
                { batch: 1, constant: 0 },
              ],
              ...{ strides: [1, 8], box: [8, 4], swizzleBytes: 0 },
            },
            arena("results", 256),
            n,
          ]),
        ],
        loop: [
          launch("digit", [total, { kind: "iteration", depth: 0 }]),
          launch("digit", [total, { kind: "iteration", depth: 1 }]),
        ],
        poke: [
          launch("flip", [arena("persistent", 0)]),
          launch("poke", [column(0), arena("results", 0), step, n]),
        ],
        pokeTotal: [launch("poke_total", [total, arena("results", 0)])],
      },
    },
  ],
};

/** One step of a graph that takes neither rows nor scalars. */
export function oneStep(name: string): RunRequest {
  const rows = new Int32Array(1);
  return { graph: name, rows, batchSize: 1, scalars: new Float32Array(0), seed: 0, firstBatch: 0 };
}
