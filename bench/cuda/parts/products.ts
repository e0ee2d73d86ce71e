/** Products of matrices, TFLOP/s of nnc's contractions beside cuBLAS'. */

import type { Budget } from "../budget.ts";
import type { ProductJob } from "../job.ts";
import type { RunContext } from "./context.ts";
import { Pair } from "./pairs.ts";

export async function runProducts(
  jobs: readonly ProductJob[],
  budget: Budget,
  context: RunContext,
): Promise<void> {
  const pair = new Pair("products", budget, context);
  try {
    for (const job of jobs) {
      const timings = await pair.measure(job);
      const [own, cublas] = [timings.get("nnc"), timings.get("torch")];
      if (own === undefined && cublas === undefined) continue;
      const { id, form, rows, inner, columns, precision } = job;
      const teraflops = (seconds: number | undefined) =>
        seconds === undefined ? null : (2 * rows * inner * columns) / seconds / 1e12;
      context.report.add("products", {
        job: id,
        form,
        rows,
        inner,
        columns,
        precision,
        nnc_tflops: teraflops(own?.seconds),
        // With the rounding of its operands, where that is a kernel of its own: cuBLAS gets them rounded.
        nnc_tflops_with_copies: teraflops(own && own.seconds + (own.opened.copy_seconds ?? 0)),
        cublas_tflops: teraflops(cublas?.seconds),
        // Time of cuBLAS over nnc's.
        share_of_cublas: own === undefined || cublas === undefined ? null : cublas.ratio,
      });
    }
  } finally {
    pair.dispose();
  }
}
