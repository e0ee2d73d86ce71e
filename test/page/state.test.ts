/** What the page shows, by the events of its worker. */

import { describe, expect, test } from "vitest";
import type { Progress, RunSummary, WorkerEvent } from "../../runtime/page/protocol.ts";
import { Series } from "../../runtime/page/series.ts";
import {
  hasTrained,
  initialState,
  isWithinEpoch,
  type PageEvent,
  type PageState,
  reduce,
} from "../../runtime/page/state.ts";
import type { TrainerPlan } from "../../runtime/plan.ts";

const plan = {
  model: "Digits",
  batchMax: 128,
  hypers: { learning_rate: 0.001 },
  training: { epochs: 5, batchSize: 64, seed: 42, validation: null },
} as unknown as TrainerPlan;

const progress: Progress = {
  epoch: 0,
  batch: 3,
  batches: 10,
  logs: { loss: 0.5 },
  samplesPerSecond: 100,
  secondsLeft: 9,
};

const run: RunSummary = {
  seed: 7,
  batchSize: 32,
  epoch: 2,
  position: 4,
  batches: 10,
  updates: 24,
  hypers: { learning_rate: 0.01 },
  epochs: null,
  history: { loss: [0.5, 0.25] },
};

function stateAfter(...events: readonly PageEvent[]): PageState {
  return events.reduce(reduce, initialState);
}

const opened: readonly WorkerEvent[] = [
  { kind: "plan", plan, files: [] },
  { kind: "self-test", result: { passed: true, compared: 9 } },
  { kind: "opened", device: "WebGPU · Test", software: true },
];
const begun: WorkerEvent = { kind: "run-begin", epochs: 5, rows: 640, validates: false };

describe("from start to end", () => {
  test("kernels that are still compiled when the device is ready keep nothing from being asked for", () => {
    const state = stateAfter(...opened, { kind: "compiling", compiling: { done: 3, all: 11 } });
    expect(state).toMatchObject({ phase: "ready", busy: null, compiling: { done: 3, all: 11 } });
  });

  test("the device opens, and settings are the train block's", () => {
    const state = stateAfter(...opened);
    expect(state).toMatchObject({ phase: "ready", device: "WebGPU · Test", software: true });
    expect(state.settings).toEqual({
      epochs: 5,
      batchSize: 64,
      seed: 42,
      hypers: { learning_rate: 0.001 },
    });
    expect(hasTrained(state)).toBe(false);
  });

  test("training runs, is paused, and ends", () => {
    const events = [
      ...opened,
      { kind: "asked", phase: "starting" } as const,
      begun,
      { kind: "progress", progress } as const,
    ];
    const training = stateAfter(...events);
    expect(training.phase).toBe("training");
    expect([hasTrained(training), isWithinEpoch(training)]).toEqual([true, true]);
    const pausing = reduce(training, { kind: "asked", phase: "pausing" });
    expect(pausing.phase).toBe("pausing");
    expect(reduce(pausing, { kind: "run-end", end: "paused" }).phase).toBe("paused");
    expect(reduce(training, { kind: "run-end", end: "completed" }).phase).toBe("finished");
  });

  test("a pause that was asked for while data loads is not forgotten when training begins", () => {
    expect(stateAfter(...opened, { kind: "asked", phase: "pausing" }, begun).phase).toBe("pausing");
  });

  test("epochs are gathered", () => {
    const state = stateAfter(
      ...opened,
      begun,
      { kind: "progress", progress: { ...progress, batch: 10 } },
      { kind: "epoch-end", epoch: 0, logs: { loss: 0.5, val_loss: 0.6 } },
      { kind: "epoch-end", epoch: 1, logs: { loss: 0.4, val_loss: 0.5 } },
    );
    expect(state.run).toMatchObject({
      epoch: 2,
      history: { loss: [0.5, 0.4], val_loss: [0.6, 0.5] },
    });
  });
});

