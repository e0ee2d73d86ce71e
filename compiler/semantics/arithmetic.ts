/**
 * Scalar functions applied to values of the language: to static numbers at build time, to tensors with
 * NumPy's broadcasting, to elements inside an index notation. Functions of axes alone stay affine, and
 * comparisons of them conditions, so that they may index and guard.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { extentAffine } from "../graph/affine.ts";
import { always, and } from "../graph/condition.ts";
import type { DType } from "../graph/dtype.ts";
import { type Extent, fixed, isFixed, printExtent, sameExtent } from "../graph/extent.ts";
import type { Scalar } from "../graph/node.ts";
import type { ScalarFunctionName } from "../graph/scalar-functions.ts";
import { axisFunction } from "./axis-values.ts";
import { type ArgumentType, argumentTypes } from "./dtypes.ts";
import { keepMask } from "./masks.ts";
import { dependsOnAxes } from "./notation-nodes.ts";
import { type Environment, report } from "./session.ts";
import { extentFunction, staticFunction } from "./static-numbers.ts";
import { broadcastIndex } from "./tensors/layout.ts";
import {
  type DimensionSource,
  describe,
  type ElementValue,
  errorValue,
  type TensorValue,
  tensorValue,
  type Value,
} from "./values.ts";

/** A value with the source it came from. */
export interface Operand {
  readonly value: Value;
  readonly span: Span;
}

/** What an error calls the operation: "+", "exp". */
export interface Operation {
  readonly fn: ScalarFunctionName;
  readonly name: string;
  readonly span: Span;
}

export function applyScalarFunction(
  env: Environment,
  operation: Operation,
  operands: readonly Operand[],
): Value {
  const values = operands.map(({ value }) => value);
  if (values.some((value) => value.kind === "error")) return errorValue;
  const odd = operands.find(({ value }) => argumentType(value) === undefined);
  if (odd !== undefined) {
    return report(
      env,
      diagnostics.notANumber(odd.span, { found: describe(odd.value), operation: operation.name }),
    );
  }
  const known =
    staticFunction(env, operation, values) ??
    extentFunction(env, operation, values) ??
    axisFunction(env.session.context, operation.fn, values, env.floors);
  if (known !== undefined) return known;
  const given = values.map((value) => argumentType(value)!);
  // Integers read from tensors are divided as axes are.
  const floors = env.floors && operation.fn === "divide" && given.every(isInteger);
  const applied = floors ? { ...operation, fn: "floordivide" as const } : operation;
  const types = argumentTypes(applied.fn, given);
  if (types === undefined) return reportTypes(env, operation, operands);
  return values.some((value) => value.kind === "element" && !isStepElement(env, value))
    ? applyToElements(env, applied, operands, types)
    : applyToTensors(env, applied, operands, types);
}

const isInteger = (type: ArgumentType): boolean =>
  type === "i32" || type === "u8" || type === "weak-int";

function argumentType(value: Value): ArgumentType | undefined {
  switch (value.kind) {
    case "int":
      return "weak-int";
    case "float":
      return "weak-float";
    case "bool":
      return "weak-bool";
    case "extent":
      return "i32";
    case "tensor":
      return value.value.dtype;
    case "element":
      return value.scalar.dtype;
    default:
      return undefined;
  }
}

function reportTypes(env: Environment, operation: Operation, operands: readonly Operand[]): Value {
  const found = operands.map(({ value }) => describe(value)).join(" and ");
  return report(
    env,
    diagnostics.operandTypes(
      operation.span,
      { operation: operation.name, found },
      { labels: operands.map(({ value, span }) => ({ span, text: describe(value) })) },
    ),
  );
}

/** A number that only loops around the place change: their variables, and what is made of those alone. */
export function isStepElement({ loops }: Environment, value: ElementValue): boolean {
  return loops.length > 0 && !dependsOnAxes(value);
}

/** A static number, an extent or a loop's variable as a scalar of the type asked for. */
export function numberScalar(env: Environment, value: Value, dtype: DType): Scalar | undefined {
  const { context } = env.session;
  switch (value.kind) {
    case "int":
    case "float":
      return context.constant(value.value, dtype);
    case "bool":
      return context.constant(value.value ? 1 : 0, dtype);
    case "extent":
      return context.cast(context.index(extentAffine(value.extent)), dtype);
    case "element":
      return isStepElement(env, value) ? context.cast(value.scalar, dtype) : undefined;
    default:
      return undefined;
  }
}

// Elements

/** A value as an element: tensors of rank 0 are loaded, numbers stand for themselves. */
export function asElement(env: Environment, { value, span }: Operand): ElementValue | undefined {
  const { context } = env.session;
  if (value.kind === "element") return value;
  if (value.kind === "tensor") {
    if (value.value.shape.length > 0) {
      report(
        env,
        diagnostics.missingIndices(span, {
          shape: describe(value),
          rank: value.value.shape.length,
        }),
      );
      return undefined;
    }
    return element(context.load(value.value, []));
  }
  const dtype = value.kind === "float" ? "f32" : value.kind === "bool" ? "bool" : "i32";
  const scalar = numberScalar(env, value, dtype);
  return scalar === undefined ? undefined : element(scalar);
}

export function element(scalar: Scalar, inRange = always): ElementValue {
  return { kind: "element", scalar, inRange, affine: null, condition: null };
}

