/**
 * One kernel for one group: which schedule it gets follows from the group's structure, and every group that
 * `formGroups` makes has one.
 */

import { assertExhaustive } from "../diagnostics/diagnostic.ts";
import type { Group } from "../optimize/group.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { scheduleContraction } from "./contraction.ts";
import type { ScheduledKernel, Surroundings } from "./kernel-builder.ts";
import { scheduleRows } from "./rows.ts";
import { scheduleSerialScatter } from "./scatter/serial.ts";
import { scheduleWorkgroupScatter } from "./scatter/workgroups.ts";
import { scheduleWorkgroupContraction } from "./workgroup/contraction.ts";
import { scheduleHopperContraction } from "./workgroup/hopper-contraction.ts";
import { scheduleMatrixContraction } from "./workgroup/matrix-contraction.ts";
import { scheduleWorkgroupRows } from "./workgroup/rows.ts";

export function scheduleGroup(
  group: Group,
  surroundings: Surroundings,
  target: TargetDescription,
): ScheduledKernel {
  if (group.scatter !== null) {
    return target.workgroup === null
      ? scheduleSerialScatter(group, group.scatter, surroundings, target)
      : scheduleWorkgroupScatter(group, group.scatter, surroundings, target.workgroup);
  }
  if (target.workgroup !== null) {
    return group.kind === "contraction"
      ? (scheduleHopperContraction(group, surroundings, target) ??
          scheduleMatrixContraction(group, surroundings, target) ??
          scheduleWorkgroupContraction(group, surroundings, target))
      : scheduleWorkgroupRows(group, surroundings, target.workgroup);
  }
  switch (group.kind) {
    case "contraction":
      return scheduleContraction(group, surroundings, target);
    case "rows":
    case "map":
    case "reduction":
    case "scatter":
      return scheduleRows(group, surroundings, target);
    default:
      return assertExhaustive(group.kind);
  }
}
