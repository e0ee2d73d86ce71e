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
  options: Partial<EmulatedRun> & { readonly sharedBytes?: number } = {},
): Promise<Float32Array> {
  const x = Float32Array.from({ length: threads }, (_, i) => i);
  const launch: EmulatedLaunch = {
    kernel: "test",
    blocks: 1,
    threads,
    sharedBytes: options.sharedBytes ?? 0,
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
