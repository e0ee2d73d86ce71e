/**
 * Groups without the identity of their values: blocks of the same layers, parameters of the same shape and what graphs
 * have in common give groups of which one is as good as the other. What is computed of one then holds of all.
 */

import { printShape } from "../graph/extent.ts";
import type { Scalar, Value } from "../graph/node.ts";
import type { Group } from "../optimize/group.ts";

export interface GroupForm {
  /**
   * Equal for groups with equal stages, scopes, reads and writes, whose values have equal types, shapes and roles, and are
   * the same ones in the same places.
   */
  readonly number: number;
  /** Those that the group mentions, in the same order for all groups of the form. */
  readonly values: readonly Value[];
}

/** The forms of groups that are no part of a scatter: such share memory with each other. */
export class GroupForms {
  readonly #numbers = new Map<string, number>();
  readonly #known = new Map<Group, GroupForm>();

  formOf(group: Group): GroupForm {
    const known = this.#known.get(group);
    if (known !== undefined) return known;
    const { text, values } = describe(group);
    const number = this.#numbers.get(text) ?? this.#numbers.size;
    this.#numbers.set(text, number);
    const form = { number, values };
    this.#known.set(group, form);
    return form;
  }
}

/** What memory a value takes, and who gives it. */
export function kindOf({ node, dtype, shape }: Value): string {
  return `${dtype} ${printShape(shape)} ${node.kind === "leaf" ? node.role : null}`;
}

/** All that a group is, but for whose values they are and what is said of it to readers. */
function describe({ kind, tileSpace, stages, scopes, reads, writes }: Group): {
  readonly text: string;
  readonly values: readonly Value[];
} {
  const numbers = new Map<Value, number>();
  const numberOf = (value: Value): number => {
    const number = numbers.get(value) ?? numbers.size;
    numbers.set(value, number);
    return number;
  };
  const textOf = scalarTexts(numberOf);
  const parts = stages.map(({ values, parallel, reduction, where, reducer, body }) =>
    [
      values.map(numberOf),
      printShape(parallel),
      printShape(reduction),
      where.key,
      reducer,
      textOf(body),
    ].join(" "),
  );
  parts.push(`${reads.map(numberOf)} ${writes.map(numberOf)}`);
  for (const value of numbers.keys()) parts.push(`${kindOf(value)} ${scopes.get(value)}`);
  const text = [`${kind} ${printShape(tileSpace)}`, ...parts].join("\n");
  return { text, values: [...numbers.keys()] };
}

/** Writes scalars, each once: where it occurs again its number stands for it. */
function scalarTexts(numberOf: (value: Value) => number): (scalar: Scalar) => string {
  const known = new Map<Scalar, number>();
  const textOf = (scalar: Scalar): string => {
    const number = known.get(scalar);
    if (number !== undefined) return `#${number}`;
    known.set(scalar, known.size);
    return `${scalar.dtype} ${contentOf(scalar)}`;
  };
  const contentOf = (scalar: Scalar): string => {
    switch (scalar.kind) {
      case "constant":
        return Object.is(scalar.value, -0) ? "-0" : String(scalar.value);
      case "index":
        return `index ${scalar.index.key}`;
      case "condition":
        return scalar.condition.key;
      case "load": {
        const { value, index, guard } = scalar;
        return `load ${numberOf(value)} [${index.map(({ key }) => key)}] ${guard.key}`;
      }
      case "gather":
        return `gather ${numberOf(scalar.value)} [${scalar.index.map(textOf)}]`;
      case "random":
        return `random ${JSON.stringify(scalar.stream)} ${scalar.index.key}`;
      case "cast":
        return `cast ${textOf(scalar.of)}`;
      case "call":
        return `${scalar.fn}(${scalar.args.map(textOf)})`;
    }
  };
  return textOf;
}
