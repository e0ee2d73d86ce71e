/** Small random models of the library's layers through every pass, as compiled C, unfused and fused. */

import { expect, test } from "vitest";
import { thisCpu } from "../targets/run-kernels.ts";
import { cpuRunner } from "./cpu-runner.ts";
import { smallLayers } from "./random-models.ts";
import { checkRandomPrograms } from "./random-programs.ts";

test("random models of layers", async () => {
  expect(await checkRandomPrograms(smallLayers, cpuRunner(thisCpu()), 20_261_122, 12)).toBe(12);
}, 300_000);
