/** Everything that the page shows besides charts and drawing, and how events of the worker change it. */

import type { TrainerPlan } from "../plan.ts";
import type {
  Busy,
  Compiling,
  FileStatus,
  KeptRun,
  Logs,
  Notice,
  OfKind,
  Progress,
  RunSummary,
  Settings,
  WorkerEvent,
} from "./protocol.ts";

export type Phase =
  /** The device is being opened and tested. */
  | "opening"
  /** There is no device, or it failed its test. */
  | "unusable"
  | "ready"
  /** Data is being read for a training that was asked for. */
  | "starting"
  | "training"
  /** The steps in flight end. */
  | "pausing"
  | "paused"
  | "finished";

export type SelfTest = OfKind<WorkerEvent, "self-test">["result"];

export interface PageState {
  readonly phase: Phase;
  readonly plan: TrainerPlan | null;
  readonly busy: Busy | null;
  readonly compiling: Compiling | null;
  readonly device: string | null;
  readonly software: boolean;
  readonly selfTest: SelfTest;
  readonly files: readonly FileStatus[];
  readonly settings: Settings | null;
  readonly progress: Progress | null;
  /** Of the run under way, or of the last one. */
  readonly run: RunSummary | null;
  readonly validates: boolean;
  readonly test: { readonly logs: Logs; readonly rows: number } | null;
  readonly kept: KeptRun | null;
  /** Whether the kept run is to be offered: it comes from an earlier visit. */
  readonly offered: boolean;
  readonly notices: readonly Notice[];
}

export type PageEvent =
  | WorkerEvent
  | { readonly kind: "settings"; readonly settings: Settings }
  /** The user asked for something that takes a moment. */
  | { readonly kind: "asked"; readonly phase: "starting" | "pausing" | "opening" }
  | { readonly kind: "offer-answered" }
  | { readonly kind: "dismiss"; readonly notice: Notice };

export const initialState: PageState = {
  phase: "opening",
  plan: null,
  busy: null,
  compiling: null,
  device: null,
  software: false,
  selfTest: null,
  files: [],
  settings: null,
  progress: null,
  run: null,
  validates: false,
  test: null,
  kept: null,
  offered: false,
  notices: [],
};

export function reduce(state: PageState, event: PageEvent): PageState {
  switch (event.kind) {
    case "plan":
      return {
        ...state,
        plan: event.plan,
        files: event.files,
        settings: state.settings ?? settingsOf(event.plan),
      };
    case "busy":
      return { ...state, busy: event.busy };
    case "compiling":
      return { ...state, compiling: event.compiling };
    case "opened": {
      const notices = state.notices.filter(({ action }) => action === null);
      const phase = state.phase === "opening" || state.phase === "unusable" ? "ready" : state.phase;
      // What opening was busy with is over: a page that says it is ready takes the very next key.
      return {
        ...state,
        busy: null,
        device: event.device,
        software: event.software,
        phase,
        notices,
      };
    }
    case "self-test": {
      const { result } = event;
      const refused = result !== null && !result.passed && !result.forced;
      return { ...state, selfTest: result, phase: refused ? "unusable" : state.phase };
    }
    case "file":
      return {
        ...state,
        files: state.files.map((file) => (file.path === event.file.path ? event.file : file)),
      };
    case "run-begin":
      return {
        ...state,
        phase: state.phase === "pausing" ? "pausing" : "training",
        validates: event.validates,
        test: null,
        offered: false,
      };
    case "progress":
      return { ...state, progress: event.progress };
    case "epoch-end":
      return withEpoch(state, event.epoch, event.logs);
    case "run-end":
      return {
        ...state,
        phase: event.end === "completed" ? "finished" : idlePhase(state),
        busy: null,
      };
    case "run":
      return showRun(state, event.run);
    case "tested":
      return { ...state, test: { logs: event.logs, rows: event.rows } };
    case "kept": {
      const offered = event.kept !== null && (event.fromEarlierVisit || state.offered);
      return { ...state, kept: event.kept, offered };
    }
    case "notice":
      return withNotice(state, event.notice);
    case "settings":
      return { ...state, settings: event.settings };
    case "asked":
      return { ...state, phase: event.phase };
    case "offer-answered":
      return { ...state, offered: false };
    case "dismiss":
      return { ...state, notices: state.notices.filter((notice) => notice !== event.notice) };
    case "palette":
    case "prediction":
    case "sample":
    case "exported":
      return state;
  }
}