describe("a run from elsewhere", () => {
  test("is shown as it stands, with its own settings", () => {
    const state = stateAfter(...opened, { kind: "run", run });
    expect(state.phase).toBe("paused");
    expect(state.settings).toMatchObject({
      seed: 7,
      batchSize: 32,
      hypers: { learning_rate: 0.01 },
    });
    expect(state.progress).toMatchObject({ epoch: 2, batch: 4, batches: 10, logs: { loss: 0.25 } });
  });

  test("is finished if it has all its epochs", () => {
    const state = stateAfter(...opened, { kind: "run", run: { ...run, epoch: 5, position: 0 } });
    expect(state.phase).toBe("finished");
    expect(state.progress).toMatchObject({ epoch: 4, batch: 10 });
  });

  test("is none after a new start", () => {
    const fresh = { ...run, epoch: 0, position: 0, updates: 0, history: {} };
    const state = stateAfter(...opened, { kind: "run", run }, { kind: "run", run: fresh });
    expect(state).toMatchObject({ phase: "ready", progress: null });
    expect(hasTrained(state)).toBe(false);
  });

  test("is offered only if it is from an earlier visit, until there is another", () => {
    const kept = { savedAt: 0, epochs: 5, bytes: 9, epoch: 1, position: 0, batches: 10 };
    const offered = stateAfter(...opened, { kind: "kept", kept, fromEarlierVisit: true });
    expect(offered.offered).toBe(true);
    expect(reduce(offered, begun).offered).toBe(false);
    expect(reduce(offered, { kind: "offer-answered" }).offered).toBe(false);
    expect(stateAfter(...opened, { kind: "kept", kept, fromEarlierVisit: false }).offered).toBe(
      false,
    );
    expect(
      stateAfter(...opened, { kind: "kept", kept: null, fromEarlierVisit: true }).offered,
    ).toBe(false);
  });
});

describe("trouble", () => {
  const problem = { title: "t", detail: "d", advice: null };
  const error = (action: "reopen" | null) =>
    ({ kind: "notice", notice: { level: "error", problem, action } }) as const;

  test("of the device makes the page unusable until it is opened again", () => {
    const state = stateAfter(...opened, error("reopen"));
    expect(state.phase).toBe("unusable");
    const again = reduce(reduce(state, { kind: "asked", phase: "opening" }), opened[2]!);
    expect(again).toMatchObject({ phase: "ready", notices: [] });
  });

  test("of data lets the user try again", () => {
    const state = stateAfter(...opened, { kind: "asked", phase: "starting" }, error(null));
    expect(state.phase).toBe("ready");
    expect(reduce(state, { kind: "dismiss", notice: state.notices[0]! }).notices).toEqual([]);
  });

  test("said twice is shown once", () => {
    expect(stateAfter(...opened, error(null), error(null)).notices).toHaveLength(1);
  });

  test("a failed self-test refuses the device, unless it is forced", () => {
    const result = { passed: false, deviations: ["x"], forced: false } as const;
    expect(stateAfter(opened[0]!, { kind: "self-test", result }).phase).toBe("unusable");
    expect(
      stateAfter(opened[0]!, { kind: "self-test", result: { ...result, forced: true } }).phase,
    ).toBe("opening");
  });
});

describe("points of the charts", () => {
  test("within epochs and at their ends, with validation where there is one", () => {
    const series = new Series();
    series.addProgress({ ...progress, batch: 5, logs: { loss: 3 } });
    series.addProgress({ ...progress, batch: 10, logs: { loss: 2 } });
    series.addEpoch(0, { loss: 2, val_loss: 2.5 });
    series.addProgress({ ...progress, epoch: 1, batch: 5, logs: { loss: 1 } });
    expect(series.columns("loss")).toEqual([
      [0.5, 1, 1.5],
      [3, 2, 1],
      [null, 2.5, null],
    ]);
    expect(series.epochs).toBe(1);
  });

  test("a run that goes back takes its points along; a loss that is no number leaves a gap", () => {
    const series = new Series();
    for (const batch of [2, 4, 6])
      series.addProgress({ ...progress, batch, logs: { loss: batch } });
    series.addProgress({ ...progress, batch: 3, logs: { loss: Number.NaN } });
    expect(series.columns("loss").slice(0, 2)).toEqual([
      [0.2, 0.3],
      [2, null],
    ]);
  });

  test("a history is shown whole; entries that began late stand at its end", () => {
    const series = new Series();
    series.restore({ loss: [3, 2, 1], val_loss: [5, 4] });
    expect(series.columns("loss")).toEqual([
      [1, 2, 3],
      [3, 2, 1],
      [null, 5, 4],
    ]);
  });

  test("of long runs are thinned, ends of epochs never", () => {
    const series = new Series();
    for (let epoch = 0; epoch < 100; epoch++) {
      for (let batch = 1; batch < 100; batch++) {
        series.addProgress({ ...progress, epoch, batch, batches: 100 });
      }
      series.addEpoch(epoch, { loss: 1 });
    }
    expect(series.columns("loss")[0].length).toBeLessThanOrEqual(3100);
    expect(series.epochs).toBe(100);
  });
});
