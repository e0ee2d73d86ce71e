/** Says of kernels in loops which loops have become a single launch, as targets decide only when they print. */

import type { KernelModule } from "../kernel/module.ts";
import type { KernelReport } from "../schedule/report-kernel.ts";
import type { KernelCode } from "./kernel-code.ts";

/** Reports stand in the order of the graphs' launches. */
export function reportLoops(
  reports: readonly KernelReport[],
  { functions }: KernelModule,
  code: KernelCode,
): readonly KernelReport[] {
  const whole = new Set<KernelReport>();
  for (const { graph, loops } of functions) {
    const own = reports.filter((report) => report.graph === graph);
    const areWhole = wholeLoops(code, graph);
    loops.forEach(({ first, end }, i) => {
      if (areWhole[i] !== true) return;
      for (const report of own.slice(first, end)) whole.add(report);
    });
  }
  return reports.map((report) =>
    whole.has(report) ? { ...report, loopIsOneLaunch: true } : report,
  );
}

/** By loop of the graph, as the kernels are that run on all devices. */
function wholeLoops(code: KernelCode, graph: string): readonly boolean[] {
  if (code.target !== "cuda") return [];
  const loops = code.program.variants.at(-1)!.loops[graph] ?? [];
  return loops.map(({ whole }) => whole !== null);
}
