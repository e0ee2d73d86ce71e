/** The emulation finds what CUDA leaves undefined, and says which kernel and thread do it. */

import { describe, expect, test } from "vitest";
import { hasEmulation, needsEmulation } from "./emulation.ts";
import {
  type EmulatedLaunch,
  type EmulatedRun,
  runEmulated,
  type ThreadOrder,
} from "./launches.ts";

const threads = 64;

/** A kernel `test(float *x, float *y)` of one block, whose result is what y has. */
async function run(
  body: string,
  options: Partial<EmulatedRun> &
    Partial<Pick<EmulatedLaunch, "sharedBytes" | "blocks" | "isCooperative">> = {},
): Promise<Float32Array> {
  const x = Float32Array.from({ length: threads }, (_, i) => i);
  const launch: EmulatedLaunch = {
    kernel: "test",
    blocks: options.blocks ?? 1,
    threads,
    sharedBytes: options.sharedBytes ?? 0,
    isCooperative: options.isCooperative ?? false,
    arguments: [
      { kind: "pointer", memory: "x", offset: 0 },
      { kind: "pointer", memory: "y", offset: 0 },
    ],
  };
  const memory = await runEmulated({
    source: `extern "C" __global__ void __launch_bounds__(${threads}) test(float *x, float *y) {
  const int thread = (int)threadIdx.x;
${body}
}
`,
    memory: [
      { name: "x", bytes: x.byteLength, given: new Uint8Array(x.buffer) },
      { name: "y", bytes: 4 * threads },
    ],
    launches: [launch],
    ...options,
  });
  return new Float32Array(memory.get("y")!);
}

const orders: readonly ThreadOrder[] = ["forward", "reverse", "shuffled"];
const numbers = Array.from({ length: threads }, (_, i) => i);

