/** Tensors and elements in another element type. */

import type { DType } from "../graph/dtype.ts";
import { element } from "./arithmetic.ts";
import type { Environment } from "./session.ts";
import { broadcastIndex } from "./tensors/layout.ts";
import type { ElementValue, TensorValue } from "./values.ts";

export function convertTensor(env: Environment, tensor: TensorValue, dtype: DType): TensorValue {
  const { value, sources } = tensor;
  if (value.dtype === dtype) return tensor;
  const { context } = env.session;
  const load = context.load(value, broadcastIndex(value.shape, value.shape));
  const body = context.cast(load, dtype);
  return { ...tensor, value: context.compute({ parallel: value.shape, body }).values[0]!, sources };
}

export function convertElement(env: Environment, value: ElementValue, dtype: DType): ElementValue {
  if (value.scalar.dtype === dtype) return value;
  return element(env.session.context.cast(value.scalar, dtype), value.inRange);
}
