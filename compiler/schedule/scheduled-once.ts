/**
 * Groups that differ in nothing but which values they read and make get the same kernel: layers of one size, and what
 * training, evaluation and prediction have in common. Their kernel is made once, and bound to the values of each.
 */

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
  const scalars = new Map<Scalar, number>();
  const text = (part: unknown): string =>
    JSON.stringify(part, (_, item: unknown) => {
      if (typeof item === "number") return exactly(item);
      if (typeof item !== "object" || item === null) return item;
      if (isValue(item)) return `value ${numberOf(item)}`;
      if (!isScalar(item)) return item;
      const known = scalars.get(item);
      if (known !== undefined) return `scalar ${known}`;
      scalars.set(item, scalars.size);
      return { ...item, id: undefined };
    });
  const parts = stages.map(({ values, parallel, reduction, where, reducer, body }) =>
    text([values, parallel, reduction, where, reducer, body]),
  );
  // What is said of a value may mention further ones, which come behind it.
  for (const value of numbers.keys()) {
    const { node, dtype, shape } = value;
    const role = node.kind === "leaf" ? node.role : null;
    // Tiles pass over what operands have no part in, see `contraction-limits.ts`.
    const known = stages.some(({ reducer }) => reducer !== null) ? limitsIn(value) : [];
    parts.push(text([dtype, shape, role, scopes.get(value), placeOf(value), ...known]));
  }
  return {
    text: [text([kind, tileSpace, batchMax, takesRows]), ...parts].join("\n"),
    values: [...numbers.keys()],
  };
}

/** JSON has neither -0 nor what is not finite. */
function exactly(number: number): number | string {
  return Number.isFinite(number) && !Object.is(number, -0)
    ? number
    : `number ${1 / number} ${number}`;
}

const isValue = (item: object): item is Value => "node" in item && "result" in item;

const isScalar = (item: object): item is Scalar => "id" in item && "dtype" in item;

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
