/**
 * Independent launches as one: a kernel whose tasks are those of all of them, one launch after the other. Launches that
 * differ in literals alone share their code, and a task looks up the literals of its own; where windows are places in
 * whole arenas, where a tensor lies is such a literal. As all threads of a workgroup run the same task, every choice is
 * uniform, and barriers stay allowed.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import {
  add,
  constant,
  less,
  literalOf,
  subtract,
  symbol,
  variable,
  when,
} from "../kernel/build.ts";
import type { Expression, Kernel, Statement, Type } from "../kernel/ir.ts";
import {
  type AbstractLiteral,
  abstractLiterals,
  contentWithoutLiterals,
} from "./abstract-literals.ts";
import { MergedKernels, type Placed, type VectorBuffers } from "./merge-kernels.ts";

/**
 * Families of launches, each of which differ in literals alone, as one launch. All of them have as many threads, and
 * none is persistent.
 */
export function joinFamilies(
  families: readonly (readonly Placed[])[],
  vectorBuffers: VectorBuffers = () => new Set(),
): Placed {
  const joined = new JoinedKernel(vectorBuffers);
  for (const family of families) joined.add(family);
  return joined.finish();
}

/** Launches that differ in literals alone, in order of the first of each family. */
export function familiesOf(members: readonly Placed[]): Placed[][] {
  const families = new Map<string, Placed[]>();
  for (const member of members) {
    const key = JSON.stringify([member.placements, contentWithoutLiterals(member.kernel)]);
    families.set(key, [...(families.get(key) ?? []), member]);
  }
  return [...families.values()];
}

/** The tasks of a family, and what they do. */
interface Part {
  readonly end: Expression;
  readonly body: readonly Statement[];
}

class JoinedKernel {
  readonly #merged: MergedKernels;
  readonly #parts: Part[] = [];
  readonly #kernels: Kernel[] = [];
  /** How many tasks the families so far have. */
  #tasks: Expression = constant(0);

  constructor(vectorBuffers: VectorBuffers) {
    this.#merged = new MergedKernels(vectorBuffers);
  }

  add(family: readonly Placed[]): void {
    const kernels = family.map(({ kernel }) => kernel);
    this.#kernels.push(...kernels);
    const starts = kernels.map(({ tasks }) => {
      const start = this.#tasks;
      this.#tasks = this.#named("tasks", add(start, tasks));
      return start;
    });
    const fresh = this.#merged.namesBeside(kernels[0]!);
    const names: string[] = [];
    const nameOf = (parameter: number, type: Type): Expression => {
      names[parameter] ??= fresh("literal");
      return variable(names[parameter], type);
    };
    const isAlone = family.length === 1;
    const { body, parameters } = isAlone
      ? { body: kernels[0]!.body, parameters: [] }
      : abstractLiterals(kernels, nameOf);
    const start = isAlone ? null : fresh("start");
    const lookup = start === null ? [] : lookUp(starts, start, names, parameters);
    const first = start === null ? starts[0]! : variable(start);
    const ownTask = fresh("own_task");
    const value = subtract(symbol("task"), first);
    const member = this.#merged.adapt(
      { ...family[0]!, kernel: { ...kernels[0]!, body } },
      { task: variable(ownTask) },
    );
    const definition: Statement = { kind: "let", name: ownTask, value };
    this.#parts.push({ end: this.#tasks, body: [...lookup, definition, ...member] });
  }

  /** Sums that are no literals get names. */
  #named(hint: string, e: Expression): Expression {
    return literalOf(e) === undefined ? this.#merged.builder.let(hint, e) : e;
  }

  finish(): Placed {
    const { builder, parameters, placements, sharedBuffers } = this.#merged;
    const kernel: Kernel = {
      ...summary(this.#kernels),
      parameters,
      tasks: sumOfTasks(this.#kernels),
      threads: this.#kernels[0]!.threads,
      body: [...sharedBuffers, ...builder.statements, ...this.#choose(this.#parts)],
    };
    return { kernel, placements };
  }

  #choose([part, ...others]: readonly Part[]): readonly Statement[] {
    invariant(part !== undefined, "nothing is joined");
    if (others.length === 0) return part.body;
    return [when(less(symbol("task"), part.end), part.body, this.#choose(others))];
  }
}

/** Where the tasks of this task's launch start, and its literals, found by halving. */
function lookUp(
  starts: readonly Expression[],
  start: string,
  names: readonly string[],
  parameters: readonly AbstractLiteral[],
): Statement[] {
  const value = (p: number, k: number): Expression =>
    constant(parameters[p]!.values[k]!, parameters[p]!.type.dtype);
  const search = (from: number, to: number): Statement[] => {
    if (to - from === 1) {
      return [
        { kind: "assign", name: start, value: starts[from]! },
        ...names.map((name, p): Statement => ({ kind: "assign", name, value: value(p, from) })),
      ];
    }
    const middle = (from + to) >> 1;
    const isBefore = less(symbol("task"), starts[middle]!);
    return [when(isBefore, search(from, middle), search(middle, to))];
  };
  return [
    { kind: "mutable", name: start, value: constant(0) },
    ...names.map((name, p): Statement => ({ kind: "mutable", name, value: value(p, 0) })),
    ...search(0, starts.length),
  ];
}

function sumOfTasks(kernels: readonly Kernel[]): Expression {
  return kernels.reduce((sum, { tasks }) => add(sum, tasks), constant(0));
}

function summary(kernels: readonly Kernel[]): Pick<Kernel, "name" | "comment"> {
  const [first] = kernels;
  const more = kernels.length - 1;
  const sum = (of: (kernel: Kernel) => number): number =>
    kernels.reduce((total, kernel) => total + of(kernel), 0);
  return {
    name: `${first!.name}_and_${more}_more`,
    comment: {
      lines: kernels.map(({ name, comment }) => `${name}: ${comment.lines.join("; ")}`),
      sources: [...new Set(kernels.flatMap(({ comment }) => comment.sources))],
      flops: sum(({ comment }) => comment.flops),
      bytes: sum(({ comment }) => comment.bytes),
    },
  };
}
