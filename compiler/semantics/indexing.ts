/**
 * `x[…]`: slices of tensors and lists, and, where an index contains an axis, one element of a tensor at each
 * point of an index notation. A constant negative index counts from the end; one with an axis never wraps. An index
 * that is computed from data is an integer; where it is out of range, 0 is read.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { type Affine, constantAffine, extentAffine, offsetAffine } from "../graph/affine.ts";
import { rangeOf } from "../graph/affine-range.ts";
import { always, and, type Condition, inRange, simplifyCondition } from "../graph/condition.ts";
import { isFloat } from "../graph/dtype.ts";
import { type Extent, fixed, printExtent, sameExtent } from "../graph/extent.ts";
import type { Scalar } from "../graph/node.ts";
import type { Ellipsis, IndexExpression, IndexItem, Slice, Spread } from "../syntax/ast.ts";
import { asElement, element, isStepElement } from "./arithmetic.ts";
import { evaluate } from "./evaluate.ts";
import { keepMask } from "./masks.ts";
import { type Environment, report } from "./session.ts";
import { loadAt } from "./tensors/gathers.ts";
import { type SlicePart, slice } from "./tensors/layout.ts";
import {
  asExtent,
  type DimensionSource,
  describe,
  type ElementValue,
  errorValue,
  type ListValue,
  listValue,
  type TensorValue,
  tensorValue,
  type Value,
} from "./values.ts";

export function evaluateIndex(expression: IndexExpression, env: Environment): Value {
  const object = env.indexed?.get(expression.object) ?? evaluate(expression.object, env);
  switch (object.kind) {
    case "error":
      return errorValue;
    case "tensor":
      return indexTensor(expression, object, env);
    case "list":
      return indexList(expression, object, env);
    default:
      return report(
        env,
        diagnostics.notIndexable(expression.object.span, { found: describe(object) }),
      );
  }
}

// Lists

function indexList({ items, span }: IndexExpression, list: ListValue, env: Environment): Value {
  const [item] = items;
  const isOne = items.length === 1 && item?.kind !== "ellipsis" && item?.kind !== "spread";
  if (!isOne || item === undefined) {
    return report(env, diagnostics.listIndex(span, { found: `${items.length} indices` }));
  }
  if (item.kind === "slice") {
    const part = staticSlice(item, list.items.length, env);
    if (part === undefined) return errorValue;
    const picked = Array.from(
      { length: part.count },
      (_, i) => list.items[part.start + i * part.step]!,
    );
    return listValue(picked, list.isTuple);
  }
  const index = evaluate(item, { ...env, floors: true });
  if (index.kind === "error") return errorValue;
  if (index.kind !== "int") {
    return report(env, diagnostics.listIndex(item.span, { found: describe(index) }));
  }
  const at = index.value < 0 ? index.value + list.items.length : index.value;
  const picked = list.items[at];
  return (
    picked ??
    report(
      env,
      diagnostics.indexOutOfRange(item.span, {
        index: index.value,
        extent: list.items.length,
        what: list.isTuple ? "the tuple" : "the list",
      }),
    )
  );
}

interface StaticSlice {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** Python's rule: bounds count from the end where negative, and are cut to what there is. */
function staticSlice(item: Slice, length: number, env: Environment): StaticSlice | undefined {
  const parts: (number | null)[] = [];
  for (const part of [item.start, item.stop, item.step]) {
    if (part === null) {
      parts.push(null);
      continue;
    }
    const value = evaluate(part, { ...env, floors: true });
    if (value.kind === "none") {
      parts.push(null);
    } else if (value.kind === "int") {
      parts.push(value.value);
    } else {
      if (value.kind !== "error") {
        report(env, diagnostics.sliceBound(part.span, { found: describe(value) }));
      }
      return undefined;
    }
  }
  const [givenStart, givenStop, givenStep] = parts;
  const step = givenStep ?? 1;
  if (step === 0) {
    report(env, diagnostics.sliceBound(item.span, { found: "a step of 0" }));
    return undefined;
  }
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const cut = (bound: number) => Math.min(high, Math.max(low, bound < 0 ? bound + length : bound));
  const start = givenStart == null ? (step > 0 ? low : high) : cut(givenStart);
  const stop = givenStop == null ? (step > 0 ? high : low) : cut(givenStop);
  return { start, step, count: Math.max(0, Math.ceil((stop - start) / step)) };
}

// Tensors

