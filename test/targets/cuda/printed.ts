/** Modules of small kernels as CUDA C++, for tests of its text. */

import type { Launch } from "../../../compiler/kernel/module.ts";
import { type PrintedCuda, printCuda } from "../../../compiler/targets/cuda/print-module.ts";
import { moduleOf } from "../kernels.ts";

export function printed(...launches: readonly Launch[]): PrintedCuda {
  const module = moduleOf(...launches);
  return printCuda([{ architecture: "sm_80", module }], { source: "test.nn", batchMax: 100 });
}

/** The source without what all sources begin with. */
export function text({ sources }: PrintedCuda): string {
  const sections = sources[0]!.split("\n\n");
  return sections
    .slice(1)
    .filter(
      (section) => !section.includes("struct NncStep {") && !section.includes("nnc_next_step"),
    )
    .join("\n\n")
    .trimEnd();
}