describe.runIf(hasEmulation)(`the emulation of CUDA ${needsEmulation}`, () => {
  const neighbours = (barrier: string) => `
  __shared__ float values[${threads}];
  values[thread] = x[thread];
  ${barrier}
  y[thread] = values[(thread + 1) % ${threads}] + values[(thread + ${threads - 1}) % ${threads}];`;
  const wanted = numbers.map((i) => ((i + 1) % threads) + ((i + threads - 1) % threads));

  test.each(orders)(
    "threads see after a barrier what others stored, in order %s",
    async (order) => {
      expect([...(await run(neighbours("__syncthreads();"), { order }))]).toEqual(wanted);
    },
  );

  test.each(orders)("a missing barrier shows in order %s", async (order) => {
    expect([...(await run(neighbours(""), { order }))]).not.toEqual(wanted);
  });

  test("memory that is written again too early shows in some order", async () => {
    const body = (barrier: string) => `
  __shared__ float values[${threads}];
  float sum = 0.0f;
  for (int k = 0; k < 4; k++) {
    values[thread] = x[thread] * (float)k;
    __syncthreads();
    sum += values[${threads - 1} - thread];
    ${barrier}
  }
  y[thread] = sum;`;
    const right = numbers.map((i) => (threads - 1 - i) * 6);
    const outcomes = async (barrier: string) =>
      Promise.all(orders.map(async (order) => [...(await run(body(barrier), { order }))]));
    for (const found of await outcomes("__syncthreads();")) expect(found).toEqual(right);
    expect(await outcomes("")).not.toContainEqual(right);
  });

  describe("blocks that meet", () => {
    const blocks = 3;
    /** Each block gives its sum to the next, twice. */
    const ring = (first: string, second = first) => `
  __shared__ float own[${threads}];
  float *sums = y, *passed = y + 8;
  own[thread] = x[thread] + (float)blockIdx.x;
  __syncthreads();
  if (thread == 0) sums[blockIdx.x] = own[1];
  ${first}
  if (thread == 0) passed[blockIdx.x] = sums[(blockIdx.x + 1) % ${blocks}] + own[2];
  ${second}
  if (thread == 0) y[16 + blockIdx.x] = passed[(blockIdx.x + 1) % ${blocks}] + own[3];`;
    const right = [0, 1, 2].map((i) => 6 + ((i + 2) % blocks) + ((i + 1) % blocks) + i);
    const meet = "nnc_meet_grid();";
    const outcome = async (body: string, order: ThreadOrder) =>
      [...(await run(body, { order, blocks, isCooperative: true }))].slice(16, 16 + blocks);

    test.each(orders)("see what others stored, in order %s", async (order) => {
      expect(await outcome(ring(meet), order)).toEqual(right);
    });

    test.each(orders)("show where they do not meet, in order %s", async (order) => {
      expect(await outcome(ring("__syncthreads();"), order)).not.toEqual(right);
      expect(await outcome(ring(meet, "__syncthreads();"), order)).not.toEqual(right);
    });

    test("show in some order that they write what others read", async () => {
      const body = `
  if (thread == 0) y[blockIdx.x] = (float)blockIdx.x;
  nnc_meet_grid();
  if (thread == 0) y[blockIdx.x] += y[(blockIdx.x + 1) % ${blocks}];`;
      const outcomes = await Promise.all(
        orders.map((order) => run(body, { order, blocks, isCooperative: true })),
      );
      expect(new Set(outcomes.map((y) => y.slice(0, blocks).join())).size).toBeGreaterThan(1);
    });

    test("must all come to the same barrier", async () => {
      const cooperative = { blocks, isCooperative: true };
      await expect(run(`  if (blockIdx.x > 0) nnc_meet_grid();`, cooperative)).rejects.toThrow(
        "test: blocks do not come to the same barriers of the grid",
      );
      const elsewhere = `  if (blockIdx.x > 0) nnc_meet_grid();
  else nnc_meet_grid();`;
      await expect(run(elsewhere, cooperative)).rejects.toThrow("do not come to the same barriers");
    });

    test("have to run at once", async () => {
      await expect(run(`  ${meet}`, { blocks })).rejects.toThrow(
        "a barrier of the grid in a launch that is not cooperative",
      );
    });

    test("have all of their threads there", async () => {
      const failing = run("  if (thread < 16) nnc_meet_grid();", { blocks, isCooperative: true });
      await expect(failing).rejects.toThrow(
        "deadlock: it waits at the barrier of the grid of line 3, thread 16 has left the kernel",
      );
    });
  });

  test.each(orders)("the first threads meet without the others, in order %s", async (order) => {
    const found = await run(
      `
  __shared__ float values[${threads}];
  if (thread < 32) {
    values[thread] = x[thread];
    meet_threads_32();
    y[thread] = values[31 - thread];
  }`,
      { order },
    );
    expect([...found.slice(0, 32)]).toEqual(numbers.slice(0, 32).reverse());
  });

  test("barriers that not all threads come to", async () => {
    const failing = run(`
  if (thread < 16) __syncthreads();
  y[thread] = 1.0f;`);
    await expect(failing).rejects.toThrow(
      "test, block 0, thread 0: deadlock: it waits at the barrier of line 4, thread 16 has left the kernel",
    );
  });

  test("threads of a block at different barriers", async () => {
    const failing = run(`
  if (thread < 16) {
    __syncthreads();
  } else {
    __syncthreads();
  }`);
    await expect(failing).rejects.toThrow("the barrier of line 7 is one of line 5 for thread 0");
  });

  test("exchanges that not all threads of a warp come to", async () => {
    const failing = run(`
  if (thread != 7) y[thread] = __shfl_down_sync(0xffffffffu, x[thread], 1);`);
    await expect(failing).rejects.toThrow(
      "deadlock: it waits in __shfl_down_sync, thread 7 has left the kernel",
    );
  });

  test("threads exchange values within their warp", async () => {
    const found = await run("  y[thread] = __shfl_down_sync(0xffffffffu, x[thread], 4);");
    expect([...found]).toEqual(numbers.map((i) => (i % 32 < 28 ? i + 4 : i)));
  });

  test("shared memory holds NaNs at first, in every block", async () => {
    const found = await run(`
  __shared__ float values[${threads}];
  y[thread] = values[thread];
  __syncthreads();
  values[thread] = 1.0f;`);
    expect(found.every(Number.isNaN)).toBe(true);
  });

  test("memory of the device holds NaNs at first", async () => {
    expect((await run("  if (thread == 0) y[0] = 1.0f;")).slice(1).every(Number.isNaN)).toBe(true);
  });

  test("dynamic shared memory is what the launch gives", async () => {
    const body = `
  NNC_DYNAMIC_SHARED;
  float *values = (float *)nnc_shared;
  values[thread] = x[thread];
  __syncthreads();
  y[thread] = values[${threads - 1} - thread];`;
    const found = await run(body, { sharedBytes: 4 * threads });
    expect([...found]).toEqual([...numbers].reverse());
  });

  describe("asynchronous copies", () => {
    const copies = (waits: string, exists = "true") => `
  __shared__ __attribute__((aligned(16))) float values[${threads}];
  copy_async_4_f32(&values[thread], &x[thread], ${exists});
  commit_copies();
  ${waits}
  y[thread] = values[${threads - 1} - thread];`;

    test("arrive when they are waited for", async () => {
      const found = await run(copies("await_copies_0(); __syncthreads();"));
      expect([...found]).toEqual([...numbers].reverse());
    });

    test("are zeros where there is no source", async () => {
      const found = await run(copies("await_copies_0(); __syncthreads();", "thread % 2 == 0"));
      expect([...found]).toEqual([...numbers].reverse().map((i) => (i % 2 === 0 ? i : 0)));
    });

    test.each(["__syncthreads();", "await_copies_1(); __syncthreads();"])(
      "have not arrived after %s",
      async (waits) => {
        expect((await run(copies(waits))).every(Number.isNaN)).toBe(true);
      },
    );

    test("into memory that is still read spoil it", async () => {
      const body = (barrier: string) => `
  __shared__ __attribute__((aligned(16))) float values[${threads}];
  values[thread] = x[thread];
  __syncthreads();
  y[thread] = values[(thread + 1) % ${threads}];
  ${barrier}
  copy_async_4_f32(&values[thread], &x[thread], true);
  commit_copies();`;
      expect((await run(body("__syncthreads();"))).some(Number.isNaN)).toBe(false);
      expect((await run(body(""))).some(Number.isNaN)).toBe(true);
    });

    test("from addresses that are not aligned", async () => {
      const failing = run("  if (thread == 5) copy_async_16_f32(x, y + 1, true);");
      await expect(failing).rejects.toThrow("thread 5: a copy of 16 bytes");
    });
  });

  describe("accesses out of bounds", () => {
    test("beyond an allocation", async () => {
      const failing = run(`  if (thread == 9) y[thread] = x[${threads + 1}];`);
      await expect(failing).rejects.toThrow(
        "test, block 0, thread 9: an access 4 bytes after the end of x (256 bytes)",
      );
    });

    test("before it", async () => {
      const failing = run("  y[thread] = x[thread - 100000];");
      await expect(failing).rejects.toThrow("an access 400000 bytes before x");
    });

    test("within what is left of the last piece that is allocated", async () => {
      const failing = run("  if (thread == 0) y[63] = 0.0f;", {
        memory: [
          { name: "x", bytes: 256 },
          { name: "y", bytes: 252 },
        ],
      });
      await expect(failing).rejects.toThrow("test has written after the end of y");
    });

    test("of local and shared memory, where they are sanitized", async () => {
      const sanitized = { sanitized: true };
      const local = `
  float sums[4];
  for (int i = 0; i < 4; i++) sums[i] = x[i];
  y[thread] = sums[(int)x[thread]];`;
      await expect(run(local, sanitized)).rejects.toThrow("out of bounds");
      const shared = `
  __shared__ float values[8];
  values[thread] = x[thread];
  __syncthreads();
  y[thread] = values[thread];`;
      await expect(run(shared, sanitized)).rejects.toThrow(
        /index 8 out of bounds|global-buffer-overflow/,
      );
      expect([...(await run(neighbours("__syncthreads();"), sanitized))]).toEqual(wanted);
    });
  });

  test("division by zero and traps", async () => {
    const divide = run("  y[thread] = (float)((int)x[63] / ((int)x[thread] - 3));");
    await expect(divide).rejects.toThrow("thread 3: a division by zero");
    await expect(run("  if (thread == 8) __trap();")).rejects.toThrow("thread 8: __trap()");
  });

  test("a block may have more threads than warps are whole, and one", async () => {
    const source = `extern "C" __global__ void __launch_bounds__(1) one(float *y) {
  y[(int)blockIdx.x] = (float)((int)threadIdx.x + (int)gridDim.x);
}
`;
    const memory = await runEmulated({
      source,
      memory: [{ name: "y", bytes: 12 }],
      launches: [
        {
          kernel: "one",
          blocks: 3,
          threads: 1,
          arguments: [{ kind: "pointer", memory: "y", offset: 0 }],
        },
      ],
    });
    expect([...new Float32Array(memory.get("y")!)]).toEqual([3, 3, 3]);
  });
});
