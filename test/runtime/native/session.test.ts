/** The addon on hand-written kernels: what a step sees, and what happens around runs. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import {
  loadNativeAddon,
  type NativeRun,
  type NativeSession,
  type SessionOptions,
} from "../../../runtime/devices/cpu/native-addon.ts";
import { abi, compileLibrary, createFolder } from "./kernel-library.ts";

const addon = loadNativeAddon();
const folder = createFolder();
afterAll(folder.remove);

const kernels = compileLibrary(
  folder.path,
  "kernels",
  `${abi}
#include <time.h>
/* Writes down what each step was given, eight numbers a step, the count of steps first. */
void record(const nnc_step *s) {
  int32_t *log = (int32_t *)s->persistent, *entry = log + 1 + 8 * log[0]++;
  entry[0] = s->n, entry[1] = (int32_t)s->batch, entry[2] = (int32_t)s->seed;
  entry[3] = s->rows[0], entry[4] = s->rows[s->n - 1];
  entry[5] = (int32_t)s->scalars[0], entry[6] = (int32_t)s->scalars[1];
  entry[7] = ((const unsigned char *)s->columns[1])[s->rows[0]];
}
void alignment(const nnc_step *s) {
  *(int32_t *)s->results = (int32_t)(((uintptr_t)s->persistent | (uintptr_t)s->temporaries |
                                      (uintptr_t)s->results) % 64);
}
void temporaries_sum(const nnc_step *s) {
  int64_t sum = 0;
  for (int i = 0; i < 5 << 20; i++) sum += s->temporaries[i];
  *(int32_t *)s->results = (int32_t)sum;
}
void slow(const nnc_step *s) {
  struct timespec ms = {0, 40 * 1000000};
  nanosleep(&ms, 0);
  ++*(int32_t *)s->results;
}
/* For every count up to n, each task adds its number + 1; kernels of one step follow at once. */
static void task(const nnc_step *s, int32_t i) {
  int32_t *cell = (int32_t *)s->temporaries + i;
  *cell += i + 1;
}
void many_kernels(const nnc_step *s) {
  int64_t *sum = (int64_t *)s->results;
  int32_t *cells = (int32_t *)s->temporaries;
  for (int32_t count = 0; count <= s->rows[0]; count++) {
    s->parallel(s, task, count);
    for (int32_t i = 0; i < count; i++) *sum += cells[i], cells[i] = 0;
  }
}
/* Unequal tasks, and pauses that put the workers to sleep. */
static void unequal(const nnc_step *s, int32_t i) {
  volatile int32_t *cell = (int32_t *)s->temporaries + i;
  for (int k = 0; k < (i % 7) * 3000; k++) *cell = k;
  *cell = i;
}
void with_pauses(const nnc_step *s) {
  int64_t *sum = (int64_t *)s->results;
  struct timespec ms = {0, 2 * 1000000};
  for (int round = 0; round < 20; round++) {
    s->parallel(s, unequal, 50);
    for (int i = 0; i < 50; i++) *sum += ((int32_t *)s->temporaries)[i];
    if (round % 4 == 0) nanosleep(&ms, 0);
  }
}
`,
);

function createSession(options: Partial<SessionOptions> = {}): NativeSession {
  return new addon.Session(new addon.Library(kernels), {
    persistentBytes: 4096,
    temporariesBytes: 5 << 20,
    resultsBytes: 64,
    threads: 1,
    columns: 2,
    ...options,
  });
}

function request(symbol: string, changes: Partial<NativeRun> = {}): NativeRun {
  return {
    symbol,
    rows: new Int32Array(1),
    batchSize: 1,
    scalars: new Float32Array(2),
    scalarsPerStep: 2,
    seed: 0,
    firstBatch: 0,
    ...changes,
  };
}

describe("a library", () => {
  test("that is not there is named in the error", () => {
    const path = join(folder.path, "nowhere.so");
    expect(() => new addon.Library(path)).toThrow(/nowhere\.so: cannot open shared object file/);
  });

  test("that is no shared object is refused", () => {
    const path = join(folder.path, "text.so");
    writeFileSync(path, "not a library, but long enough to have a header. ".repeat(10));
    expect(() => new addon.Library(path)).toThrow(/text\.so: /);
  });

  test("without nnc_abi or of another version is refused", () => {
    const none = compileLibrary(folder.path, "none", "int32_t other(void) { return 1; }");
    expect(() => new addon.Library(none)).toThrow(
      /none\.so is no kernel library: it lacks nnc_abi/,
    );
    const old = compileLibrary(folder.path, "old", "int32_t nnc_abi(void) { return 99; }");
    expect(() => new addon.Library(old)).toThrow(
      /built for version 99 of the runtime, this is ver/,
    );
  });

  test("knows its symbols", () => {
    const library = new addon.Library(kernels);
    expect(library.has("record")).toBe(true);
    expect(library.has("nothing")).toBe(false);
  });
});

describe("a run", () => {
  test("cuts the rows into batches, the last one partial, and counts", async () => {
    const session = createSession();
    session.bindColumn(1, new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 8, 9, 10]).subarray(1));
    await session.run(
      request("record", {
        rows: new Int32Array([9, 8, 7, 3, 2]),
        batchSize: 2,
        scalars: new Float32Array([1, 2, 3, 4, 5, 6]),
        seed: 2 ** 32 - 1,
        firstBatch: 100,
      }),
    );
    const log = new Int32Array(session.persistent);
    expect(log[0]).toBe(3);
    expect([...log.subarray(1, 9)]).toEqual([2, 100, -1, 9, 8, 1, 2, 10]);
    expect([...log.subarray(9, 17)]).toEqual([2, 101, -1, 7, 3, 3, 4, 8]);
    expect([...log.subarray(17, 25)]).toEqual([1, 102, -1, 2, 2, 5, 6, 0]);
    session.dispose();
  });

  test("finds aligned arenas and zeroed memory, of small and of huge pages", async () => {
    const session = createSession();
    await session.run(request("alignment"));
    expect(new Int32Array(session.results)[0]).toBe(0);
    await session.run(request("temporaries_sum"));
    expect(new Int32Array(session.results)[0]).toBe(0);
    expect(session.persistent.byteLength).toBe(4096);
    session.dispose();
  });

  test("leaves the event loop free", async () => {
    const session = createSession();
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    await session.run(request("slow", { rows: new Int32Array(4), scalars: new Float32Array(8) }));
    clearInterval(timer);
    expect(new Int32Array(session.results)[0]).toBe(4);
    expect(ticks).toBeGreaterThan(8);
    session.dispose();
  });

  test("excludes another one and the binding of columns", async () => {
    const session = createSession();
    const first = session.run(request("slow"));
    expect(() => session.run(request("slow"))).toThrow("a run is in flight");
    expect(() => session.bindColumn(0, new Uint8Array(1))).toThrow("a run is in flight");
    await first;
    await session.run(request("slow"));
    expect(new Int32Array(session.results)[0]).toBe(2);
    session.dispose();
  });

  test("of an unknown symbol throws and leaves the session usable", async () => {
    const session = createSession();
    expect(() => session.run(request("nothing"))).toThrow("no function nothing");
    await session.run(request("slow"));
    session.dispose();
  });

  test("over no rows ends at once", async () => {
    const session = createSession();
    await session.run(request("record", { rows: new Int32Array(0) }));
    expect(new Int32Array(session.persistent)[0]).toBe(0);
    session.dispose();
  });
});

describe("another library", () => {
  const small = { temporariesBytes: 0, resultsBytes: 64 };

  test("gets arenas as large as it needs; what lasts stays", async () => {
    const session = createSession(small);
    await session.run(request("slow"));
    const { persistent, results } = session;
    new Int32Array(persistent)[0] = 7;
    const needed = { temporariesBytes: 5 << 20, resultsBytes: 3 << 20 };
    session.useLibrary(new addon.Library(kernels), needed);
    expect(results.byteLength).toBe(0);
    expect(session.results.byteLength).toBe(3 << 20);
    await session.run(request("temporaries_sum"));
    expect(new Int32Array(session.results)[0]).toBe(0);
    expect(session.persistent).toBe(persistent);
    expect(new Int32Array(persistent)[0]).toBe(7);
    session.dispose();
    expect(() => session.useLibrary(new addon.Library(kernels), small)).toThrow("disposed");
  });

  test("keeps arenas that are large enough", async () => {
    const session = createSession();
    await session.run(request("slow"));
    session.useLibrary(new addon.Library(kernels), small);
    await session.run(request("slow"));
    expect(new Int32Array(session.results)[0]).toBe(2);
    session.dispose();
  });

  test("that needs too much memory leaves the session as it was", async () => {
    const session = createSession();
    const needed = { temporariesBytes: 2 ** 52, resultsBytes: 1 << 20 };
    expect(() => session.useLibrary(new addon.Library(kernels), needed)).toThrow("no memory for");
    await session.run(request("slow"));
    expect(session.results.byteLength).toBe(64);
    session.dispose();
  });
});

describe("disposing", () => {
  test("detaches the arenas and forbids further use", async () => {
    const session = createSession();
    const { persistent } = session;
    session.dispose();
    session.dispose();
    expect(persistent.byteLength).toBe(0);
    expect(() => session.run(request("slow"))).toThrow("disposed of");
    expect(() => session.bindColumn(0, new Uint8Array(1))).toThrow("disposed of");
  });

  test("in the middle of a run ends it after its step and rejects it", async () => {
    const session = createSession();
    const rows = new Int32Array(1000);
    const run = session.run(request("slow", { rows, scalars: new Float32Array(2000) }));
    await sleep(10);
    session.dispose();
    await expect(run).rejects.toThrow("the session was disposed of");
  });
});

describe("the thread pool", () => {
  test.each([1, 2, 3, 8])("of %i runs every task once, kernel after kernel", async (threads) => {
    const session = createSession({ threads });
    const last = 300;
    const steps = 20;
    const rows = new Int32Array(steps).fill(last);
    await session.run(request("many_kernels", { rows, scalars: new Float32Array(2 * steps) }));
    // In each step Σ over counts c of c(c + 1)/2.
    const expected = (steps * last * (last + 1) * (last + 2)) / 6;
    expect(Number(new BigInt64Array(session.results)[0])).toBe(expected);
    session.dispose();
  });

  test.each([2, 4])("of %i survives unequal tasks and sleeping workers", async (threads) => {
    const session = createSession({ threads });
    for (let run = 1; run <= 3; run++) {
      await session.run(request("with_pauses"));
      expect(Number(new BigInt64Array(session.results)[0])).toBe(run * 20 * ((49 * 50) / 2));
      await sleep(2);
    }
    session.dispose();
  });
});

test("too much memory is an error, not an abort", () => {
  expect(() => createSession({ temporariesBytes: 2 ** 50 })).toThrow(
    "no memory for 1073741824 MiB (temporariesBytes)",
  );
});
