/**
 * A loop of launches as a single one: a kernel that goes through the iterations itself, and in each through the launches
 * of the loop's body, one after the other, those that may run together as one. Between them all workgroups meet at a
 * barrier of the grid, or there is but one workgroup and its own barriers do. Loops in the loop become loops in the kernel.
 */

import {
  constant,
  less,
  literalOf,
  max,
  operation,
  symbol,
  variable,
  when,
} from "../kernel/build.ts";
import { removeDeadCode } from "../kernel/dead-code.ts";
import { functionsCalled } from "../kernel/functions-called.ts";
import { awaitCopies, commitCopies, meetThreads, subgroupThreads } from "../kernel/intrinsics.ts";
import type { ElementType, Expression, Kernel, KernelParameter, Statement } from "../kernel/ir.ts";
import type { Launch, LaunchTree, Placement } from "../kernel/module.ts";
import { mapStatements, walkStatements } from "../kernel/rewrite.ts";
import { joinFamilies } from "./join-launches.ts";
import { MergedKernels, type Placed, type VectorBuffers } from "./merge-kernels.ts";

export type LoopTree = LaunchTree & { readonly kind: "loop" };

export interface LoopForm {
  /** Who runs the kernel: workgroups that meet at barriers of the grid, or a single one. */
  readonly scope: "grid" | "workgroup";
  /** How many loops of launches stay around it. */
  readonly depth: number;
  /** Bytes of an element in an arena. */
  readonly bytesOf: (dtype: ElementType) => number;
  readonly vectorBuffers?: VectorBuffers;
}

/** Launches of a loop, those inside it included. */
export function launchesIn(tree: LaunchTree): number[] {
  return tree.kind === "launch" ? [tree.launch] : tree.body.flatMap(launchesIn);
}

/** What one turn of a loop does in order: loops, and launches that run together. */
export function phasesOf({ body }: LoopTree, launches: readonly Launch[]): (LoopTree | Launch[])[] {
  const phases: (LoopTree | Launch[])[] = [];
  for (const tree of body) {
    if (tree.kind === "loop") {
      phases.push(tree);
      continue;
    }
    const launch = launches[tree.launch]!;
    const last = phases.at(-1);
    if (launch.withPrevious && Array.isArray(last)) last.push(launch);
    else phases.push([launch]);
  }
  return phases;
}

/**
 * Whether kernels can be parts of one of so many threads: one that has fewer, and where these meet, leaves whole
 * subgroups idle; and none shares its own tasks out or copies by the machine itself.
 */
export function canBePart(
  { body, parameters, threads, isPersistent }: Kernel,
  of: number,
): boolean {
  const isPlain = isPersistent !== true && parameters.every(({ kind }) => kind !== "tensorMap");
  if (threads === of || !isPlain) return isPlain;
  return threads % subgroupThreads === 0 || !meets(body);
}

/** Whether threads wait for others, or exchange values with them. */
function meets(body: readonly Statement[]): boolean {
  let found = functionsCalled(body, null).some((fn) => fn.isIntrinsic === true);
  walkStatements(
    body,
    (s) => {
      if (s.kind === "barrier") found = true;
    },
    (e) => {
      if (e.kind === "shuffleDown" || e.kind === "shuffleFirst") found = true;
    },
  );
  return found;
}

/** All kernels of the loop can be parts of one with as many threads as the widest of them has. */
export function joinLoop(loop: LoopTree, launches: readonly Launch[], form: LoopForm): Placed {
  return new JoinedLoop(loop, launches, form).finish();
}

class JoinedLoop {
  readonly #loop: LoopTree;
  readonly #launches: readonly Launch[];
  readonly #form: LoopForm;
  readonly #threads: number;
  readonly #merged: MergedKernels;
  /** Names of the iterations by depth. */
  readonly #steps = new Map<number, string>();
  #tasks: Expression = constant(1);
  #flops = 0;
  #bytes = 0;

  constructor(loop: LoopTree, launches: readonly Launch[], form: LoopForm) {
    this.#loop = loop;
    this.#launches = launches;
    this.#form = form;
    this.#threads = Math.max(...this.#kernels.map(({ threads }) => threads));
    this.#merged = new MergedKernels(form.vectorBuffers ?? (() => new Set()));
  }

  get #kernels(): Kernel[] {
    return launchesIn(this.#loop).map((launch) => this.#launches[launch]!.kernel);
  }

