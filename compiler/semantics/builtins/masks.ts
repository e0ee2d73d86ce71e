/** Builtins about masks: which steps of a sequence a tensor says are real. */

import { masksShape } from "../masks.ts";
import { errorValue, noneValue, tensorValue, type Value } from "../values.ts";
import { argument, type Builtin, type BuiltinCall, required } from "./builtin.ts";
import { tensorArgument, wrongArgument } from "./checks.ts";

function maskOf(call: BuiltinCall): Value {
  const { value } = argument(call, "x");
  const carrier = value.kind === "list" ? value.items[0] : value;
  if (carrier?.kind !== "tensor" || !carrier.mask) return noneValue;
  return tensorValue(
    carrier.mask,
    carrier.mask.shape.map((_, d) => carrier.sources[d] ?? null),
  );
}

function withMask(call: BuiltinCall): Value {
  const x = tensorArgument(call, "x");
  const { value: mask } = argument(call, "mask");
  if (x === undefined || mask.kind === "error") return errorValue;
  if (mask.kind === "none") return { ...x, mask: null };
  const fits =
    mask.kind === "tensor" &&
    mask.value.dtype === "bool" &&
    masksShape(mask.value.shape, x.value.shape);
  if (fits) return { ...x, mask: mask.value };
  wrongArgument(call, "mask", "none, or a bool of x's first dimensions, such as bool[N, T]");
  return errorValue;
}

export const maskBuiltins: readonly Builtin[] = [
  {
    name: "mask",
    parameters: [required("x")],
    doc: "the mask that x carries, bool of its first dimensions, or none",
    call: maskOf,
  },
  {
    name: "with_mask",
    parameters: [required("x"), required("mask")],
    doc: "x, carrying that mask, or with none no mask",
    call: withMask,
  },
];
