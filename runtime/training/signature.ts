/** The identity of a model's persistent tensors: a checkpoint fits a model whose signature is the same. */

import { createHash } from "node:crypto";
import type { TrainerPlan } from "../plan.ts";

/** 16 hexadecimal digits over path, role, dtype and shape of every tensor; offsets do not matter. */
export function modelSignature(plan: Pick<TrainerPlan, "tensors">): string {
  const lines = plan.tensors.map(
    ({ name, role, dtype, shape }) => `${name} ${role} ${dtype}[${shape.join(",")}]`,
  );
  return createHash("sha256").update(lines.sort().join("\n")).digest("hex").slice(0, 16);
}
