/** Puts a workload on a device of nnc's: the weights that every peer starts from, and the batch. */

import { elementCount } from "../runtime/data/column.ts";
import type { Device } from "../runtime/devices/device.ts";
import type { TrainerPlan } from "../runtime/plan.ts";
import type { Inputs, Workload } from "./inputs.ts";

export async function loadWorkload(
  device: Device,
  plan: TrainerPlan,
  { batch, input }: Workload,
  inputs: Inputs,
): Promise<void> {
  for (const { name, shape } of plan.tensors) {
    await device.write(name, new Float32Array(elementCount(shape)));
  }
  for (const { name, kernel, bias } of inputs.layers) {
    await device.write(`${plan.model}/${name}/kernel`, kernel);
    await device.write(`${plan.model}/${name}/bias`, bias);
  }
  const columns = { x: [input, inputs.x], y: [[], inputs.y] } as const;
  for (const [slot, { name, dtype }] of plan.columns.entries()) {
    const [shape, data] = columns[name as "x" | "y"];
    await device.bindColumn(slot, { name, dtype, shape, rows: batch, data });
  }
}
