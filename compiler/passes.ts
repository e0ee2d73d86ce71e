/** The stages between lowering and kernels, in their order, each with the reason why it stands where it stands. */

import { differentiate } from "./autodiff/differentiate.ts";
import type { Span } from "./diagnostics/diagnostic.ts";
import { inlineCalls } from "./graph/calls.ts";
import type { Graph } from "./graph/node.ts";
import { printGraph } from "./graph/print.ts";
import { verifyGraph } from "./graph/verify.ts";
import type { KernelModule } from "./kernel/module.ts";
import { printModule } from "./kernel/print.ts";
import { verifyModule } from "./kernel/verify.ts";
import { canonicalise } from "./optimize/canonicalise.ts";
import { composeMaps } from "./optimize/compose-maps.ts";
import { cropUnread } from "./optimize/crop-unread.ts";
import { formGroups } from "./optimize/fusion/form-groups.ts";
import { printGroups } from "./optimize/fusion/print-groups.ts";
import type { GroupedGraph } from "./optimize/group.ts";
import { hoistFromLoops } from "./optimize/hoist-from-loops.ts";
import { roundOperands } from "./optimize/precision.ts";
import { simplify } from "./optimize/simplify.ts";
import { type HoistedStepScalars, hoistStepScalars } from "./optimize/step-scalars.ts";
import type { TargetDescription } from "./optimize/target-description.ts";
import {
  type Form,
  type Pass,
  PassMonitor,
  type PassOptions,
  type PassTiming,
  runPass,
} from "./pipeline.ts";
import {
  type ProgramOptions,
  ProgramSchedule,
  type ScheduledProgram,
} from "./schedule/schedule-program.ts";
import type { LoweredProgram } from "./semantics/program.ts";

const graphForm: Form<Graph> = { verify: (graph) => verifyGraph(graph), print: printGraph };

const lowering: Pass<Graph, Graph> = {
  name: "lower",
  why: "shows what the language was lowered to",
  run: (_, graph) => graph,
  form: graphForm,
};

const canonicalisation: Pass<Graph, Graph> = {
  name: "canonicalise",
  why: "logarithms must be stable before they are differentiated: no later rule repairs their derivatives",
  run: canonicalise,
  form: graphForm,
};

const loopHoisting: Pass<Graph, Graph> = {
  name: "hoist-from-loops",
  why: "once contractions are apart from what carries need; before differentiation, so that their derivatives are outside too",
  run: hoistFromLoops,
  form: graphForm,
};

const cropping: Pass<Graph, Graph> = {
  name: "crop-unread",
  why: "before differentiation, so that derivatives of what nothing reads are not computed either",
  run: cropUnread,
  form: graphForm,
};

const differentiation: Pass<Graph, Graph> = {
  name: "autodiff",
  why: "needs contractions, maps and reductions apart, so that derivatives of contractions are contractions",
  run: differentiate,
  form: graphForm,
};

const inlining: Pass<Graph, Graph> = {
  name: "inline-calls",
  why: "after differentiation, which needs their own derivatives; all that follows sees what they compute",
  run: inlineCalls,
  form: graphForm,
};

const simplification: Pass<Graph, Graph> = {
  name: "simplify",
  why: "may regroup sums, which differentiation must not see; and gradients leave much to fold",
  run: simplify,
  form: graphForm,
};

const scalarHoisting: Pass<Graph, HoistedStepScalars> = {
  name: "hoist-step-scalars",
  why: "after simplification, which finds more that depends on hypers and counters alone",
  run: hoistStepScalars,
  form: {
    verify: ({ graph, scalars }) => {
      verifyGraph(graph);
      verifyGraph(scalars);
    },
    print: ({ graph, scalars }) => `${printGraph(graph)}\n${printGraph(scalars)}`,
  },
};

function rounding(target: TargetDescription): Pass<Graph, Graph> {
  return {
    name: "precision",
    why: "no rule may see rounding, which is not the identity; groups make the copies where they make the values",
    run: (context, graph) => roundOperands(context, graph, target),
    form: graphForm,
  };
}

const composition: Pass<Graph, Graph> = {
  name: "compose-maps",
  why: "initial values are computed once, in plain loops: one for each tensor",
  run: composeMaps,
  form: graphForm,
};

function grouping(target: TargetDescription, fusion: boolean): Pass<Graph, GroupedGraph> {
  return {
    name: "group",
    why: "last on graphs: what runs together is decided on the graph that runs",
    run: (context, graph) => formGroups(context, graph, target, { fusion }),
    form: { verify: ({ graph }) => verifyGraph(graph), print: printGroups },
  };
}

function scheduling(program: ProgramSchedule): Pass<GroupedGraph, KernelModule> {
  return {
    name: "schedule",
    why: "as soon as a graph has its groups: its kernels can be compiled while later graphs are not there yet",
    run: (_, grouped) => program.add(grouped),
    form: { verify: verifyModule, print: printModule },
  };
}

