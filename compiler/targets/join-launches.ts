/**
 * Independent launches as one: a kernel whose tasks are those of all of them, one launch after the other. Launches that
 * differ in literals alone share their code, and a task looks up the literals of its own; where windows are places in
 * whole arenas, where a tensor lies is such a literal. As all threads of a workgroup run the same task, every choice is
 * uniform, and barriers stay allowed.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { BlockBuilder } from "../kernel/block-builder.ts";
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
import type {
  ElementType,
  Expression,
  Kernel,
  KernelParameter,
  Statement,
  Type,
} from "../kernel/ir.ts";
import type { Launch, Placement } from "../kernel/module.ts";
import { renameKernel } from "../kernel/rename.ts";
import { mapStatements } from "../kernel/rewrite.ts";
import {
  type AbstractLiteral,
  abstractLiterals,
  contentWithoutLiterals,
} from "./abstract-literals.ts";
import { namesIn } from "./legal-names.ts";

/** A kernel with what its parameters are bound to. */
export type Placed = Pick<Launch, "kernel" | "placements">;

/** What is printed of a buffer in another way than of others of its type; such do not share memory. */
export type VectorBuffers = (kernel: Kernel) => ReadonlySet<string>;

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

interface SharedBuffer {
  readonly name: string;
  readonly dtype: ElementType;
  readonly isVector: boolean;
  elements: number;
}

interface PlacedParameter {
  readonly parameter: KernelParameter;
  readonly placement: Placement;
}

/** The tasks of a family, and what they do. */
interface Part {
  readonly end: Expression;
  readonly body: readonly Statement[];
}

class JoinedKernel {
  readonly #vectorBuffers: VectorBuffers;
  readonly #builder = new BlockBuilder();
  /** Parameters by what they are bound to. */
  readonly #parameters = new Map<string, PlacedParameter>();
  readonly #shared: SharedBuffer[] = [];
  readonly #parts: Part[] = [];
  readonly #kernels: Kernel[] = [];
  /** How many tasks the families so far have. */
  #tasks: Expression = constant(0);

  constructor(vectorBuffers: VectorBuffers) {
    this.#vectorBuffers = vectorBuffers;
  }

  add(family: readonly Placed[]): void {
    const builder = this.#builder;
    const kernels = family.map(({ kernel }) => kernel);
    this.#kernels.push(...kernels);
    const starts = kernels.map(({ tasks }) => {
      const start = this.#tasks;
      this.#tasks = this.#named("tasks", add(start, tasks));
      return start;
    });
    const own = new Set(namesIn(kernels[0]!.body));
    const fresh = (hint: string): string => {
      for (;;) {
        const name = builder.name(hint);
        if (!own.has(name)) return name;
      }
    };
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
    const member = this.#adapted({ ...family[0]!, kernel: { ...kernels[0]!, body } }, ownTask);
    const definition: Statement = { kind: "let", name: ownTask, value };
    this.#parts.push({ end: this.#tasks, body: [...lookup, definition, ...member] });
  }

  /** Sums that are no literals get names. */
  #named(hint: string, e: Expression): Expression {
    return literalOf(e) === undefined ? this.#builder.let(hint, e) : e;
  }

  /** A member's body with names, buffers and tasks of the joined kernel. */
  #adapted({ kernel, placements }: Placed, ownTask: string): Statement[] {
    const builder = this.#builder;
    const vectors = this.#vectorBuffers(kernel);
    const given = new Map<string, string>();
    kernel.parameters.forEach((parameter, i) => {
      given.set(parameter.name, this.#parameter({ parameter, placement: placements[i]! }));
    });
    const taken = new Set<SharedBuffer>();
    const body = mapStatements(
      kernel.body,
      (e) => (e.kind === "symbol" && e.symbol === "task" ? variable(ownTask) : e),
      (s) => {
        if (s.kind !== "buffer" || s.scope !== "shared") return s;
        given.set(s.name, this.#share(s, vectors.has(s.name), taken).name);
        return [];
      },
    );
    for (const name of namesIn(body)) given.set(name, builder.name(name));
    const renamed = renameKernel({ ...kernel, body }, (name) => given.get(name) ?? name);
    return [...renamed.body];
  }

  /** The name of what is bound to a place; members that read and write it share it. */
  #parameter({ parameter, placement }: PlacedParameter): string {
    const key = JSON.stringify([placement, "dtype" in parameter ? parameter.dtype : null]);
    const known = this.#parameters.get(key);
    if (known === undefined) {
      const name = this.#builder.name(parameter.name);
      this.#parameters.set(key, { parameter: { ...parameter, name }, placement });
      return name;
    }
    const { name } = known.parameter;
    const both = [parameter, known.parameter].flatMap((p) =>
      p.kind === "window" ? [p.access] : [],
    );
    if (parameter.kind === "window" && new Set(both).size > 1) {
      this.#parameters.set(key, {
        parameter: { ...parameter, name, access: "read_write" },
        placement,
      });
    }
    return name;
  }

  /** Families never run at the same time in a workgroup, so they use the same shared memory. */
  #share(
    { name, dtype, elements }: Statement & { readonly kind: "buffer" },
    isVector: boolean,
    taken: Set<SharedBuffer>,
  ): SharedBuffer {
    const free = this.#shared.find(
      (buffer) => buffer.dtype === dtype && buffer.isVector === isVector && !taken.has(buffer),
    );
    const buffer = free ?? { name: this.#builder.name(name), dtype, isVector, elements };
    if (free === undefined) this.#shared.push(buffer);
    buffer.elements = Math.max(buffer.elements, elements);
    taken.add(buffer);
    return buffer;
  }

  finish(): Placed {
    const parameters = [...this.#parameters.values()];
    const kernel: Kernel = {
      ...summary(this.#kernels),
      parameters: parameters.map(({ parameter }) => parameter),
      tasks: sumOfTasks(this.#kernels),
      threads: this.#kernels[0]!.threads,
      body: [
        ...this.#shared.map(
          ({ name, dtype, elements }): Statement => ({
            kind: "buffer",
            name,
            scope: "shared",
            dtype,
            elements,
          }),
        ),
        ...this.#builder.statements,
        ...this.#choose(this.#parts),
      ],
    };
    return { kernel, placements: parameters.map(({ placement }) => placement) };
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
