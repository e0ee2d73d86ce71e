/** Random programs compiled for AArch64, of which nothing is assumed but what every processor of its kind has. */

import { describe, expect, test } from "vitest";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";
import { emulateArm64, hasArm64, needsArm64 } from "../arm64/arm64.ts";
import { cpuRunner } from "./cpu-runner.ts";
import { randomModels } from "./random-models.ts";
import { checkRandomPrograms, randomGraphs } from "./random-programs.ts";

const arm64Runner = () => cpuRunner(baselineCpu("arm64"), emulateArm64());

describe.runIf(hasArm64)(`on AArch64 ${needsArm64}`, () => {
  test("10 random graphs", async () => {
    expect(await checkRandomPrograms(randomGraphs, arm64Runner(), 20_261_122, 10)).toBe(10);
  }, 300_000);

  test("3 random models", async () => {
    expect(await checkRandomPrograms(randomModels, arm64Runner(), 20_261_122, 3)).toBe(3);
  }, 300_000);
});