/** What the train block says. */
export function settingsOf({ training, hypers, batchMax }: TrainerPlan): Settings {
  const { epochs = 1, batchSize = batchMax, seed = 0 } = training ?? {};
  return { epochs, batchSize, seed, hypers };
}

/** Epochs that are done, the one under way not counted. */
export function epochsDone({ run }: Pick<PageState, "run">): number {
  return run?.epoch ?? 0;
}

/** Whether anything has been trained that a new start would lose. */
export function hasTrained({ run, progress }: Pick<PageState, "run" | "progress">): boolean {
  return (run?.updates ?? 0) > 0 || progress !== null;
}

/** A run within an epoch can only go on with the rows and batches it has. */
export function isWithinEpoch({ progress }: Pick<PageState, "progress">): boolean {
  return progress !== null && progress.batch > 0 && progress.batch < progress.batches;
}

function withEpoch(state: PageState, epoch: number, logs: Logs): PageState {
  const { settings } = state;
  const before = state.run;
  const history: Record<string, readonly number[]> = { ...before?.history };
  for (const [name, value] of Object.entries(logs))
    history[name] = [...(history[name] ?? []), value];
  const run: RunSummary = {
    seed: before?.seed ?? settings?.seed ?? 0,
    batchSize: settings?.batchSize ?? before?.batchSize ?? 0,
    batches: state.progress?.batches ?? before?.batches ?? 0,
    updates: (before?.updates ?? 0) + (state.progress?.batches ?? 0),
    hypers: before?.hypers ?? {},
    epochs: settings?.epochs ?? null,
    epoch: epoch + 1,
    position: 0,
    history,
  };
  return { ...state, run };
}

function showRun(state: PageState, run: RunSummary): PageState {
  const { seed, batchSize, hypers, epoch, position, batches, updates } = run;
  const fresh = updates === 0;
  const { settings } = state;
  const epochs = run.epochs ?? settings?.epochs ?? 1;
  const done = position === 0 && epoch >= epochs;
  const logs = Object.fromEntries(
    Object.entries(run.history).flatMap(([name, values]) => {
      const last = values.at(-1);
      return last === undefined || name.startsWith("val_") ? [] : [[name, last]];
    }),
  );
  const at = position > 0 ? { epoch, batch: position } : { epoch: epoch - 1, batch: batches };
  return {
    ...state,
    run,
    phase: fresh ? "ready" : done ? "finished" : "paused",
    progress: fresh ? null : { ...at, batches, logs, samplesPerSecond: null, secondsLeft: null },
    settings: settings && {
      ...settings,
      epochs,
      seed,
      batchSize,
      hypers: { ...settings.hypers, ...hypers },
    },
    test: null,
    offered: false,
  };
}

/** The newest first; the same said twice is said once. An error of the device ends what went on. */
function withNotice(state: PageState, notice: Notice): PageState {
  const others = state.notices.filter(
    ({ problem }) =>
      problem.title !== notice.problem.title || problem.detail !== notice.problem.detail,
  );
  const unusable = notice.action !== null;
  const interrupted = notice.level === "error" && state.phase === "starting";
  const phase = unusable ? "unusable" : interrupted ? idlePhase(state) : state.phase;
  return { ...state, phase, notices: [notice, ...others].slice(0, 4) };
}

function idlePhase(state: PageState): Phase {
  return hasTrained(state) ? "paused" : "ready";
}
