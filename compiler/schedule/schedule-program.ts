/**
 * From fusion groups to a kernel library: every group becomes a kernel, every parameter of a kernel gets its
 * place in memory, and every graph its launches in order.
 */

import type { ColumnPlan } from "../../runtime/plan.ts";
import type { GraphContext } from "../graph/context.ts";
import type { Origin, Value } from "../graph/node.ts";
import { removeDeadCode } from "../kernel/dead-code.ts";
import type { Kernel } from "../kernel/ir.ts";
import type { GraphFunction, KernelModule, LaunchLoop } from "../kernel/module.ts";
import type { GroupedGraph } from "../optimize/group.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import type { PersistentLeaf } from "../semantics/program.ts";
import { joinLaunches, type TimedLaunch } from "./join-launches.ts";
import type { ScheduledKernel } from "./kernel-builder.ts";
import { KernelTable } from "./kernel-table.ts";
import { isTaskOfRows, type LeveledGroup, type LoopAround, levelGroups } from "./loop-levels.ts";
import { type Layout, layoutInOrder, planTemporaries, taskSlots } from "./memory-plan.ts";
import { updateName } from "./names.ts";
import { Placements } from "./placements.ts";
import { companyOf, type KernelReport, originsOf, reportKernel } from "./report-kernel.ts";
import { movingSeconds } from "./reuse.ts";
import { withChains } from "./row-chains.ts";
import { rowsPerTask } from "./row-loops.ts";
import { rowRuns } from "./row-runs.ts";
import { scheduleGroup } from "./schedule-group.ts";
import { waitsForSequences } from "./sequences.ts";

export interface ProgramOptions {
  readonly model: string;
  readonly persistent: readonly PersistentLeaf[];
  readonly columns: readonly ColumnPlan[];
  /** Whether independent kernels may share a launch. */
  readonly joinLaunches: boolean;
  /** How many graphs each becomes, with the plans of as many candidates, see `candidateOf`; by default one. */
  readonly candidates?: number | undefined;
  /** `digits.nn:5:30`. */
  readonly locate: (span: Origin["span"]) => string;
  /** Rows of the largest batch of all graphs. */
  readonly batchMax: number;
  /** Gets each kernel as soon as it is made, which is in the order in which graphs launch new ones. */
  readonly takeKernel?: ((kernel: Kernel) => void) | undefined;
}

/** A result of a graph, in the results arena. */
export interface PlacedResult {
  readonly name: string;
  readonly value: Value;
  readonly offset: number;
}

export interface ScheduledGraph {
  readonly name: string;
  /** The graph that it computes. */
  readonly of: string;
  readonly symbol: string;
  /** Slots of the columns that it reads, ascending. */
  readonly columns: readonly number[];
  readonly results: readonly PlacedResult[];
}

export interface ScheduledProgram {
  readonly module: KernelModule;
  readonly graphs: readonly ScheduledGraph[];
  /** Byte offsets of params, slots, states and metric totals. */
  readonly persistent: Layout<Value>;
  /** Bytes of each arena. */
  readonly arenas: {
    readonly persistent: number;
    readonly temporaries: number;
    readonly results: number;
  };
  /** Made when they are asked for. */
  readonly kernels: readonly KernelReport[];
}

/** Schedules the graphs of a model that run on the device, one after the other: they share kernels, and the places of what lasts. */
export class ProgramSchedule {
  readonly #context: GraphContext;
  readonly #targets: readonly TargetDescription[];
  readonly #options: ProgramOptions;
  readonly #persistent: Layout<Value>;
  readonly #kernels: KernelTable;
  readonly #scheduled: GraphSchedule[] = [];

