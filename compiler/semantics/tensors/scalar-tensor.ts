/** Static numbers and variables of loops as tensors of rank 0, where a tensor is needed. */

import type { DType } from "../../graph/dtype.ts";
import { numberScalar } from "../arithmetic.ts";
import type { Environment } from "../session.ts";
import { type TensorValue, tensorValue, type Value } from "../values.ts";

/** The tensor itself, or a number as f32 (an int as `dtype`); undefined for anything else. */
export function scalarTensor(
  env: Environment,
  value: Value,
  dtype: DType,
): TensorValue | undefined {
  if (value.kind === "tensor") return value;
  const own =
    value.kind === "element"
      ? value.scalar.dtype
      : value.kind === "float"
        ? "f32"
        : value.kind === "bool"
          ? "bool"
          : dtype;
  const body = numberScalar(env, value, own);
  if (body === undefined) return undefined;
  return tensorValue(env.session.context.compute({ parallel: [], body }).values[0]!);
}