export interface PassesOptions extends PassOptions {
  readonly target: TargetDescription;
  /** Describes the target's devices that can do more than all of them. */
  readonly alternative?: TargetDescription | null;
  readonly fusion?: boolean;
  /** How many plans of each contraction are compiled for the CPU, each in a graph of its own, so that they can be measured. */
  readonly candidates?: number | undefined;
  /** Gets each kernel for `target` as soon as it is made, in the order of launches. */
  readonly takeKernel?: ProgramOptions["takeKernel"];
}

/** What the passes made of a lowered program, or of some of its graphs. */
export interface PassesResult {
  readonly scheduled: ScheduledProgram;
  /** The same groups for devices that can do more, where a target has such; what lasts lies where it does in `scheduled`. */
  readonly alternative: ScheduledProgram | null;
  /** Step scalars by the name of the graph that reads them. */
  readonly stepScalars: ReadonlyMap<string, Graph>;
  /** Initial values, for JavaScript. */
  readonly init: Graph;
  /** Metrics from their totals, for JavaScript. */
  readonly readout: Graph | null;
  readonly timings: readonly PassTiming[];
}

/** Passes that graphs which train are through, and other graphs not yet. */
export interface BegunPasses {
  /** Updates and what is computed before the first; null where nothing is trained. */
  readonly training: KernelModule | null;
  /** Names of the other graphs. */
  readonly others: readonly string[];
  /** Of the graphs that are through all passes. */
  readonly soFar: () => PassesResult;
  /** Takes the other graphs through all passes, too; to be called once. */
  readonly finish: () => PassesResult;
}

/** Takes the graphs that train through all passes. */
export function beginPasses(
  lowered: LoweredProgram,
  locate: (span: Span) => string,
  { target, alternative = null, fusion = true, candidates, takeKernel, ...options }: PassesOptions,
): BegunPasses {
  const { context, training } = lowered;
  const monitor = new PassMonitor(options);
  const stepScalars = new Map<string, Graph>();
  const run = <Input, Output>(pass: Pass<Input, Output>, subject: string, input: Input): Output =>
    runPass(monitor, context, subject, pass, input);

  const canonical = (graph: Graph): Graph => {
    const { name } = graph;
    const hoisted = run(
      loopHoisting,
      name,
      run(canonicalisation, name, run(lowering, name, graph)),
    );
    // Workgroups reduce in chunks of a size that follows from the shapes: their sums stay as they were measured.
    return target.workgroup === null ? run(cropping, name, hoisted) : hoisted;
  };
  const { columns, model, persistent, batchMax } = lowered;
  const parts = { model, persistent, columns, batchMax };
  const program = { ...parts, joinLaunches: fusion, candidates, locate };
  const schedule = new ProgramSchedule(context, target, { ...program, takeKernel });
  const otherSchedule = alternative && new ProgramSchedule(context, alternative, program);
  const onDevice = (graph: Graph): void => {
    const { name } = graph;
    const inlined = run(inlining, name, graph);
    const hoisted = run(scalarHoisting, name, run(simplification, name, inlined));
    stepScalars.set(name, hoisted.scalars);
    const rounded = run(rounding(target), name, hoisted.graph);
    const grouped = run(grouping(target, fusion), name, rounded);
    run(scheduling(schedule), name, grouped);
    if (otherSchedule !== null) run(scheduling(otherSchedule), `${name}, alternative`, grouped);
  };

  for (const { graph } of training?.updates ?? []) {
    onDevice(run(differentiation, graph.name, canonical(graph)));
  }
  for (const { body } of lowered.statistics) onDevice(canonical(body));

  let inJavaScript: Pick<PassesResult, "init" | "readout"> | undefined;
  const soFar = (): PassesResult => {
    inJavaScript ??= {
      init: run(composition, "init", run(inlining, "init", run(lowering, "init", lowered.init))),
      readout: training && run(inlining, "readout", run(lowering, "readout", training.readout)),
    };
    const schedules = (training?.schedules ?? []).map(
      (graph) => [graph.name, { ...graph, name: `${graph.name}_scalars` }] as const,
    );
    return {
      scheduled: schedule.soFar(),
      alternative: otherSchedule?.soFar() ?? null,
      stepScalars: new Map([...stepScalars, ...schedules]),
      ...inJavaScript,
      timings: monitor.timings,
    };
  };
  const others = [...(training === null ? [] : [training.evaluate]), lowered.predict];
  const finish = (): PassesResult => {
    for (const graph of others) onDevice(canonical(graph));
    return soFar();
  };
  return {
    training: training && schedule.soFar().module,
    others: others.map(({ name }) => name),
    soFar,
    finish,
  };
}

/** Takes every graph of a program through all passes. */
export function runPasses(...of: Parameters<typeof beginPasses>): PassesResult {
  return beginPasses(...of).finish();
}
