/**
 * Types as checks: a value is made to fit a type of the source, or an error says why it does not. The names
 * of dimensions are bound by the first type that mentions them, and mean the same size ever after.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { nearest } from "../diagnostics/nearest.ts";
import { type DType, dtypes } from "../graph/dtype.ts";
import { type Extent, fixed, printExtent, sameExtent } from "../graph/extent.ts";
import type { Dimension, Ellipsis, Expression, NamedType, TypeNode } from "../syntax/ast.ts";
import { element, numberScalar } from "./arithmetic.ts";
import { convertTensor } from "./conversions.ts";
import { widensTo } from "./dtypes.ts";
import { evaluate } from "./evaluate.ts";
import { evaluateSpread } from "./indexing.ts";
import { type Environment, report } from "./session.ts";
import {
  asExtent,
  type DimensionSource,
  describe,
  errorValue,
  extentValue,
  floatValue,
  listValue,
  type TensorValue,
  tensorValue,
  type Value,
} from "./values.ts";

/** What is being checked, for errors: a span and how it reads, "the argument `x`". */
export interface Checked {
  readonly span: Span;
  readonly what: string;
}

const staticTypes: Readonly<Record<string, (value: Value) => boolean>> = {
  int: ({ kind }) => kind === "int" || kind === "extent",
  float: ({ kind }) => kind === "float" || kind === "int",
  string: ({ kind }) => kind === "string",
  fn: ({ kind }) =>
    kind === "function" ||
    kind === "builtin" ||
    kind === "layer" ||
    kind === "instance" ||
    kind === "string",
  layer: ({ kind }) => kind === "layer" || kind === "instance" || kind === "string",
  list: ({ kind }) => kind === "list",
  tuple: (value) => value.kind === "list",
};

/** The value as the type has it: converted where its element type widens, otherwise the value itself. */
export function conform(env: Environment, value: Value, type: TypeNode, checked: Checked): Value {
  if (value.kind === "error") return value;
  if (type.kind === "tuple-type") {
    if (value.kind !== "list" || value.items.length !== type.elements.length) {
      return report(
        env,
        diagnostics.wrongType(checked.span, {
          what: checked.what,
          expected: `a tuple of ${type.elements.length}`,
          found: describe(value),
        }),
      );
    }
    const items = value.items.map((item, i) => conform(env, item, type.elements[i]!, checked));
    return listValue(items, true);
  }
  const name = type.name?.name;
  if (name !== undefined && type.dimensions === null) {
    const accepts = staticTypes[name];
    if (accepts !== undefined) {
      if (accepts(value)) {
        return name === "float" && value.kind === "int" ? floatValue(value.value) : value;
      }
      return report(
        env,
        diagnostics.wrongType(
          checked.span,
          { what: checked.what, expected: typeWord(name), found: describe(value) },
          { labels: [{ span: type.span, text: "declared here" }] },
        ),
      );
    }
    if (name === "bool" && value.kind === "bool") return value;
  }
  return conformTensor(env, value, type, checked);
}

const typeWords: Readonly<Record<string, string>> = {
  int: "an int",
  float: "a number",
  fn: "a function",
};

function typeWord(name: string): string {
  return typeWords[name] ?? `a ${name}`;
}

/** What NumPy and Keras call element types. There is no wider float than f32. */
const elementTypesElsewhere: Readonly<Record<string, DType>> = {
  float16: "f16",
  half: "f16",
  bfloat16: "bf16",
  float: "f32",
  float32: "f32",
  float64: "f32",
  f64: "f32",
  double: "f32",
  int: "i32",
  int32: "i32",
  int64: "i32",
  i64: "i32",
  uint8: "u8",
  byte: "u8",
  boolean: "bool",
};

/** The element type that a type names, or null where it names none; reports an unknown name. */
export function elementType(env: Environment, type: NamedType): DType | null | undefined {
  if (type.name === null) return null;
  const { name, span } = type.name;
  const dtype = dtypes.find((known) => known === name);
  if (dtype !== undefined) return dtype;
  report(
    env,
    diagnostics.unknownType(span, {
      name,
      own: elementTypesElsewhere[name],
      nearest: nearest(name, [...dtypes, ...Object.keys(staticTypes)]),
    }),
  );
  return undefined;
}

