/**
 * Groups that differ in nothing but which values they read and make get the same kernel: layers of one size, and what
 * training, evaluation and prediction have in common. Their kernel is made once, and bound to the values of each.
 */

import { printShape } from "../graph/extent.ts";
import type { Scalar, Value } from "../graph/node.ts";
import {
  type KnownSupports,
  type KnownVariations,
  supportOf,
  variationOf,
} from "../graph/support.ts";
import type { Group } from "../optimize/group.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import type { Binding, ScheduledKernel, Surroundings } from "./kernel-builder.ts";

/** A group without the identity of its values. */
interface GroupForm {
  /** Equal for groups that schedules cannot tell apart but for names. */
  readonly text: string;
  /** Those that the text mentions, by number. */
  readonly values: readonly Value[];
}

export class ScheduledOnce {
  readonly #known = new Map<
    TargetDescription,
    Map<string, { readonly form: GroupForm; readonly scheduled: ScheduledKernel }>
  >();
  readonly #supports: KnownSupports = new Map();
  readonly #variations: KnownVariations = new Map();
  readonly #limits = new Map<Value, readonly string[]>();

  /** What `schedule` gives for this group, or gave for another one of the same form, bound to this one's values. */
  scheduled(
    group: Group,
    surroundings: Surroundings,
    target: TargetDescription,
    schedule: () => ScheduledKernel,
  ): ScheduledKernel {
    // Parts of a scatter share memory with each other.
    if (group.scatter !== null) return schedule();
    const byText = this.#known.get(target) ?? new Map();
    this.#known.set(target, byText);
    const form = formOf(group, surroundings, (value) => this.#limitsIn(value));
    const known = byText.get(form.text);
    if (known !== undefined) return rebound(known.scheduled, known.form, form);
    const scheduled = schedule();
    byText.set(form.text, { form, scheduled });
    return scheduled;
  }

  /** What indexes alone say of a value: where it may differ from zero, and where it varies along each axis. */
  #limitsIn(value: Value): readonly string[] {
    const known = this.#limits.get(value);
    if (known !== undefined) return known;
    const limits = [
      supportOf(value, this.#supports),
      ...value.shape.map((_, d) => variationOf(value, d, this.#variations)),
    ].map(({ key }) => key);
    this.#limits.set(value, limits);
    return limits;
  }
}

/** All that schedules ask of a group: its stages, and of each value its type, its scope and where it lies. */
function formOf(
  group: Group,
  { batchMax, takesRows, placeOf }: Surroundings,
  limitsIn: (value: Value) => readonly string[],
): GroupForm {
  const { kind, tileSpace, stages, scopes } = group;
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
  // What is said of a value may mention further ones, which come behind it.
  for (const value of numbers.keys()) {
    const { node, dtype, shape } = value;
    const role = node.kind === "leaf" ? node.role : null;
    const { memory, stacked } = placeOf(value);
    const place = `${numberOf(memory)} ${stacked?.key}`;
    // Tiles pass over what operands have no part in, see `contraction-limits.ts`.
    const known = stages.some(({ reducer }) => reducer !== null) ? limitsIn(value) : [];
    const facts = [dtype, printShape(shape), role, scopes.get(value), place, ...known];
    parts.push(facts.join(" "));
  }
  return {
    text: [`${kind} ${printShape(tileSpace)} ${batchMax} ${takesRows}`, ...parts].join("\n"),
    values: [...numbers.keys()],
  };
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

/** The kernel of one group with the values of another in place of its own, and scratch memory of its own. */
function rebound(
  { kernel, bindings }: ScheduledKernel,
  { values: from }: GroupForm,
  { values: to }: GroupForm,
): ScheduledKernel {
  const numbers = new Map(from.map((value, i) => [value, i]));
  const other = (value: Value): Value => to[numbers.get(value)!]!;
  const bind = (binding: Binding): Binding => {
    switch (binding.kind) {
      case "tensor":
      case "tensorMap":
        return { ...binding, value: other(binding.value) };
      case "column":
      case "scalar":
        return { ...binding, leaf: other(binding.leaf) };
      case "scratch":
        return { ...binding, scratch: { ...binding.scratch } };
      case "step":
        return binding;
    }
  };
  return { kernel, bindings: bindings.map(bind) };
}
