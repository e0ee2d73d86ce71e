/** The kernels of a program: those that differ in names alone are one, and each has a name of its own. */

import { withCanonicalNames } from "../kernel/canonical-names.ts";
import type { Kernel } from "../kernel/ir.ts";
import { printKernelContent } from "../kernel/print.ts";
import { walkStatements } from "../kernel/rewrite.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { GroupCosts, withoutTasks } from "./group-costs.ts";
import { GroupForms } from "./group-forms.ts";
import { libraryFunctions } from "./names.ts";
import { ScheduledOnce } from "./scheduled-once.ts";

export class KernelTable {
  readonly #forms = new GroupForms();
  readonly once = new ScheduledOnce(this.#forms);
  readonly #costs = new Map<TargetDescription, GroupCosts>();
  readonly #withinTask = new Map<TargetDescription, TargetDescription>();
  /** By their outlines, which few have in common: what they compute is compared only for those. */
  readonly #alike = new Map<string, Entry[]>();
  readonly #names = new Set(libraryFunctions);
  readonly #take: (kernel: Kernel) => void;

  /** `take` gets each kernel when it is entered. */
  constructor(take: (kernel: Kernel) => void = () => {}) {
    this.#take = take;
  }

  costs(target: TargetDescription): GroupCosts {
    const known = this.#costs.get(target) ?? new GroupCosts(this.#forms, target);
    this.#costs.set(target, known);
    return known;
  }

  /** The target as kernels see it that a task runs by itself; the same object for the same target. */
  withinTask(target: TargetDescription): TargetDescription {
    const known = this.#withinTask.get(target) ?? withoutTasks(target);
    this.#withinTask.set(target, known);
    return known;
  }

  /** The kernel, or the one that was entered before and differs in names alone. */
  intern(kernel: Kernel): Kernel {
    const outline = outlineOf(kernel);
    const alike = this.#alike.get(outline) ?? [];
    this.#alike.set(outline, alike);
    const content = alike.length === 0 ? null : contentOf(kernel);
    for (const entry of alike) {
      entry.content ??= contentOf(entry.kernel);
      if (entry.content === content) return entry.kernel;
    }
    let name = kernel.name;
    for (let i = 2; this.#names.has(name); i++) name = `${kernel.name}_${i}`;
    this.#names.add(name);
    const named = { ...kernel, name };
    alike.push({ kernel: named, content });
    this.#take(named);
    return named;
  }
}

interface Entry {
  readonly kernel: Kernel;
  /** Null until it is asked for. */
  content: string | null;
}

function contentOf(kernel: Kernel): string {
  return printKernelContent(withCanonicalNames(kernel));
}

/** Equal for kernels of equal content. */
function outlineOf({ parameters, threads, body }: Kernel): string {
  const kinds: string[] = parameters.map(({ kind }) => kind);
  walkStatements(body, ({ kind }) => kinds.push(kind));
  return `${threads} ${kinds}`;
}