function conformTensor(env: Environment, given: Value, type: NamedType, checked: Checked): Value {
  const dtype = elementType(env, type);
  if (dtype === undefined) return errorValue;
  if (given.kind === "element") {
    const isScalar = (type.dimensions ?? []).every(({ kind }) => kind === "ellipsis");
    if (isScalar) {
      if (dtype === null || given.scalar.dtype === dtype) return given;
      const cast = env.session.context.cast(given.scalar, dtype);
      return element(cast, given.inRange);
    }
  }
  const value = numberAsTensor(env, given, dtype);
  if (value === undefined) {
    return report(
      env,
      diagnostics.wrongType(
        checked.span,
        { what: checked.what, expected: "a tensor", found: describe(given) },
        { labels: [{ span: type.span, text: "declared here" }] },
      ),
    );
  }
  if (dtype !== null && !widensTo(value.value.dtype, dtype)) {
    return report(
      env,
      diagnostics.dtypeMismatch(
        checked.span,
        { what: checked.what, expected: dtype, found: value.value.dtype },
        { labels: [{ span: type.span, text: `declared as ${dtype} here` }] },
      ),
    );
  }
  const sources = matchDimensions(env, value, type, checked);
  if (sources === undefined) return errorValue;
  return convertTensor(env, { ...value, sources }, dtype ?? value.value.dtype);
}

function numberAsTensor(
  env: Environment,
  value: Value,
  dtype: DType | null,
): TensorValue | undefined {
  if (value.kind === "tensor") return value;
  const own = value.kind === "float" ? "f32" : value.kind === "bool" ? "bool" : "i32";
  const body = numberScalar(env, value, dtype !== null && widensTo(own, dtype) ? dtype : own);
  if (body === undefined) return undefined;
  return tensorValue(env.session.context.compute({ parallel: [], body }).values[0]!);
}

/** Unifies the dimensions of a type with those of a tensor; the tensor's sources, or nothing after an error. */
function matchDimensions(
  env: Environment,
  value: TensorValue,
  type: NamedType,
  checked: Checked,
): (DimensionSource | null)[] | undefined {
  const { shape } = value.value;
  const pairs = pairDimensions(env, value, type, checked);
  if (pairs === undefined) return undefined;
  const sources = [...value.sources];
  // Bare names first: they bind what arithmetic on them, anywhere in the type, needs.
  const isBare = ({ dimension }: DimensionPair) => dimension.kind === "identifier";
  for (const { dimension, at } of [
    ...pairs.filter(isBare),
    ...pairs.filter((pair) => !isBare(pair)),
  ]) {
    const found = shape[at]!;
    const own = value.sources[at] ?? checkedSource(checked);
    const expected = dimensionExtent(env, dimension, found, own);
    if (expected === undefined) return undefined;
    if (sameExtent(expected.extent, found)) {
      sources[at] ??= expected.source;
      continue;
    }
    const size = printExtent(expected.extent);
    const labels = [{ span: dimension.span, text: `declared here as ${size}` }];
    if (expected.source)
      labels.push({ span: expected.source.span, text: `${size} comes from here` });
    report(
      env,
      diagnostics.dimensionMismatch(
        { span: checked.span, text: withSource(value, value.sources[at]) },
        { what: checked.what, expected: size, found: printExtent(found) },
        { labels },
      ),
    );
    return undefined;
  }
  return sources;
}

/** A dimension of a type, and which axis of the tensor it is of. */
interface DimensionPair {
  readonly dimension: Expression | KnownSize;
  readonly at: number;
}

/** Axes by dimension, with the name of `...rest` bound to what it stands for; nothing where there are more or fewer. */
function pairDimensions(
  env: Environment,
  value: TensorValue,
  type: NamedType,
  checked: Checked,
): readonly DimensionPair[] | undefined {
  const { shape } = value.value;
  const dimensions = expandDimensions(env, type.dimensions ?? []);
  if (dimensions === undefined) return undefined;
  const open = dimensions.findIndex(({ kind }) => kind === "ellipsis");
  const fixedCount = open < 0 ? dimensions.length : dimensions.length - 1;
  const fits = open < 0 ? shape.length === fixedCount : shape.length >= fixedCount;
  if (!fits) {
    const expected = open < 0 ? `${fixedCount}` : `at least ${fixedCount}`;
    report(
      env,
      diagnostics.rankMismatch(
        { span: checked.span, text: withSource(value, value.sources.at(-1)) },
        { what: checked.what, expected, found: countDimensions(shape.length) },
        { labels: [{ span: type.span, text: "declared here" }] },
      ),
    );
    return undefined;
  }
  return dimensions.flatMap((dimension, d): DimensionPair[] => {
    if (dimension.kind === "ellipsis") {
      const { name } = dimension;
      const sizes = shape.slice(d, shape.length - fixedCount + d).map(extentValue);
      if (name !== null) env.scope.set(name, { value: listValue(sizes), span: dimension.span });
      return [];
    }
    const at = open >= 0 && d > open ? shape.length - dimensions.length + d : d;
    return [{ dimension, at }];
  });
}

