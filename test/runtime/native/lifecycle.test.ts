/** What the addon leaves behind: nothing after a step, after a session, after the process. */

import { spawnSync } from "node:child_process";
import { afterAll, describe, expect, test } from "vitest";
import { findNativeAddon, loadNativeAddon } from "../../../runtime/devices/cpu/native-addon.ts";
import { abi, compileLibrary, createFolder } from "./kernel-library.ts";

const addon = loadNativeAddon();
const folder = createFolder();
afterAll(folder.remove);

const kernels = compileLibrary(
  folder.path,
  "kernels",
  `${abi}
#include <time.h>
static void task(const nnc_step *s, int32_t i) { ((volatile float *)s->temporaries)[i] += 1; }
void step(const nnc_step *s) {
  for (int kernel = 0; kernel < 10; kernel++) s->parallel(s, task, 16);
}
void slow(const nnc_step *s) {
  struct timespec ms = {0, 50 * 1000000};
  nanosleep(&ms, 0);
  *(int32_t *)s->results = s->n;
}
`,
);

/** The text of a program that has a session of the slow kernel and a request for `steps` steps. */
function program(steps: number, body: string): string {
  return `
    const addon = require(${JSON.stringify(findNativeAddon())});
    const library = new addon.Library(${JSON.stringify(kernels)});
    const options = { persistentBytes: 64, temporariesBytes: 4096, resultsBytes: 64, threads: 2, columns: 1 };
    const session = new addon.Session(library, options);
    const run = () => session.run({ symbol: "slow", rows: new Int32Array(${steps}), batchSize: 1,
      scalars: new Float32Array(0), scalarsPerStep: 0, seed: 0, firstBatch: 0 });
    ${body}
  `;
}

function execute(code: string, environment: NodeJS.ProcessEnv = {}, flags: readonly string[] = []) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, "-e", code], {
    encoding: "utf8",
    timeout: 30_000,
    env: { ...process.env, ...environment },
  });
  return { status, signal, stdout, stderr };
}

describe("memory", () => {
  test("the addon allocates nothing in a step", async () => {
    const session = new addon.Session(new addon.Library(kernels), {
      persistentBytes: 64,
      temporariesBytes: 4096,
      resultsBytes: 64,
      threads: 2,
      columns: 1,
    });
    const run = async (steps: number) => {
      const before = addon.allocations();
      await session.run({
        symbol: "step",
        rows: new Int32Array(steps),
        batchSize: 1,
        scalars: new Float32Array(0),
        scalarsPerStep: 0,
        seed: 0,
        firstBatch: 0,
      });
      return addon.allocations() - before;
    };
    await run(1);
    const ofOneStep = await run(1);
    expect(await run(2000)).toBe(ofOneStep);
    session.dispose();
  });

  test("two hundred sessions, disposed of or collected, leave none", () => {
    // All sessions together would hold 1.2 GB.
    const code = program(
      1,
      `
      const sizes = { persistentBytes: 1 << 20, temporariesBytes: 4 << 20, resultsBytes: 1 << 20 };
      async function residentAfter(sessions, dispose) {
        for (let i = 0; i < sessions; i++) {
          const session = new addon.Session(library, { ...options, ...sizes });
          session.bindColumn(0, new Uint8Array(1 << 16));
          if (dispose) session.dispose();
          else if (i % 10 === 9) {
            gc();
            await new Promise(setImmediate);
          }
        }
        gc();
        await new Promise(setImmediate);
        return process.memoryUsage.rss() / 2 ** 20;
      }
      (async () => {
        const start = await residentAfter(10, true);
        const disposed = await residentAfter(200, true);
        const collected = await residentAfter(200, false);
        console.log(JSON.stringify({ disposed: disposed - start, collected: collected - start }));
      })();
    `,
    );
    const result = execute(code, {}, ["--expose-gc"]);
    const growth = JSON.parse(result.stdout) as { disposed: number; collected: number };
    expect(growth.disposed).toBeLessThan(50);
    expect(growth.collected).toBeLessThan(100);
  });
});

