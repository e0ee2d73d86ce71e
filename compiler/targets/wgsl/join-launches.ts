/**
 * Independent launches as one dispatch: a kernel whose tasks are those of all of them, one launch after the other.
 * Arenas are bound as a whole, so that their number does not grow with that of the tensors; launches that differ in
 * literals alone share their code, and a task looks up the literals of its own. As all threads of a workgroup run the
 * same task, every choice is uniform, and barriers stay allowed.
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
import { BlockBuilder } from "../../kernel/block-builder.ts";
import {
  add,
  constant,
  less,
  literalOf,
  subtract,
  symbol,
  variable,
  when,
} from "../../kernel/build.ts";
import type {
  ElementType,
  Expression,
  Kernel,
  KernelParameter,
  Statement,
  Type,
} from "../../kernel/ir.ts";
import type { Arena, Launch, Placement } from "../../kernel/module.ts";
import { renameKernel } from "../../kernel/rename.ts";
import { mapStatements } from "../../kernel/rewrite.ts";
import { namesIn } from "../legal-names.ts";
import {
  type AbstractLiteral,
  abstractLiterals,
  contentWithoutLiterals,
} from "./abstract-literals.ts";
import { type ArenaSizes, type Bound, bindArenas, bindLaunch } from "./bindings.ts";
import { defaultLimits } from "./description.ts";
import { vectorBuffers } from "./vector-buffers.ts";

type Placed = Pick<Launch, "kernel" | "placements">;

/** Launches that may be joined have equal keys; null for one that has to stay alone. */
export function joiningKey({ kernel }: Placed): string | null {
  // Arenas are words: accesses to vectors would fall apart.
  const vectors = vectorBuffers(kernel);
  const hasVectors = kernel.parameters.some(({ name }) => vectors.has(name));
  return hasVectors ? null : String(kernel.threads);
}

/** Launches of one key as one, or null where they need more than a kernel may have. */
export function joinLaunches(launches: readonly Placed[], arenas: ArenaSizes): Bound | null {
  if (launches.length === 1) return bindLaunch(launches[0]!, arenas);
  const all: ReadonlySet<Arena> = new Set<Arena>(["persistent", "temporaries", "results"]);
  const members = launches.map((launch) => bindArenas(launch, all, arenas));
  const joined = new JoinedKernel(members);
  for (const family of familiesOf(members)) joined.add(family);
  return joined.finish();
}

/** Launches that differ in literals alone, in order of the first of each family. */
function familiesOf(members: readonly Bound[]): Bound[][] {
  const families = new Map<string, Bound[]>();
  for (const member of members) {
    const { kernel, bindings, scalarSlots } = member;
    const key = JSON.stringify([bindings, scalarSlots, contentWithoutLiterals(kernel)]);
    families.set(key, [...(families.get(key) ?? []), member]);
  }
  return [...families.values()];
}

const bytesOf: { readonly [K in ElementType]: number } = {
  f32: 4,
  f64: 8,
  f16: 2,
  bf16: 2,
  i32: 4,
  u32: 4,
  u8: 4,
  bool: 4,
};

interface SharedBuffer {
  readonly name: string;
  readonly dtype: ElementType;
  readonly isVector: boolean;
  elements: number;
}

/** The tasks of a family, and what they do. */
interface Part {
  readonly end: Expression;
  readonly body: readonly Statement[];
}

class JoinedKernel {
  readonly #members: readonly Bound[];
  readonly #builder = new BlockBuilder();
  /** Parameters by what they are bound to. */
  readonly #parameters = new Map<
    string,
    { readonly parameter: KernelParameter; readonly placement: Placement }
  >();
  readonly #shared: SharedBuffer[] = [];
  readonly #parts: Part[] = [];
  readonly #kernels: Kernel[] = [];
  /** How many tasks the families so far have. */
  #tasks: Expression = constant(0);

  constructor(members: readonly Bound[]) {
    this.#members = members;
  }

  add(family: readonly Bound[]): void {
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
  #adapted({ kernel, bindings, scalarSlots }: Bound, ownTask: string): Statement[] {
    const builder = this.#builder;
    const vectors = vectorBuffers(kernel);
    const given = new Map<string, string>();
    let window = 0;
    let scalar = 0;
    for (const parameter of kernel.parameters) {
      const placement: Placement =
        parameter.kind === "scalar"
          ? { kind: "scalar", slot: scalarSlots[scalar++]! }
          : placementOf(bindings[window++]!);
      const key = JSON.stringify(placement);
      const known = this.#parameters.get(key);
      const name = known?.parameter.name ?? builder.name(parameter.name);
      if (known === undefined)
        this.#parameters.set(key, { parameter: { ...parameter, name }, placement });
      given.set(parameter.name, name);
    }
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

  finish(): Bound | null {
    const sharedBytes = this.#shared.reduce((sum, b) => sum + b.elements * bytesOf[b.dtype], 0);
    const parameters = [...this.#parameters.values()];
    const buffers = parameters.filter(({ placement }) => placement.kind !== "scalar").length;
    const rows = parameters.some(({ placement }) => placement.kind === "column") ? 1 : 0;
    const fits =
      sharedBytes <= defaultLimits.workgroupBytes && buffers + rows <= defaultLimits.storageBuffers;
    if (!fits) return null;
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
    return {
      kernel,
      bindings: bindingsOf(
        this.#members,
        parameters.map(({ placement }) => placement),
      ),
      scalarSlots: parameters.flatMap(({ placement }) =>
        placement.kind === "scalar" ? [placement.slot] : [],
      ),
    };
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

function placementOf(binding: Bound["bindings"][number]): Placement {
  invariant(binding.kind !== "rows", "row numbers are no parameter");
  if (binding.kind === "column") return binding;
  return { kind: "arena", arena: binding.arena, offset: binding.offset };
}

/** The members' bindings, in the order of the joined kernel's parameters. */
function bindingsOf(
  members: readonly Bound[],
  placements: readonly Placement[],
): Bound["bindings"] {
  const all = members.flatMap(({ bindings }) => bindings);
  const own = placements.flatMap((placement) => {
    if (placement.kind === "scalar") return [];
    const key = JSON.stringify(placement);
    const found = all.find((b) => b.kind !== "rows" && JSON.stringify(placementOf(b)) === key);
    invariant(found !== undefined, "a parameter of a joined kernel is bound to nothing");
    return [found];
  });
  const rows = own.some(({ kind }) => kind === "column") ? [{ kind: "rows" } as const] : [];
  return [...own, ...rows];
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
