/** A layer of the library that a case of Keras applies. */

import type { Tensor } from "../case-program.ts";
import type { RuleCase } from "../case-rules.ts";

export type Config = Readonly<Record<string, unknown>>;

/** A layer, and what it is applied to. */
export interface Application {
  readonly name: string;
  readonly config: Config;
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** By path below the layer. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** The arguments of its call. */
  readonly call: string;
  /** What it is around, where it is a wrapper. */
  readonly inner?: { readonly name: string; readonly config: Config };
}

export const without = (config: Config, ...keys: readonly string[]): Config =>
  Object.fromEntries(Object.entries(config).filter(([key]) => !keys.includes(key)));

export const only = (config: Config, keys: ReadonlySet<string>): Config =>
  Object.fromEntries(Object.entries(config).filter(([key]) => keys.has(key)));

export const pick = (c: RuleCase, names: readonly string[]): Map<string, Tensor> =>
  new Map([...c.inputs].filter(([name]) => names.includes(name)));

export const rest = (c: RuleCase, inputs: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
  new Map([...c.inputs].filter(([name]) => !inputs.has(name)));