describe("a process", () => {
  test("ends by itself with a session that nobody disposed of", () => {
    const result = execute(program(1, "run().then(() => console.log('ran'));"));
    expect(result).toEqual({ status: 0, signal: null, stdout: "ran\n", stderr: "" });
  });

  test("stays for a run in flight, and not for an idle session", () => {
    const result = execute(
      program(2, "run().then(() => console.log(session.results.byteLength));"),
    );
    expect(result.stdout).toBe("64\n");
  });

  test("can be left in the middle of a run", () => {
    const code = program(1000, "run(); setTimeout(() => process.exit(7), 60);");
    expect(execute(code)).toEqual({ status: 7, signal: null, stdout: "", stderr: "" });
  });

  test("can throw in the middle of a run", () => {
    const code = program(1000, "run(); setTimeout(() => { throw new Error('oops'); }, 60);");
    const result = execute(code);
    expect(result.status).toBe(1);
    expect(result.stderr).toContain("oops");
  });

  test("can end a worker thread in the middle of a run", () => {
    const inner = program(1000, "run(); setTimeout(() => {}, 10000);");
    const code = `
      const { Worker } = require("node:worker_threads");
      const worker = new Worker(${JSON.stringify(inner)}, { eval: true });
      setTimeout(() => worker.terminate().then((code) => console.log("terminated", code)), 300);
    `;
    const result = execute(code);
    expect(result).toEqual({ status: 0, signal: null, stdout: "terminated 1\n", stderr: "" });
  });

  test("collects a session that was dropped in the middle of a run only afterwards", () => {
    const code = program(
      2,
      `
      let other = new addon.Session(library, options);
      const done = other.run({ symbol: "slow", rows: new Int32Array(2), batchSize: 1,
        scalars: new Float32Array(0), scalarsPerStep: 0, seed: 0, firstBatch: 0 });
      other = null;
      const timer = setInterval(gc, 10);
      done.then(() => { clearInterval(timer); gc(); setImmediate(() => { gc(); console.log("ran"); }); });
    `,
    );
    const result = execute(code, {}, ["--expose-gc"]);
    expect(result).toEqual({ status: 0, signal: null, stdout: "ran\n", stderr: "" });
  });
});

test.runIf(process.platform === "linux")(
  "no thread of the addon calls malloc between the first step and the last",
  () => {
    // Counts from outside, so that it does not matter who would have allocated. Which threads are
    // the addon's is learnt from their first task.
    const counter = compileLibrary(
      folder.path,
      "counter",
      `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
static __thread int counted;
static _Atomic int calls;
extern void *__libc_malloc(size_t);
void *malloc(size_t size) { if (counted) calls++; return __libc_malloc(size); }
void count_this_thread(void) { counted = 1; }
int counted_calls(void) { return calls; }
`,
    );
    const counting = compileLibrary(
      folder.path,
      "counting",
      `${abi}
#define _GNU_SOURCE
#define __USE_GNU
#include <dlfcn.h>
#include <stdlib.h>
typedef void (*mark)(void);
typedef int (*total)(void);
static void task(const nnc_step *s, int32_t i) {
  (void)i;
  if (s->batch < 100) ((mark)dlsym(RTLD_DEFAULT, "count_this_thread"))();
  if (s->scalars[0] != 0) {
    void *volatile memory = malloc(10);
    free(memory);
  }
}
void step(const nnc_step *s) {
  for (int kernel = 0; kernel < 20; kernel++) s->parallel(s, task, 16);
  if (s->batch == 100) *(int32_t *)s->results = ((total)dlsym(RTLD_DEFAULT, "counted_calls"))();
  if (s->batch > 100) ((int32_t *)s->results)[1] = ((total)dlsym(RTLD_DEFAULT, "counted_calls"))();
}
`,
    );
    const code = `
      const addon = require(${JSON.stringify(findNativeAddon())});
      const library = new addon.Library(${JSON.stringify(counting)});
      const options = { persistentBytes: 64, temporariesBytes: 4096, resultsBytes: 64, threads: 2, columns: 1 };
      const session = new addon.Session(library, options);
      const run = (value) => session.run({ symbol: "step", rows: new Int32Array(1000), batchSize: 1,
        scalars: new Float32Array(1000).fill(value), scalarsPerStep: 1, seed: 0, firstBatch: 0 });
      (async () => {
        await run(0);
        const [first, last] = new Int32Array(session.results);
        await run(1);
        const [, control] = new Int32Array(session.results);
        console.log(JSON.stringify({ during: last - first, counts: control > last }));
      })();
    `;
    const result = execute(code, { LD_PRELOAD: counter });
    expect(result.stderr).toBe("");
    expect(JSON.parse(result.stdout)).toEqual({ during: 0, counts: true });
  },
);
