/**
 * Groups that differ in nothing but which values they read and make get the same kernel: layers of one size, and what
 * training, evaluation and prediction have in common. Their kernel is made once, and bound to the values of each.
 */

import type { Compute, Value } from "../graph/node.ts";
import type { Supports } from "../graph/support.ts";
import type { Group } from "../optimize/group.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { type GroupForms, kindOf } from "./group-forms.ts";
import type { Binding, ScheduledKernel, Surroundings } from "./kernel-builder.ts";

/** A group where it is, without the identity of its values. */
interface PlacedForm {
  /** Equal for groups that schedules cannot tell apart but for names. */
  readonly text: string;
  /** Those that the text mentions, by number. */
  readonly values: readonly Value[];
}

export class ScheduledOnce {
  readonly #forms: GroupForms;
  readonly #known = new Map<
    TargetDescription,
    Map<string, { readonly form: PlacedForm; readonly scheduled: ScheduledKernel }>
  >();
  readonly #limits = new Map<Value, readonly string[]>();

  constructor(forms: GroupForms) {
    this.#forms = forms;
  }

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
    const form = this.#placedForm(group, surroundings);
    const known = byText.get(form.text);
    if (known !== undefined) return rebound(known.scheduled, known.form, form);
    const scheduled = schedule();
    byText.set(form.text, { form, scheduled });
    return scheduled;
  }

  /** All that schedules ask of a group: its form, and of each value where it lies and what is known of its elements. */
  #placedForm(group: Group, surroundings: Surroundings): PlacedForm {
    const { batchMax, takesRows, times, supports, placeOf } = surroundings;
    const { number, values } = this.#forms.formOf(group);
    const numbers = new Map(values.map((value, i) => [value, i]));
    const numberOf = (value: Value): number => {
      const number = numbers.get(value) ?? numbers.size;
      numbers.set(value, number);
      return number;
    };
    // Tiles pass over what operands have no part in, see `contraction-limits.ts`.
    const factors = new Set(group.stages.filter(isSumOfProducts).flatMap((sum) => sum.operands));
    const parts = [`${number} ${batchMax} ${takesRows} ${times}`];
    // What is said of a value may mention further ones, which come behind it.
    for (const value of numbers.keys()) {
      const { memory, stacked } = placeOf(value);
      const place = `${numberOf(memory)} ${stacked?.key}`;
      const kind = numbers.get(value)! < values.length ? [] : [kindOf(value)];
      const limits = factors.has(value) ? this.#limitsIn(value, supports) : [];
      parts.push([place, ...kind, ...limits].join(" "));
    }
    return { text: parts.join("\n"), values: [...numbers.keys()] };
  }

  /** What indexes alone say of a value: where it may differ from zero, and where it varies along each axis. */
  #limitsIn(value: Value, supports: Supports): readonly string[] {
    const known = this.#limits.get(value);
    if (known !== undefined) return known;
    const limits = [
      supports.supportOf(value),
      ...value.shape.map((_, d) => supports.variationOf(value, d)),
    ].map(({ key }) => key);
    this.#limits.set(value, limits);
    return limits;
  }
}

function isSumOfProducts({ reducer, body }: Compute): boolean {
  return reducer === "sum" && body.kind === "call" && body.fn === "multiply";
}

/** The kernel of one group with the values of another in place of its own, and scratch memory of its own. */
function rebound(
  { kernel, bindings }: ScheduledKernel,
  { values: from }: PlacedForm,
  { values: to }: PlacedForm,
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
