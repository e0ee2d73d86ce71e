/** The identity of a model's persistent tensors: a checkpoint fits a model whose signature is the same. */

import { sha256 } from "../data/sha256.ts";
import type { TrainerPlan } from "../plan.ts";

/** 16 hexadecimal digits over path, role, dtype and shape of every tensor; offsets do not matter. */
export async function modelSignature(plan: Pick<TrainerPlan, "tensors">): Promise<string> {
  const lines = plan.tensors.map(
    ({ name, role, dtype, shape }) => `${name} ${role} ${dtype}[${shape.join(",")}]`,
  );
  const text = new TextEncoder().encode(lines.sort().join("\n"));
  return (await sha256([text])).slice(0, 16);
}
