/**
 * What expressions evaluate to while a program is lowered. Numbers, strings, lists, functions and layers are
 * static: they exist at build time only. Tensors are values of the graph. An element is one number at each
 * point of an index notation's axes, not yet part of a node. The error value stands for what was already
 * reported, and silences whatever is made from it.
 */

import type { Span } from "../diagnostics/diagnostic.ts";
import type { Affine } from "../graph/affine.ts";
import type { Condition } from "../graph/condition.ts";
import type { DType } from "../graph/dtype.ts";
import { type Extent, printShape } from "../graph/extent.ts";
import type { Value as GraphValue, Scalar } from "../graph/node.ts";
import type {
  FnDeclaration,
  LayerDeclaration,
  MetricDeclaration,
  ModelDeclaration,
  OptimizerDeclaration,
} from "../syntax/ast.ts";
import type { Builtin } from "./builtins/builtin.ts";
import type { Instance } from "./instances.ts";
import type { Module } from "./modules.ts";

/** Where a dimension of a tensor was decided, for errors that show it. */
export interface DimensionSource {
  readonly span: Span;
  /** As it reads after a shape: "from `param kernel`". */
  readonly text: string;
}

export interface TensorValue {
  readonly kind: "tensor";
  readonly value: GraphValue;
  /** One a dimension; null where nothing better is known than the expression itself. */
  readonly sources: readonly (DimensionSource | null)[];
  /** The mask it carries; null where it was said to carry none, nothing where nothing was said. */
  readonly mask?: GraphValue | null;
}

export interface ElementValue {
  readonly kind: "element";
  readonly scalar: Scalar;
  /** Where every load that the element executes is in range. */
  readonly inRange: Condition;
  /** Its value as an affine of the axes, if it is an integer made of axes alone. */
  readonly affine: Affine | null;
  /** Its value as a condition on the axes, if it is a truth value made of axes alone. */
  readonly condition: Condition | null;
}

/** A fn with the arguments of its first list, if it has two. */
export interface FunctionValue {
  readonly kind: "function";
  readonly declaration: FnDeclaration;
  readonly module: Module;
  /** Values of the first list by name; null before it is given. */
  readonly config: ReadonlyMap<string, Value> | null;
}

/** A layer before it is made: its bare name. */
export interface LayerValue {
  readonly kind: "layer";
  readonly declaration: LayerDeclaration | ModelDeclaration;
  readonly module: Module;
  /** Arguments that are given for good, which its declaration no longer takes. */
  readonly given?: ReadonlyMap<string, Value>;
}

export interface InstanceValue {
  readonly kind: "instance";
  readonly instance: Instance;
}

/** An optimizer or a metric: bare, or with its arguments. */
export interface TemplateValue {
  readonly kind: "template";
  readonly declaration: OptimizerDeclaration | MetricDeclaration;
  readonly module: Module;
  readonly config: ReadonlyMap<string, Value> | null;
}

export interface IntValue {
  readonly kind: "int";
  readonly value: number;
}

export interface FloatValue {
  readonly kind: "float";
  readonly value: number;
}

export interface BoolValue {
  readonly kind: "bool";
  readonly value: boolean;
}

/** A static integer that depends on the batch size N. */
export interface ExtentValue {
  readonly kind: "extent";
  readonly extent: Extent;
}

export interface StringValue {
  readonly kind: "string";
  readonly value: string;
}

export interface ListValue {
  readonly kind: "list";
  readonly items: readonly Value[];
  readonly isTuple: boolean;
}

/** `0..-1` where its end is negative: meaningful as axes, which count from the end. */
export interface RangeValue {
  readonly kind: "range";
  readonly start: number;
  readonly stop: number;
}

export type Value =
  | { readonly kind: "error" }
  | { readonly kind: "none" }
  | IntValue
  | FloatValue
  | BoolValue
  | StringValue
  | ExtentValue
  | ListValue
  | RangeValue
  | TensorValue
  | ElementValue
  | FunctionValue
  | { readonly kind: "builtin"; readonly builtin: Builtin }
  | LayerValue
  | InstanceValue
  | TemplateValue;

export const errorValue: Value = { kind: "error" };
export const noneValue: Value = { kind: "none" };

export function intValue(value: number): IntValue {
  return { kind: "int", value };
}

export function floatValue(value: number): FloatValue {
  return { kind: "float", value };
}

export function boolValue(value: boolean): BoolValue {
  return { kind: "bool", value };
}

export function listValue(items: readonly Value[], isTuple = false): ListValue {
  return { kind: "list", items, isTuple };
}

/** A fixed extent is an int. */
export function extentValue(extent: Extent): IntValue | ExtentValue {
  return extent.batch === 0 ? intValue(extent.constant) : { kind: "extent", extent };
}

/** The extent that an int or an extent says, or nothing. */
export function asExtent(value: Value): Extent | undefined {
  if (value.kind === "int") return { batch: 0, constant: value.value };
  return value.kind === "extent" ? value.extent : undefined;
}

export function tensorValue(
  value: GraphValue,
  sources?: readonly (DimensionSource | null)[],
): TensorValue {
  return { kind: "tensor", value, sources: sources ?? value.shape.map(() => null) };
}

/** A tensor's type as the language writes it: `f32[N, 10]`. */
export function printTensorType(dtype: DType, shape: readonly Extent[]): string {
  return shape.length === 0 ? dtype : `${dtype}${printShape(shape)}`;
}

/** What a value is, as an error says it: "a list", "f32[N, 10]", "the function `relu`". */
export function describe(value: Value): string {
  switch (value.kind) {
    case "error":
      return "an error";
    case "none":
      return "none";
    case "int":
      return `the int ${value.value}`;
    case "float":
      return `the float ${Number.isInteger(value.value) ? value.value.toFixed(1) : value.value}`;
    case "bool":
      return `${value.value}`;
    case "string":
      return `the string "${value.value}"`;
    case "extent":
      return "an int that depends on the batch size N";
    case "list":
      return value.isTuple ? "a tuple" : "a list";
    case "range":
      return "a range of axes";
    case "tensor":
      return printTensorType(value.value.dtype, value.value.shape);
    case "element":
      return `an element of type ${value.scalar.dtype}`;
    case "function":
      return `the function \`${value.declaration.name.name}\``;
    case "builtin":
      return `the function \`${value.builtin.name}\``;
    case "layer":
      return `the ${value.declaration.kind} \`${value.declaration.name.name}\``;
    case "instance":
      return `a \`${value.instance.declaration.name.name}\``;
    case "template":
      return `the ${value.declaration.kind} \`${value.declaration.name.name}\``;
  }
}
