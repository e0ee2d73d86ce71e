/** Groups that memory bounds: bytes a second that they must move, as a share of what a copy on the device moves. */

import { join } from "node:path";
import type { Budget } from "../budget.ts";
import type { TrafficJob } from "../job.ts";
import { readPrepared } from "../program.ts";
import type { RunContext } from "./context.ts";
import { Pair } from "./pairs.ts";

export async function runTraffic(
  { copy, groups }: { readonly copy: TrafficJob; readonly groups: readonly TrafficJob[] },
  budget: Budget,
  context: RunContext,
): Promise<void> {
  const { report, folder } = context;
  const pair = new Pair("traffic", budget, context);
  try {
    const copied = (await pair.measure(copy, false)).get("torch");
    const copyRate =
      copied === undefined ? null : rate(8 * copy.rows * copy.columns, copied.seconds);
    if (copyRate === null) report.skip("traffic", "copy", "PyTorch makes it");
    else
      report.add("traffic", { operation: "copy", peer: "torch", gbps: copyRate, share_of_copy: 1 });
    for (const job of groups) {
      for (const [peer, { seconds }] of await pair.measure(job)) {
        const bytes = peer === "nnc" ? ownBytes(join(folder, job.id)) : torchBytes(job);
        const gbps = rate(bytes, seconds);
        const share = copyRate === null ? null : gbps / copyRate;
        report.add("traffic", { operation: job.operation, peer, gbps, share_of_copy: share });
      }
    }
  } finally {
    pair.dispose();
  }
}

function rate(bytes: number, seconds: number): number {
  return bytes / seconds / 1e9;
}

/** What the kernel that is timed must move, by the compiler's own count; the others of the step are of some bytes. */
function ownBytes(folder: string): number {
  const { kernels } = readPrepared(folder, "fused");
  const bytes = kernels.filter(({ graph }) => graph === "train").map((kernel) => kernel.bytes);
  return Math.max(...bytes);
}

/** What the operation must move, however many kernels PyTorch makes of it. Adam reads a gradient, too. */
function torchBytes({ operation, rows, columns }: TrafficJob): number {
  return 4 * rows * columns * (operation === "adam" ? 7 : 2);
}
