/** What groups are predicted to cost, computed once for all of a form: chains are chosen by it, and tasks cut. */

import type { Group } from "../optimize/group.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { planOfGroup } from "./contraction-choice.ts";
import { sumSeconds } from "./contraction-time.ts";
import { correlationOfGroup } from "./correlation-plan.ts";
import { groupBytes, predictedSeconds } from "./cost.ts";
import type { GroupForms } from "./group-forms.ts";

export class GroupCosts {
  readonly target: TargetDescription;
  readonly #withinTask: TargetDescription;
  readonly #forms: GroupForms;
  readonly #bytes = new Map<string, number>();
  readonly #seconds = new Map<string, number>();
  readonly #products = new Map<string, number>();
  readonly #productsWithinTask = new Map<string, number>();

  constructor(forms: GroupForms, target: TargetDescription) {
    this.#forms = forms;
    this.target = target;
    this.#withinTask = withoutTasks(target);
  }

  /** Bytes that a group reads and writes of so many rows, see `groupBytes`. */
  bytes(group: Group, rows: number): number {
    return this.#remembered(this.#bytes, group, rows, () => groupBytes(group, rows));
  }

  /** Seconds of a group for so many rows, see `predictedTime`. */
  seconds(group: Group, rows: number): number {
    return this.#remembered(this.#seconds, group, rows, () =>
      predictedSeconds(group, rows, this.target),
    );
  }

  /** Seconds of the products of a group for so many rows. */
  productSeconds(group: Group, rows: number): number {
    return this.#remembered(this.#products, group, rows, () =>
      productSeconds(group, rows, this.target),
    );
  }

  /** The same where one task goes through all of these rows. */
  productSecondsWithinTask(group: Group, rows: number): number {
    return this.#remembered(this.#productsWithinTask, group, rows, () =>
      productSeconds(group, rows, this.#withinTask),
    );
  }

  #remembered(
    known: Map<string, number>,
    group: Group,
    rows: number,
    compute: () => number,
  ): number {
    if (group.scatter !== null) return compute();
    const key = `${this.#forms.formOf(group).number} ${rows}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const computed = compute();
    known.set(key, computed);
    return computed;
  }
}

function productSeconds(group: Group, rows: number, target: TargetDescription): number {
  const correlation = correlationOfGroup(group, rows, target);
  if (correlation !== null) return correlation.seconds;
  const chosen = planOfGroup(group, rows, target);
  return chosen === undefined ? 0 : sumSeconds(chosen.plan, rows, target);
}

/** A target on which no work is worth another thread: kernels are cut into no more tasks than they must be. */
export function withoutTasks(target: TargetDescription): TargetDescription {
  return { ...target, taskSeconds: Number.POSITIVE_INFINITY };
}