function applyToElements(
  env: Environment,
  { fn }: Operation,
  operands: readonly Operand[],
  types: readonly DType[],
): Value {
  const { context } = env.session;
  const scalars: Scalar[] = [];
  let inRange = always;
  for (const [i, operand] of operands.entries()) {
    const number = numberScalar(env, operand.value, types[i]!);
    if (number !== undefined) {
      scalars.push(number);
      continue;
    }
    const part = asElement(env, operand);
    if (part === undefined) return errorValue;
    scalars.push(context.cast(part.scalar, types[i]!));
    inRange = and(inRange, part.inRange);
  }
  return element(context.call(fn, ...scalars), inRange);
}

// Tensors

function applyToTensors(
  env: Environment,
  operation: Operation,
  operands: readonly Operand[],
  types: readonly DType[],
): Value {
  const { context } = env.session;
  const tensors = operands.flatMap((operand) =>
    operand.value.kind === "tensor" ? [{ ...operand, value: operand.value }] : [],
  );
  const shape = broadcast(env, tensors, operation.name, operation.span);
  if (shape === undefined) return errorValue;
  const scalars = operands.map(({ value }, i) => {
    if (value.kind !== "tensor") return numberScalar(env, value, types[i]!)!;
    const index = broadcastIndex(value.value.shape, shape.extents);
    return context.cast(context.load(value.value, index), types[i]!);
  });
  const body = context.call(operation.fn, ...scalars);
  const [result] = context.compute({ parallel: shape.extents, body }).values;
  const values = operands.map(({ value }) => value);
  return keepMask(tensorValue(result!, shape.sources), values);
}

export interface SourcedShape {
  readonly extents: readonly Extent[];
  readonly sources: readonly (DimensionSource | null)[];
}

const one = fixed(1);

/** The shape that all broadcast to by NumPy's rules; reports if there is none. */
export function broadcast(
  env: Environment,
  tensors: readonly { readonly value: TensorValue; readonly span: Span }[],
  operation: string,
  span: Span,
): SourcedShape | undefined {
  const rank = Math.max(0, ...tensors.map(({ value }) => value.value.shape.length));
  const extents: Extent[] = [];
  const sources: (DimensionSource | null)[] = [];
  for (let d = 0; d < rank; d++) {
    let extent: Extent = one;
    let source: DimensionSource | null = null;
    for (const { value } of tensors) {
      const at = d - rank + value.value.shape.length;
      const here = value.value.shape[at];
      if (here === undefined) continue;
      if (sameExtent(extent, here) || sameExtent(here, one)) {
        source ??= value.sources[at] ?? null;
      } else if (sameExtent(extent, one)) {
        extent = here;
        source = value.sources[at] ?? null;
      } else {
        report(
          env,
          diagnostics.shapeMismatch(
            span,
            { operation },
            {
              labels: shapeLabels(tensors, (tensor) => tensor.value.shape.length - rank + d),
              ...broadcastRemarks(tensors, d - rank),
            },
          ),
        );
        return undefined;
      }
    }
    extents.push(extent);
    sources.push(source);
  }
  // The library means what it does, such as comparing class numbers with all classes.
  if (!env.module.isStd && pairsRows(tensors, extents)) {
    const labels = shapeLabels(tensors, () => 0);
    const found = `[${extents.map(printExtent).join(", ")}]`;
    report(env, diagnostics.rowsMeetRows(span, { operation, found }, { labels }));
  }
  return { extents, sources };
}

/** Whether the batch of one operand meets a dimension of 1 behind the batch of another. */
function pairsRows(
  tensors: readonly { readonly value: TensorValue }[],
  extents: readonly Extent[],
): boolean {
  return extents.some((extent, d) => {
    if (d === 0 || isFixed(extent)) return false;
    return tensors.every(({ value: { value } }) => {
      const at = d - extents.length + value.shape.length;
      return at <= 0 || isFixed(value.shape[at]!);
    });
  });
}

/** A label for each tensor: its type, and where the dimension in question came from. */
export function shapeLabels(
  tensors: readonly { readonly value: TensorValue; readonly span: Span }[],
  dimension: (tensor: TensorValue) => number,
): { span: Span; text: string }[] {
  return tensors.flatMap(({ value, span }) => {
    const source = value.sources[dimension(value)];
    const text = source ? `${describe(value)}, ${source.text}` : describe(value);
    const labels = [{ span, text }];
    if (source && source.span.start !== span.start) {
      const extent = value.value.shape[dimension(value)]!;
      const text = extent.batch === 0 ? `${printExtent(extent)} comes from here` : "the batch";
      labels.push({ span: source.span, text });
    }
    return labels;
  });
}

/** Which dimensions met, and what would pair them where one operand has a dimension less than the others. */
function broadcastRemarks(
  tensors: readonly { readonly value: TensorValue }[],
  dimension: number,
): { notes: string[]; hint?: string } {
  const ranks = tensors.map(({ value }) => value.value.shape.length);
  const rank = Math.max(...ranks);
  const short = tensors.find(({ value }) => value.value.shape.length < rank);
  const compared = "dimensions are compared from the last to the first";
  if (short === undefined) {
    return { notes: [`${compared}; dimension ${dimension} is neither equal nor 1`] };
  }
  const { shape } = short.value.value;
  const met = tensors.map(({ value }) => printExtent(value.value.shape.at(dimension)!));
  const notes = [`${compared}, so ${[...new Set(met)].join(" meets ")}`];
  const isOneLess = ranks.every((own) => own === rank || own === rank - 1);
  const wouldFit = tensors.every(({ value }) =>
    value.value.shape
      .slice(0, rank - 1)
      .every((extent, d) => sameExtent(extent, shape[d]!) || sameExtent(extent, one)),
  );
  if (!isOneLess || !wouldFit) return { notes };
  const type = describe(short.value);
  return {
    notes,
    hint: `where ${type} belongs to the first dimensions, write \`[..., none]\` after it`,
  };
}
