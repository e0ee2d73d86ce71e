/** A table of what a step dispatches, the longest first. */

import { flopsPerStep, type Workload } from "../inputs.ts";
import type { TimedDispatch } from "./dispatch-clock.ts";

export interface TimedSteps {
  readonly steps: number;
  readonly dispatches: readonly TimedDispatch[];
}

const rowsAtMost = 25;

export function formatKernels(
  peer: string,
  workload: Workload,
  { steps, dispatches }: TimedSteps,
): string {
  const groups = new Map<string, TimedDispatch[]>();
  for (const dispatch of dispatches) {
    const name = `${dispatch.kernel}  ${dispatch.workgroups.join("×")} workgroups`;
    const group = groups.get(name) ?? [];
    groups.set(name, group);
    group.push(dispatch);
  }
  const total = dispatches.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = [...groups]
    .map(([name, group]) => ({
      name,
      count: group.length / steps,
      seconds: group.reduce((sum, { seconds }) => sum + seconds, 0),
    }))
    .sort((a, b) => b.seconds - a.seconds);
  const gflops = (flopsPerStep(workload) * steps) / total / 1e9;
  const head =
    `${workload.name}, ${peer}: ${dispatches.length / steps} dispatches, ` +
    `${milliseconds(total / steps)} ms of device time a step, ${gflops.toPrecision(3)} GFLOP/s`;
  const table = rows.slice(0, rowsAtMost).map(({ name, count, seconds }) => {
    const share = `${((100 * seconds) / total).toFixed(1)} %`;
    return `  ${milliseconds(seconds / steps).padStart(8)} ms ${share.padStart(7)}  ${count}× ${name}`;
  });
  const rest = rows.slice(rowsAtMost);
  if (rest.length > 0) {
    const seconds = rest.reduce((sum, row) => sum + row.seconds, 0);
    table.push(`  ${milliseconds(seconds / steps).padStart(8)} ms  in ${rest.length} more`);
  }
  return [head, ...table, ""].join("\n");
}

function milliseconds(seconds: number): string {
  return (1e3 * seconds).toFixed(3);
}
