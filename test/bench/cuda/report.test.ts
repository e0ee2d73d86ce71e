import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parts, readOptions, usualSeconds } from "../../../bench/cuda/options.ts";
import { Report, resultFileName } from "../../../bench/cuda/report.ts";
import { formatRows } from "../../../bench/cuda/tables.ts";

const stamp = { gpu: "NVIDIA H200", date: "2026-11-22T05:00:00Z", commit: "d7282bd" };

test("every row is in the file at once, with the device, the date and the commit", () => {
  const folder = mkdtempSync(join(tmpdir(), "nnc-report-"));
  try {
    const path = join(folder, "results", resultFileName(stamp));
    const said: string[] = [];
    const report = new Report(stamp, path, (text) => said.push(text));
    report.add("steps", { job: "mlp_f32", peer: "nnc", ms_per_step: 0.1 });
    report.fail("steps", "mlp_f32, jax", "no device");
    report.fail("steps", "lstm_f32, jax", "no device");
    report.skip("latency", "jax", "the time is spent");
    const rows = readFileSync(path, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(path).toContain("2026-11-22-cuda-nvidia-h200.jsonl");
    expect(rows[0]).toEqual({
      ...stamp,
      part: "steps",
      job: "mlp_f32",
      peer: "nnc",
      ms_per_step: 0.1,
    });
    expect(rows).toHaveLength(4);
    expect(report.failed).toEqual(["steps"]);
    // The same error is said once.
    expect(said.join("")).toBe(
      "steps: mlp_f32, jax: no device\nlatency: jax left out: the time is spent\n",
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("tables show figures, then what was left out, then what failed", () => {
  const report = new Report(stamp, undefined, () => {});
  const product = {
    job: "square",
    nnc_tflops: 612.3456,
    cublas_tflops: 700,
    share_of_cublas: 0.8748,
  };
  report.add("products", { ...product, nnc_tflops_with_copies: 580 });
  report.add("traffic", { operation: "adam", peer: "nnc", gbps: 3870.2, share_of_copy: null });
  report.add("sanitizer", { of: "memcheck", clean: true });
  report.skip("sanitizer", "racecheck", "it is not installed");
  for (const of of ["a", "b", "c"]) report.fail("products", of, "no device");
  expect(formatRows(report.rows)).toMatchInlineSnapshot(`
    "Products of matrices, TFLOP/s

    | job    | nnc | with copies | cuBLAS | share |
    | ------ | --: | ----------: | -----: | ----: |
    | square | 612 |         580 |    700 |  87 % |

    Passes over memory, GB/s of what must be moved

    | operation | peer | GB/s | share of a copy |
    | --------- | ---- | ---: | --------------: |
    | adam      | nnc  | 3870 |               - |

    compute-sanitizer memcheck: clean

    Left out:
      sanitizer: it is not installed (racecheck)

    Failed:
      products: no device (a and 2 more)
    "
  `);
});

test("options", () => {
  expect(readOptions([], "results")).toEqual({
    quick: false,
    target: "cuda",
    seconds: usualSeconds,
    only: new Set(parts),
    conformance: [],
    out: "results",
    python: "python3",
  });
  const given = ["--quick", "--device", "cpu", "--only", "steps,traffic", "--no-save"];
  expect(
    readOptions([...given, "--seconds", "9.5", "--conformance", "a", "--conformance", "b"], ""),
  ).toMatchObject({
    quick: true,
    target: "cpu",
    seconds: 9.5,
    only: new Set(["steps", "traffic"]),
    conformance: ["a", "b"],
    out: undefined,
  });
  expect(readOptions(["--help"], "")).toBeNull();
  // Figures of dry runs are none to keep, unless a folder is named.
  expect(readOptions(["--quick"], "results")).toMatchObject({ out: undefined });
  expect(readOptions(["--quick", "--out", "dry"], "results")).toMatchObject({ out: "dry" });
});

test.each([
  [["--only", "steps,nothing"], "no part nothing"],
  [["--device", "tpu"], "no device tpu"],
  [["--seconds", "soon"], "--seconds takes a number above 0, not soon"],
  [["--fast"], "Unknown option '--fast'"],
  [["extra"], "Unexpected argument 'extra'"],
])("%s is refused", (given, message) => {
  expect(() => readOptions(given, "results")).toThrow(message);
});