/** An item of a list of sizes. */
interface KnownSize {
  readonly kind: "size";
  readonly value: Value;
  readonly span: Span;
}

/** Dimensions with lists of sizes written out. A list's name that is not bound takes what `...` stands for. */
function expandDimensions(
  env: Environment,
  dimensions: readonly Dimension[],
): (Expression | KnownSize | (Ellipsis & { readonly name: string | null }))[] | undefined {
  const expanded: (Expression | KnownSize | (Ellipsis & { readonly name: string | null }))[] = [];
  for (const dimension of dimensions) {
    if (dimension.kind === "ellipsis") {
      expanded.push({ ...dimension, name: null });
    } else if (dimension.kind !== "spread") {
      expanded.push(dimension);
    } else {
      const { list, span } = dimension;
      if (list.kind === "identifier" && unboundNames(env, list).length > 0) {
        expanded.push({ kind: "ellipsis", span, name: list.name });
        continue;
      }
      const sizes = evaluateSpread(dimension, env);
      if (sizes === undefined) return undefined;
      expanded.push(...sizes.map((value) => ({ kind: "size" as const, value, span })));
    }
  }
  return expanded;
}

function withSource(value: Value, source: DimensionSource | null | undefined): string {
  return source ? `${describe(value)}, ${source.text}` : describe(value);
}

function countDimensions(rank: number): string {
  return rank === 1 ? "1 dimension" : `${rank} dimensions`;
}

function checkedSource({ span, what }: Checked): DimensionSource {
  return { span, text: `from ${what}` };
}

/** A dimension's size in this scope; an unbound name takes the size it meets. */
function dimensionExtent(
  env: Environment,
  dimension: Expression | KnownSize,
  met: Extent,
  source: DimensionSource,
): { extent: Extent; source: DimensionSource | null } | undefined {
  if (dimension.kind === "size") return knownExtent(env, dimension.value, dimension.span);
  const unbound = unboundNames(env, dimension);
  const [unknown] = unbound;
  if (unknown !== undefined) {
    const isBare = dimension.kind === "identifier";
    const solution = isBare || unbound.length > 1 ? met : solve(env, dimension, unknown, met);
    if (unbound.length > 1 || solution === undefined) {
      report(env, diagnostics.undeterminedDimension(dimension.span, { names: unbound.join(", ") }));
      for (const name of unbound) env.scope.set(name, { value: errorValue, span: dimension.span });
      return undefined;
    }
    env.scope.set(unknown, { value: extentValue(solution), span: dimension.span, source });
    return { extent: met, source };
  }
  const bound = dimension.kind === "identifier" ? env.scope.get(dimension.name)?.source : null;
  const value = evaluate(dimension, { ...env, floors: true });
  return knownExtent(env, value, dimension.span, bound ?? null);
}

function knownExtent(
  env: Environment,
  value: Value,
  span: Span,
  source: DimensionSource | null = null,
): { extent: Extent; source: DimensionSource | null } | undefined {
  const extent = asExtent(value);
  if (extent === undefined && value.kind !== "error") reportDimension(env, span, value);
  return extent === undefined ? undefined : { extent, source };
}

export function reportDimension(env: Environment, span: Span, value: Value): Value {
  return report(env, diagnostics.notADimension(span, { found: describe(value) }));
}

/** The dimension's names that nothing in sight defines. */
function unboundNames(env: Environment, dimension: Expression, found: string[] = []): string[] {
  switch (dimension.kind) {
    case "identifier": {
      const isKnown =
        env.scope.get(dimension.name) !== undefined ||
        env.session.modules.resolve(env.module, dimension.name)?.declaration.kind === "const";
      if (!isKnown && !found.includes(dimension.name)) found.push(dimension.name);
      break;
    }
    case "binary":
      unboundNames(env, dimension.left, found);
      unboundNames(env, dimension.right, found);
      break;
    case "unary":
      unboundNames(env, dimension.operand, found);
      break;
    default:
      break;
  }
  return found;
}

/** The size of a name that makes a linear dimension come out at what it met. */
function solve(
  env: Environment,
  dimension: Expression,
  name: string,
  met: Extent,
): Extent | undefined {
  if (met.batch !== 0) return undefined;
  const at = (size: number): number | undefined => {
    env.scope.set(name, { value: extentValue(fixed(size)), span: dimension.span });
    const value = evaluate(dimension, { ...env, floors: true });
    return value.kind === "int" ? value.value : undefined;
  };
  const [zero, one] = [at(0), at(1)];
  if (zero === undefined || one === undefined || one === zero) return undefined;
  const size = (met.constant - zero) / (one - zero);
  return Number.isInteger(size) && size >= 0 && at(size) === met.constant ? fixed(size) : undefined;
}