type Part = (
  | SlicePart
  | {
      readonly kind: "data";
      readonly index: Scalar;
      /** Where every load that the index executes is in range. */
      readonly inRange: Condition;
    }
) & { readonly span: IndexItem["span"]; readonly hasAxis: boolean };

function indexTensor(expression: IndexExpression, object: TensorValue, env: Environment): Value {
  const { shape } = object.value;
  const items = expandEllipsis(expression, object, env);
  if (items === undefined) return errorValue;
  const parts: Part[] = [];
  const sources: (DimensionSource | null)[] = [];
  let dimension = 0;
  for (const item of items) {
    if (item === "all") {
      parts.push({ ...wholeDimension(shape[dimension]!), span: expression.span, hasAxis: false });
      sources.push(object.sources[dimension++] ?? null);
      continue;
    }
    const part = indexPart(item, object, dimension, env);
    if (part === undefined) return errorValue;
    parts.push(part);
    if (part.kind === "range") {
      const isWhole = part.extent.constant === shape[dimension]!.constant;
      sources.push(isWhole ? (object.sources[dimension] ?? null) : null);
    }
    if (part.kind === "new") sources.push(null);
    else dimension++;
  }
  const isElement = parts.some(({ hasAxis }) => hasAxis);
  if (!isElement) {
    const ranges = parts.filter((part) => part.kind !== "data");
    const guard = sliceGuard(parts, shape, env);
    if (guard === undefined) return errorValue;
    const part = tensorValue(slice(env.session.context, object.value, ranges, guard), sources);
    const isWhole = object.mask?.shape.every((extent, d) => {
      const at = parts[d];
      return at?.kind === "range" && at.step === 1 && sameExtent(at.extent, extent);
    });
    return isWhole ? keepMask(part, [object]) : part;
  }
  const index: (Affine | Scalar)[] = [];
  let executed = always;
  for (const part of parts) {
    if (part.kind !== "at" && part.kind !== "data") {
      return report(
        env,
        diagnostics.missingIndices(expression.span, {
          shape: describe(object),
          rank: shape.length,
        }),
      );
    }
    const here = part.kind === "at" ? inRange(part.index, shape[index.length]!) : part.inRange;
    executed = and(executed, here);
    index.push(part.index);
  }
  return element(loadAt(env.session.context, object.value, index, executed), executed);
}

/** Where the indexes of a slice that loops move are in range; elsewhere it reads 0. Reports one that never is. */
function sliceGuard(
  parts: readonly Part[],
  shape: readonly Extent[],
  env: Environment,
): Condition | undefined {
  let guard = always;
  let dimension = 0;
  for (const part of parts) {
    if (part.kind === "new") continue;
    const extent = shape[dimension++]!;
    if (part.kind !== "at") continue;
    const here = simplifyCondition(inRange(part.index, extent), [], env.session.batchMax);
    if (here.kind === "false") {
      const { min, max } = rangeOf(part.index, [], env.session.batchMax);
      const index = min === max ? min : `${min} … ${max}`;
      const values = { index, extent: printExtent(extent), what: "the dimension" };
      report(env, diagnostics.indexOutOfRange(part.span, values));
      return undefined;
    }
    guard = and(guard, here);
  }
  return guard;
}

function wholeDimension(extent: Extent): SlicePart {
  return { kind: "range", start: constantAffine(0), step: 1, extent };
}

/** An item of a list that was spread. */
interface SpreadItem {
  readonly kind: "item";
  readonly value: Value;
  readonly span: Span;
}

type SingleItem = Exclude<IndexItem, Ellipsis | Spread> | SpreadItem;

/** The items with those of spread lists in their place; nothing after an error. */
function expandSpreads(
  items: readonly IndexItem[],
  env: Environment,
): (SingleItem | Ellipsis)[] | undefined {
  const expanded: (SingleItem | Ellipsis)[] = [];
  for (const item of items) {
    if (item.kind !== "spread") {
      expanded.push(item);
      continue;
    }
    const list = evaluateSpread(item, env);
    if (list === undefined) return undefined;
    expanded.push(...list.map((value) => ({ kind: "item" as const, value, span: item.span })));
  }
  return expanded;
}

/** The items of `list...`; reports anything but a list. */
export function evaluateSpread(
  { list, span }: Pick<Spread, "list" | "span">,
  env: Environment,
): readonly Value[] | undefined {
  const value = evaluate(list, { ...env, floors: true });
  if (value.kind === "list") return value.items;
  if (value.kind !== "error") {
    const what = "what `...` spreads";
    report(env, diagnostics.wrongType(span, { what, expected: "a list", found: describe(value) }));
  }
  return undefined;
}

