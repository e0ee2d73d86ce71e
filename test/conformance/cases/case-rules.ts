/** What rules turn an operation and its configuration into, and what they are written with. */

import { type CaseOutput, NotExpressible, type Tensor } from "./case-program.ts";

/** One case, as far as a rule may look at it. */
export interface RuleCase {
  readonly op: string;
  readonly formula: string;
  /** The function of the reference that made the figures, which tells kinds of one operation apart. */
  readonly reference: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, readonly number[]>;
}

export interface RuleResult {
  readonly declarations?: readonly string[];
  readonly statements?: readonly string[];
  /** An expression for each output, by name. */
  readonly outputs: Readonly<Record<string, string>>;
}

export type Rule = (c: RuleCase) => RuleResult;
export type RuleTable = Readonly<Record<string, Rule>>;

export const single = (expression: string, statements: readonly string[] = []): RuleResult => ({
  statements,
  outputs: { y: expression },
});

export function shapeOf(c: RuleCase, name: string): readonly number[] {
  const tensor = c.inputs.get(name);
  if (tensor === undefined) throw new NotExpressible(`${c.op} without the input ${name}`);
  return tensor.shape;
}

export function outputShape(c: RuleCase, name = "y"): readonly number[] {
  const shape = c.outputs.get(name);
  if (shape === undefined) throw new NotExpressible(`${c.op} without the output ${name}`);
  return shape;
}

export function numberIn(c: RuleCase, key: string, otherwise?: number): number {
  const value = c.config[key] ?? otherwise;
  if (typeof value !== "number") throw new NotExpressible(`${c.op} without a number ${key}`);
  return value;
}

export function numbersIn(
  c: RuleCase,
  key: string,
  otherwise?: readonly number[],
): readonly number[] {
  const value = c.config[key] ?? otherwise;
  if (!Array.isArray(value)) throw new NotExpressible(`${c.op} without a list ${key}`);
  return value as readonly number[];
}

export const textIn = (c: RuleCase, key: string, otherwise: string): string =>
  String(c.config[key] ?? otherwise);

export const isSet = (c: RuleCase, key: string): boolean => c.config[key] === true;

/** A number as the language writes it: never as an integer literal where a float is meant. */
export function float(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** Axes counted from the start. */
export const fromStart = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** `[0, 2]` from config entries `axes` or `axis`; all axes if there is neither. */
export function axesIn(c: RuleCase, rank: number): readonly number[] {
  const { axes, axis } = c.config;
  if (typeof axis === "number") return [fromStart(axis, rank)];
  const given = Array.isArray(axes) ? axes : Array.isArray(axis) ? axis : undefined;
  if (given !== undefined) return given.map((a: number) => fromStart(a, rank));
  return Array.from({ length: rank }, (_, i) => i);
}

export const list = (items: readonly (string | number)[]): string => `[${items.join(", ")}]`;

/** Axis names `i0, i1, …` that no tensor of a case has. */
export const axisNames = (count: number, prefix = "i"): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** `name[i < 4, j < 5] = body`. */
export function notation(
  name: string,
  axes: readonly string[],
  extents: readonly number[],
  body: string,
): string {
  const bounded = axes.map((axis, i) => `${axis} < ${extents[i]}`);
  return axes.length === 0 ? `${name} = ${body}` : `${name}[${bounded.join(", ")}] = ${body}`;
}

/** `sum[i < 4, j < 5] body`. */
export function reduction(
  reducer: string,
  axes: readonly string[],
  extents: readonly number[],
  body: string,
): string {
  if (axes.length === 0) return body;
  return `${reducer}[${axes.map((axis, i) => `${axis} < ${extents[i]}`).join(", ")}] (${body})`;
}

export const element = (name: string, places: readonly string[]): string =>
  places.length === 0 ? name : `${name}[${places.join(", ")}]`;

/** Σ or mean of all elements, or the elements, as the config's `reduction` says. */
export function reduceLoss(c: RuleCase, elements: string): RuleResult {
  const kind = textIn(c, "reduction", "mean");
  return single(kind === "none" ? elements : `${kind}(${elements})`);
}

export type { CaseOutput };