  finish(): Placed {
    const body = this.#turns(this.#loop, this.#form.depth, 1);
    const { placements, sharedBuffers } = this.#merged;
    const parameters = this.#sharedWindows();
    const kernels = [...new Set(this.#kernels)];
    const isGrid = this.#form.scope === "grid";
    const kernel: Kernel = {
      name: `${kernels[0]!.name}_loop`,
      comment: {
        lines: kernels.map(({ name, comment }) => `${name}: ${comment.lines.join("; ")}`),
        sources: [...new Set(kernels.flatMap(({ comment }) => comment.sources))],
        flops: this.#flops,
        bytes: this.#bytes,
      },
      parameters,
      tasks: isGrid ? this.#tasks : constant(1),
      threads: this.#threads,
      ...(isGrid ? { isPersistent: true } : {}),
      body: [...sharedBuffers, ...removeDeadCode([body])],
    };
    return { kernel, placements };
  }

  #turns(loop: LoopTree, depth: number, times: number): Statement {
    const step = this.#merged.builder.name("iteration");
    this.#steps.set(depth, step);
    const all = times * loop.count;
    const meeting: Statement =
      this.#form.scope === "grid" ? { kind: "barrier", scope: "grid" } : { kind: "barrier" };
    const body = phasesOf(loop, this.#launches).flatMap((phase): Statement[] =>
      Array.isArray(phase)
        ? [...this.#phase(phase, all), { ...meeting }]
        : [this.#turns(phase, depth + 1, all)],
    );
    return loopOf(step, constant(loop.count), body);
  }

  /** All tasks of launches that may run together. */
  #phase(wave: readonly Launch[], times: number): Statement[] {
    const widened = wave.map((launch) => widen(launch, this.#threads));
    const placed = widened.length === 1 ? widened[0]! : joinFamilies(widened.map((one) => [one]));
    const { kernel } = placed;
    this.#flops += times * kernel.comment.flops;
    this.#bytes += times * kernel.comment.bytes;
    this.#tasks = max(this.#tasks, kernel.tasks);
    const fresh = this.#merged.namesBeside(kernel);
    const isGrid = this.#form.scope === "grid";
    const isSingle = literalOf(kernel.tasks) === 1;
    const task = fresh("own_task");
    const symbols = { task: isSingle ? constant(0) : variable(task), steps: this.#steps };
    const body = [...this.#merged.adapt(placed, symbols), ...endOfTask(kernel.body)];
    if (isSingle) {
      return isGrid ? [when(operation("equal", symbol("group"), constant(0)), body)] : body;
    }
    if (!isGrid) return [loopOf(task, kernel.tasks, body)];
    const turn = fresh("turn");
    const [group, groups] = [symbol("group"), symbol("groups")];
    const left = operation(
      "subtract",
      operation("add", kernel.tasks, groups),
      operation("add", group, constant(1)),
    );
    const value = operation("add", group, operation("multiply", variable(turn), groups));
    return [
      loopOf(turn, operation("quotient", left, groups), [
        { kind: "let", name: task, value },
        ...body,
      ]),
    ];
  }

  /** Windows that are written, and those that lie where these do, are shared. */
  #sharedWindows(): KernelParameter[] {
    const { parameters, placements } = this.#merged;
    const ranges = parameters.map((parameter, i) => this.#rangeOf(parameter, placements[i]!));
    const written = ranges.filter((range) => range?.isWritten === true);
    return parameters.map((parameter, i) => {
      const own = ranges[i];
      const isShared = written.some(
        (other) =>
          own?.arena === other?.arena && own!.start < other!.end && other!.start < own!.end,
      );
      return parameter.kind === "window" && isShared ? { ...parameter, isShared } : parameter;
    });
  }

  #rangeOf(parameter: KernelParameter, placement: Placement) {
    if (parameter.kind !== "window" || placement.kind !== "arena") return null;
    const { arena, offset: start } = placement;
    const end = start + parameter.elements * this.#form.bytesOf(parameter.dtype);
    return { arena, start, end, isWritten: parameter.access !== "read" };
  }
}

function loopOf(name: string, to: Expression, body: readonly Statement[]): Statement {
  return { kind: "loop", mode: "serial", variable: name, from: constant(0), to, step: 1, body };
}

/** What threads do before the next task takes their shared memory, into which copies may still be under way. */
function endOfTask(body: readonly Statement[]): Statement[] {
  let sharesMemory = false;
  walkStatements(body, (s) => {
    if (s.kind === "buffer" && s.scope === "shared") sharesMemory = true;
  });
  const copies = functionsCalled(body, null).some(({ name }) => name === commitCopies.name);
  return [
    ...(copies ? [{ kind: "invoke", function: awaitCopies(0), args: [] } as const] : []),
    ...(sharesMemory ? [{ kind: "barrier" } as const] : []),
  ];
}

/** The same kernel run by the first of more threads, whose barriers are for these alone. */
function widen({ kernel, placements }: Placed, threads: number): Placed {
  if (kernel.threads === threads) return { kernel, placements };
  const own = kernel.threads;
  const buffers: Statement[] = [];
  const body = mapStatements(
    kernel.body,
    (e) => e,
    (s) => {
      if (s.kind === "barrier") return { kind: "invoke", function: meetThreads(own), args: [] };
      if (s.kind !== "buffer" || s.scope !== "shared") return s;
      buffers.push(s);
      return [];
    },
  );
  const isOwn = less(symbol("thread"), constant(own));
  return { kernel: { ...kernel, threads, body: [...buffers, when(isOwn, body)] }, placements };
}