/** The items with `...`, and what is missing at the end, written out as whole dimensions. */
function expandEllipsis(
  { items: given, span }: IndexExpression,
  object: TensorValue,
  env: Environment,
): (SingleItem | "all")[] | undefined {
  const items = expandSpreads(given, env);
  if (items === undefined) return undefined;
  const rank = object.value.shape.length;
  const consumed = items.filter(({ kind }) => kind !== "ellipsis" && kind !== "none").length;
  const ellipses = items.filter(({ kind }) => kind === "ellipsis");
  if (consumed > rank || ellipses.length > 1) {
    const found = ellipses.length > 1 ? "more than one `...`" : `${consumed} indices`;
    report(env, diagnostics.tooManyIndices(span, { shape: describe(object), rank, found }));
    return undefined;
  }
  const missing = new Array<"all">(rank - consumed).fill("all");
  const expanded: (SingleItem | "all")[] = [];
  for (const item of items) {
    if (item.kind === "ellipsis") expanded.push(...missing);
    else expanded.push(item);
  }
  return ellipses.length === 1 ? expanded : [...expanded, ...missing];
}

function indexPart(
  item: SingleItem,
  object: TensorValue,
  dimension: number,
  env: Environment,
): Part | undefined {
  const { span } = item;
  if (item.kind === "none") return { kind: "new", span, hasAxis: false };
  const extent = object.value.shape[dimension]!;
  if (item.kind === "slice") {
    const part = slicePart(item, extent, env);
    return part === undefined ? undefined : { ...part, span, hasAxis: false };
  }
  const index = item.kind === "item" ? item.value : evaluate(item, { ...env, floors: true });
  return elementPart(index, span, extent, env);
}

function slicePart(item: Slice, extent: Extent, env: Environment): SlicePart | undefined {
  if (extent.batch === 0) {
    const part = staticSlice(item, extent.constant, env);
    if (part === undefined) return undefined;
    return {
      kind: "range",
      start: constantAffine(part.start),
      step: part.step,
      extent: fixed(part.count),
    };
  }
  if (item.start === null && item.stop === null && item.step === null)
    return wholeDimension(extent);
  report(env, diagnostics.sliceOfBatch(item.span, { extent: printExtent(extent) }));
  return undefined;
}

function elementPart(index: Value, span: Span, extent: Extent, env: Environment): Part | undefined {
  const at = (affine: Affine, hasAxis: boolean): Part => ({
    kind: "at",
    index: affine,
    span,
    hasAxis,
  });
  switch (index.kind) {
    case "error":
      return undefined;
    case "element":
      if (index.affine === null) return dataPart(index, span, env);
      return at(index.affine, !isStepElement(env, index));
    case "tensor":
      if (index.value.shape.length === 0 && env.indexed !== null) return dataPart(index, span, env);
      report(env, diagnostics.dataDependentSlice(span, {}));
      return undefined;
    case "int": {
      const affine =
        index.value < 0
          ? offsetAffine(extentAffine(extent), index.value)
          : constantAffine(index.value);
      const size = extent.batch === 0 ? extent.constant : 1;
      const isInside = index.value < 0 ? -index.value <= size : index.value < size;
      if (isInside) return at(affine, false);
      report(
        env,
        diagnostics.indexOutOfRange(span, {
          index: index.value,
          extent: printExtent(extent),
          what: "the dimension",
        }),
      );
      return undefined;
    }
    default: {
      const size = asExtent(index);
      if (size !== undefined && env.indexed !== null) return at(extentAffine(size), true);
      report(env, diagnostics.badIndex(span, { found: describe(index) }));
      return undefined;
    }
  }
}

/** An element of a tensor, or what is computed from some, as an index. */
function dataPart(
  value: ElementValue | TensorValue,
  span: IndexItem["span"],
  env: Environment,
): Part | undefined {
  const index = asElement(env, { value, span });
  if (index === undefined) return undefined;
  const { scalar, inRange } = index;
  if (isFloat(scalar.dtype) || scalar.dtype === "bool") {
    report(env, diagnostics.indexType(span, { found: describe(value) }));
    return undefined;
  }
  const { context } = env.session;
  return { kind: "data", index: context.cast(scalar, "i32"), inRange, span, hasAxis: true };
}
