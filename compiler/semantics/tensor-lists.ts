/** Tensors, and tensors in lists and tuples, as what loops carry: a cell's state is often several. */

import { describe, listValue, type TensorValue, type Value } from "./values.ts";

/** The tensors in reading order; what is neither a tensor nor a list is passed over. */
export function tensorsOf(value: Value): readonly TensorValue[] {
  if (value.kind === "tensor") return [value];
  return value.kind === "list" ? value.items.flatMap(tensorsOf) : [];
}

/** Whether there is nothing else in it. */
export function holdsTensors(value: Value): boolean {
  return value.kind === "list" ? value.items.every(holdsTensors) : value.kind === "tensor";
}

/** The value with each tensor replaced. */
export function mapTensors(value: Value, replace: (tensor: TensorValue) => Value): Value {
  if (value.kind === "tensor") return replace(value);
  if (value.kind !== "list") return value;
  return listValue(
    value.items.map((item) => mapTensors(item, replace)),
    value.isTuple,
  );
}

/** Everything that is no list converted; nothing where something could not be. */
export function convertItems(
  value: Value,
  convert: (item: Value) => TensorValue | undefined,
): Value | undefined {
  if (value.kind !== "list") return convert(value);
  const items = value.items.map((item) => convertItems(item, convert));
  return items.every((item) => item !== undefined) ? listValue(items, value.isTuple) : undefined;
}

/** `value` in the form of `pattern`, whose tensors its items are matched with; nothing where it has another form. */
export function matchItems(
  pattern: Value,
  value: Value,
  match: (tensor: TensorValue, item: Value) => TensorValue | undefined,
): Value | undefined {
  if (pattern.kind === "tensor") return match(pattern, value);
  if (pattern.kind !== "list" || value.kind !== "list") return undefined;
  if (pattern.items.length !== value.items.length) return undefined;
  const items = pattern.items.map((item, i) => matchItems(item, value.items[i]!, match));
  return items.every((item) => item !== undefined) ? listValue(items, pattern.isTuple) : undefined;
}

/** "f32[N, 3]", "(f32[N, 3], i32)". */
export function describeItems(value: Value): string {
  return value.kind === "list" ? `(${value.items.map(describeItems).join(", ")})` : describe(value);
}
