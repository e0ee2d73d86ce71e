/** Jobs as nnc's worker opens them: on the CPU, on the emulation of CUDA, and beside PyTorch where it is installed. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import type { Job, ProductJob } from "../../../bench/cuda/job.ts";
import { measuredKernels, openJob, requireProduct } from "../../../bench/cuda/open-job.ts";
import { tolerances } from "../../../bench/cuda/parts/steps.ts";
import { torchPeer } from "../../../bench/cuda/peers.ts";
import { type BenchTarget, prepareJob } from "../../../bench/cuda/program.ts";
import { productJobs, stepJobs, trafficJobs } from "../../../bench/cuda/workloads.ts";
import { lossDisagreement } from "../../../bench/loss-check.ts";
import { type PeerCommand, PeerProcess } from "../../../bench/peer-process.ts";
import { emulatedCuda, hasEmulation, needsEmulation } from "../../cuda/emulation.ts";

const folder = mkdtempSync(join(tmpdir(), "nnc-jobs-"));
afterAll(() => rmSync(folder, { recursive: true }));
const environment = { ...process.env };
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
});

/** The losses of a step, after it was timed once. */
async function tryJob(job: Job, target: BenchTarget) {
  const own = join(folder, `${target}-${job.id}`);
  await prepareJob(job, "fused", target, own);
  const { answer, time, dispose } = await openJob(job, own, "fused");
  try {
    expect(await time(0)).toBeGreaterThanOrEqual(0);
    return { first: Number.NaN, twentieth: Number.NaN, ...answer };
  } finally {
    dispose();
  }
}

/** One of each network, in float32. */
const networks = stepJobs(true).filter(
  ({ precision, model }) => precision === "f32" && model !== "mlp-big.nn",
);
const python = "/usr/bin/python3";
const hasTorch = spawnSync(python, ["-c", "import torch"]).status === 0;
const root = fileURLToPath(new URL("../../..", import.meta.url));

describe("on the CPU", () => {
  const command: PeerCommand = torchPeer({ root, target: "cpu", python }, "eager");
  const torch = hasTorch ? new PeerProcess(command) : undefined;
  afterAll(() => torch?.dispose());

  test.each(networks)("$id computes what PyTorch does (where it is installed)", async (job) => {
    const own = await tryJob(job, "cpu");
    expect(own.twentieth).toBeLessThan(own.first);
    if (torch === undefined) return;
    const open = { command: "open", job, folder: join(folder, `cpu-${job.id}`) } as const;
    const its = await torch.request(open, 120);
    expect(its.error).toBeUndefined();
    const losses = { first: its.first!, twentieth: its.twentieth! };
    expect(lossDisagreement(own, losses, tolerances.f32)).toBeUndefined();
    expect(
      (await torch.request({ command: "time", id: job.id, seconds: 0 }, 60)).seconds,
    ).toBeGreaterThan(0);
  });
});

describe.runIf(hasEmulation)(`on the emulation ${needsEmulation}`, () => {
  const jobs = [
    stepJobs(true).find(({ id }) => id === "mlp_wide_f32")!,
    ...productJobs(true).filter(({ id }) => id.startsWith("dense_weights")),
    trafficJobs(true).groups.find(({ operation }) => operation === "softmax")!,
  ];
  test.each(jobs)("$id", async (job) => {
    Object.assign(process.env, (await emulatedCuda()).environment);
    await tryJob(job, "cuda");
  });
});

const product: ProductJob = {
  ...productJobs(true)[0]!,
  form: "inputs",
  rows: 2,
  inner: 1,
  columns: 2,
  precision: "f32",
};

test("a wrong product is no product to be measured", () => {
  const [a, b] = [
    [1, 2],
    [3, 4],
  ];
  expect(() => requireProduct(product, a, b, new Float32Array([3, 4, 6, 8]))).not.toThrow();
  expect(() => requireProduct(product, a, b, new Float32Array([3, 4, 6, 8.1]))).toThrow(
    "y[1, 1] is 8.100000381469727, expected 8",
  );
  expect(() => requireProduct(product, a, b, new Float32Array([Number.NaN, 4, 6, 8]))).toThrow(
    "NaN",
  );
});

test("the kernels of a product are its own and its parts, and copies are apart", () => {
  const kernels = ["p_o", "cast", "p_product", "p_product_2", "loss"].map((name) => ({
    graph: "train",
    name,
    bytes: name === "cast" ? 100 : 10,
  }));
  const launches = ["p_o", "run_cast", "p_product", "p_product_2", "run_loss"];
  const { own, copies } = measuredKernels(product, kernels);
  expect(launches.filter(own)).toEqual(["p_product", "p_product_2"]);
  expect(launches.filter(copies)).toEqual(["run_cast"]);
  const group = measuredKernels({ kind: "traffic", id: "t" }, kernels);
  expect(launches.filter(group.own)).toEqual(["run_cast"]);
  expect(launches.filter(group.copies)).toEqual([]);
  expect(() => measuredKernels(product, kernels.slice(0, 2))).toThrow("none of the kernels");
});
