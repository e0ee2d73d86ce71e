/** A small job from its model to its figures: by nnc, by PyTorch where it is installed, and as an ONNX file. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { jobOf } from "../../../bench/cpu/job.ts";
import { onnxFile } from "../../../bench/cpu/onnx-model.ts";
import { openJob } from "../../../bench/cpu/open-job.ts";
import { prepareJob } from "../../../bench/cpu/prepare.ts";
import { encode } from "../../../bench/cpu/protobuf.ts";
import { growthBetween, parseStatus } from "../../../bench/cpu/resident-set.ts";
import { disagreement } from "../../../bench/cpu/rows.ts";
import { cpuWorkloads } from "../../../bench/cpu/workloads.ts";
import { PeerProcess } from "../../../bench/peer-process.ts";

const folder = mkdtempSync(join(tmpdir(), "nnc-bench-job-"));
beforeAll(() => {
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const [workload] = cpuWorkloads;
const python = "/usr/bin/python3";
const hasTorch = spawnSync(python, ["-c", "import torch"]).status === 0;
const script = fileURLToPath(new URL("../../../bench/peers/cpu/torch_peer.py", import.meta.url));

/** Both kinds start from the same files, and inference needs one more. */
const own = join(folder, "job");
beforeAll(() => prepareJob(jobOf(workload!, "inference", 4), workload!, ["fused", "unfused"], own));

describe.each(["step", "inference"] as const)("%s", (kind) => {
  const job = jobOf(workload!, kind, 4);

  test("nnc computes the same fused on one thread and unfused on two", async () => {
    const fused = await openJob(job, own, { variant: "fused", threads: 1 });
    const unfused = await openJob(job, own, { variant: "unfused", threads: 2 });
    expect(await fused.time(0)).toBeGreaterThan(0);
    expect(fused.answer.planned_bytes).toBeGreaterThan(0);
    expect(fused.answer.node_bytes).toBeGreaterThan(0);
    expect(disagreement(job, fused.answer, unfused.answer)).toBeUndefined();
    fused.dispose();
    unfused.dispose();
  });

  test.runIf(hasTorch)("PyTorch does too (where it is installed)", async () => {
    const { answer, dispose } = await openJob(job, own, { variant: "fused", threads: 1 });
    dispose();
    const torch = new PeerProcess({ program: python, args: [script] });
    const its = await torch.request({ command: "open", job, folder: own }, 120);
    torch.dispose();
    expect(disagreement(job, answer, its)).toBeUndefined();
  });
});

test("inference leaves an ONNX file with the weights", () => {
  const file = readFileSync(join(own, onnxFile));
  const floats = 784 * 32 + 32 + 32 * 10 + 10;
  expect(file.length).toBeGreaterThan(4 * floats);
  expect(file.length).toBeLessThan(4 * floats + 1000);
  for (const operator of ["Gemm", "Relu"]) expect(file.includes(operator)).toBe(true);
});

test("the resident set is what Linux says, the pages of files apart", () => {
  const status =
    "Name:\tnode\nVmRSS:\t   30 kB\nRssAnon:\t   20 kB\nRssFile:\t    8 kB\nRssShmem:\t    2 kB\n";
  expect(parseStatus(status)).toEqual({ anonymous: 20480, files: 10240 });
});

test("the JavaScript heap is no growth", () => {
  const before = { own: 2000, heap: 5000, files: 1000 };
  const growth = growthBetween(before, { own: 2600, heap: 9000, files: 1500 });
  expect(growth).toEqual({ node_bytes: 8000, code_bytes: 500, resident_bytes: 600 });
});

test("messages are encoded as protocol buffers say", () => {
  // https://protobuf.dev/programming-guides/encoding/: 150 in field 1, and within a message in field 3.
  expect([...encode([[1, 150]])]).toEqual([0x08, 0x96, 0x01]);
  expect([...encode([[3, [[1, 150]]]])]).toEqual([0x1a, 0x03, 0x08, 0x96, 0x01]);
  expect([...encode([[2, "testing"]])]).toEqual([0x12, 7, ...Buffer.from("testing")]);
});
