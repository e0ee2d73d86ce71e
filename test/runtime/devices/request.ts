/** What tests of devices ask for: `train` with batches of at most 4 and one scalar a step. */

import type { RunRequest } from "../../../runtime/devices/device.ts";

export function request(changes: Partial<RunRequest> = {}): RunRequest {
  return {
    graph: "train",
    rows: new Int32Array([4, 0, 1, 2, 3]),
    batchSize: 2,
    scalars: new Float32Array([1, 10, 100]),
    seed: 1,
    firstBatch: 7,
    ...changes,
  };
}