  constructor(context: GraphContext, target: TargetDescription, options: ProgramOptions) {
    const { candidates = 1, batchMax } = options;
    this.#context = context;
    this.#targets = Array.from({ length: candidates }, (_, number) =>
      candidates === 1 ? target : withCandidate(target, number),
    );
    this.#options = options;
    this.#persistent = layoutPersistent(options.persistent, Math.max(1, batchMax), target);
    this.#kernels = new KernelTable(options.takeKernel);
  }

  /**
   * Schedules a graph, once for each candidate.
   *
   * Groups must come in an order that keeps data and overwriting dependences, as `formGroups` gives them.
   */
  add(grouped: GroupedGraph): KernelModule {
    const scheduled = this.#targets.map((target, number) =>
      scheduleGraph(
        this.#context,
        candidateOf(grouped.graph.name, number),
        grouped,
        target,
        this.#options,
        this.#persistent,
        this.#kernels,
      ),
    );
    this.#scheduled.push(...scheduled);
    return moduleOf(this.#options, scheduled);
  }

  /** All graphs so far. */
  soFar(): ScheduledProgram {
    const persistent = this.#persistent;
    const scheduled = [...this.#scheduled];
    let reports: readonly KernelReport[] | undefined;
    return {
      module: moduleOf(this.#options, scheduled),
      graphs: scheduled.map(({ graph }) => graph),
      persistent,
      arenas: {
        persistent: persistent.bytes,
        temporaries: Math.max(0, ...scheduled.map(({ temporaryBytes }) => temporaryBytes)),
        results: Math.max(0, ...scheduled.map(({ resultBytes }) => resultBytes)),
      },
      get kernels() {
        reports ??= scheduled.flatMap((graph) => graph.reports());
        return reports;
      },
    };
  }
}

function moduleOf({ model }: ProgramOptions, scheduled: readonly GraphSchedule[]): KernelModule {
  return { model, functions: scheduled.map(({ fn }) => fn) };
}

/** The name of a graph whose contractions have plans of that number among the candidates: 0 is the graph itself. */
export function candidateOf(graph: string, number: number): string {
  return number === 0 ? graph : `${graph}_candidate_${number}`;
}

function withCandidate(target: TargetDescription, number: number): TargetDescription {
  return { ...target, plans: { kind: "candidate", number } };
}

function withoutPlans(target: TargetDescription): TargetDescription {
  const { plans, ...predicted } = target;
  return plans === undefined ? target : predicted;
}

/** Params first, then slots, states and metric totals, each in order of declaration. */
function layoutPersistent(
  leaves: readonly PersistentLeaf[],
  batchMax: number,
  target: TargetDescription,
): Layout<Value> {
  const roles = ["param", "slot", "state", "metric"] as const;
  const ordered = roles.flatMap((role) => leaves.filter((leaf) => leaf.role === role));
  return layoutInOrder(
    ordered.map(({ leaf }) => leaf),
    batchMax,
    target,
  );
}

interface GraphSchedule {
  readonly fn: GraphFunction;
  readonly graph: ScheduledGraph;
  readonly reports: () => readonly KernelReport[];
  readonly temporaryBytes: number;
  readonly resultBytes: number;
}

function scheduleGraph(
  context: GraphContext,
  name: string,
  grouped: GroupedGraph,
  target: TargetDescription,
  options: ProgramOptions,
  persistent: Layout<Value>,
  kernels: KernelTable,
): GraphSchedule {
  const { graph } = grouped;
  const { batchMax } = graph;
  // Plans that were measured, or are to be, were so within the runs of predicted ones.
  const costs = kernels.costs(target);
  const predicted = kernels.costs(withoutPlans(target));
  const runs = options.joinLaunches
    ? withChains(rowRuns(grouped, predicted.target), grouped, predicted)
    : [{ items: grouped.order, rows: null }];
  const { groups, loops, depths } = levelGroups(context, grouped, runs, (loop) =>
    rowsPerTask(loop, batchMax, predicted.target),
  );
  const scheduled = groups.map((leveled) => ({
    ...scheduleKernel(
      context,
      leveled,
      isTaskOfRows(leveled.around) ? kernels.withinTask(target) : target,
      options,
      kernels,
    ),
    around: leveled.around,
  }));

  const results = layoutInOrder(
    graph.results.map(({ value }) => value),
    batchMax,
    target,
  );
  const temporaries = planTemporaries(
    scheduled,
    {
      isTemporary: (value) => value.node.kind !== "leaf" && !results.offsets.has(value),
      depthOf: (value) => depths.get(value) ?? { depth: 0, inTask: 0 },
    },
    batchMax,
    target,
  );
  const places = new Placements({ persistent, temporaries, results }, options.columns, target);
  const waits = waitsForSequences(groups, target);
  const timed = scheduled.map(({ kernel, bindings, around }, i) => ({
    launch: { kernel, placements: bindings.map((binding) => places.place(binding, around)) },
    predictedSeconds:
      costs.seconds(groups[i]!.group, batchMax) +
      (waits[i]! * batchMax) / groups[i]!.surroundings.batchMax,
    around,
  }));
  const launches = runsBetweenLoops(timed).flatMap((run) =>
    isTaskOfRows(run[0]!.around)
      ? run.map(({ launch }) => ({ ...launch, isParallel: false, withPrevious: false }))
      : joinLaunches(run, target, options.joinLaunches),
  );

  const symbol = `nnc_${name}`;
  const nameOf = new Map(groups.map(({ group }, i) => [group, scheduled[i]!.kernel.name]));
  return {
    fn: {
      graph: name,
      symbol,
      launches,
      loops: loops.map((loop) => launchLoop(loop, timed, batchMax, target)),
    },
    graph: {
      name,
      of: graph.name,
      symbol,
      columns: places.columnsRead,
      results: graph.results.map(({ name, value }) => ({
        name,
        value,
        offset: results.offsets.get(value)!,
      })),
    },
    // Training asks for none.
    reports: () => {
      const moving = movingSeconds(groups, batchMax, target);
      return groups.map(({ group, grouped: { groups: level, stored }, surroundings, around }, i) =>
        reportKernel(context, name, scheduled[i]!.kernel, group, {
          nameOfGroup: (index) => nameOf.get(level[index]!)!,
          launchedWith: companyOf(launches, i),
          times: timesOf(around),
          stored,
          batchMax,
          rows: surroundings.batchMax,
          waits: waits[i]!,
          moving: moving[i]!,
          target,
        }),
      );
    },
    temporaryBytes: temporaries.bytes,
    resultBytes: results.bytes,
  };
}

/** The kernel of a group, with the places in the source that it is from; groups of one form share theirs. */
function scheduleKernel(
  context: GraphContext,
  { group, grouped: { stored }, surroundings }: LeveledGroup,
  target: TargetDescription,
  { locate }: ProgramOptions,
  kernels: KernelTable,
): ScheduledKernel {
  const schedule = (): ScheduledKernel => {
    const { kernel, bindings } = scheduleGroup(group, surroundings, target);
    const comment = { ...kernel.comment, sources: originsOf(context, group, locate) };
    const name = updateName(context, group, stored) ?? kernel.name;
    const body = removeDeadCode(kernel.body);
    return { kernel: kernels.intern({ ...kernel, name, comment, body }), bindings };
  };
  return kernels.once.scheduled(group, surroundings, target, schedule);
}

function launchLoop(
  { first, end, count, rowsPerTask: rows }: LoopAround,
  launches: readonly (TimedLaunch & { readonly around: readonly LoopAround[] })[],
  batchMax: number,
  target: TargetDescription,
): LaunchLoop {
  if (rows === null) return { first, end, count };
  const seconds = launches
    .slice(first, end)
    .reduce((sum, launch) => sum + launch.predictedSeconds * timesOf(launch.around), 0);
  const isParallel = seconds > 2 * target.taskSeconds;
  return { first, end, count, tasks: { rows, slots: taskSlots(rows, batchMax), isParallel } };
}

const timesOf = (around: readonly LoopAround[]): number =>
  around.reduce((times, { count }) => times * count, 1);

/** Launches that follow each other in the same loops. */
function runsBetweenLoops<T extends { readonly around: readonly LoopAround[] }>(
  launches: readonly T[],
): T[][] {
  const runs: T[][] = [];
  for (const launch of launches) {
    const run = runs.at(-1);
    if (run?.[0]?.around === launch.around) run.push(launch);
    else runs.push([launch]);
  }
  return runs;
}
