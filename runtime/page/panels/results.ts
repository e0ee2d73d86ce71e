/** Curves, the table of epochs, and what the test data says. */

import { formatMetric } from "../../training/report/format.ts";
import {
  fillTable,
  find,
  findAny,
  findButton,
  onPress,
  setDisabled,
  setHidden,
  setText,
} from "../elements.ts";
import { formatPercent, plural, quantityName } from "../format.ts";
import type { Logs, WorkerEvent } from "../protocol.ts";
import { Series } from "../series.ts";
import type { PageState } from "../state.ts";
import { createCharts } from "./charts.ts";
import type { PageContext, Render } from "./panel.ts";

export interface ResultsPanel {
  readonly render: Render;
  /** Takes what charts need of an event. */
  readonly receive: (event: WorkerEvent) => void;
}

export function createResultsPanel({ send }: PageContext): ResultsPanel {
  const series = new Series();
  const charts = createCharts(series);
  const table = find("epochs-table", HTMLTableElement);
  const result = findAny("test-result");
  const evaluate = findButton("test-run");
  let built = false;
  let newest: Logs = {};
  let shownHistory: unknown;
  onPress(evaluate, () => send({ kind: "evaluate" }));

  return {
    receive: (event) => {
      if (event.kind === "progress") {
        series.addProgress(event.progress);
        newest = { ...newest, ...event.progress.logs };
      } else if (event.kind === "epoch-end") {
        series.addEpoch(event.epoch, event.logs);
        newest = { ...newest, ...event.logs };
      } else if (event.kind === "run") {
        newest = showRun(series, newest, event.run);
      } else {
        return;
      }
      charts.update(newest);
    },
    render: (state) => {
      const { plan, run, test, phase, busy } = state;
      if (plan === null) return;
      if (!built) {
        built = true;
        charts.build(plan.metrics, plan.training?.validation != null);
        const testable = plan.training !== null && plan.data?.blocks.test !== undefined;
        setHidden(evaluate, !testable);
      }
      if (run?.history !== shownHistory) {
        shownHistory = run?.history;
        fillEpochs(table, run?.history ?? {});
      }
      setText(result, describeTest(state));
      const idle = phase === "ready" || phase === "paused" || phase === "finished";
      setDisabled(evaluate, !idle || busy !== null || test !== null);
    },
  };
}

/** A run that ends is told once more, with the same epochs: its curves stay as they are, finer than the history. */
function showRun(
  series: Series,
  newest: Logs,
  run: Extract<WorkerEvent, { readonly kind: "run" }>["run"],
): Logs {
  const last = Object.fromEntries(
    Object.entries(run.history).map(([name, values]) => [name, values.at(-1) ?? Number.NaN]),
  );
  const shown = series.epochs;
  const epochs = Math.max(0, ...Object.values(run.history).map(({ length }) => length));
  if (run.updates > 0 && shown === epochs && !series.isEmpty) return newest;
  series.restore(run.history);
  return last;
}

function describeTest({ test, busy, phase, run }: PageState): string {
  if (busy === "evaluating") return "Evaluating on the test data…";
  if (test !== null) {
    const values = Object.entries(test.logs).map(([name, value]) => formatQuantity(name, value));
    return `On ${plural(test.rows, "test row")}: ${values.join(", ")}`;
  }
  if (phase === "training")
    return "The test data, which training never sees, is evaluated at the end.";
  return (run?.updates ?? 0) > 0 ? "Not evaluated on the test data yet." : "";
}

/** Shares as per cent, others as they are. */
function formatQuantity(name: string, value: number): string {
  const shown = /accuracy|precision|recall|auc/.test(name)
    ? formatPercent(value)
    : formatMetric(value);
  return `${quantityName(name)} ${shown}`;
}

function fillEpochs(
  table: HTMLTableElement,
  history: Readonly<Record<string, readonly number[]>>,
): void {
  const names = Object.keys(history);
  const epochs = Math.max(0, ...Object.values(history).map(({ length }) => length));
  const rows = Array.from({ length: epochs }, (_, epoch) => [
    String(epoch + 1),
    ...names.map((name) => {
      const value = history[name]![epoch - (epochs - history[name]!.length)];
      return value === undefined ? "" : formatMetric(value);
    }),
  ]);
  const heads = names.map((name) => {
    return name.startsWith("val_") ? `validation ${quantityName(name)}` : quantityName(name);
  });
  const numeric = new Set([0, ...names.map((_, index) => index + 1)]);
  fillTable(table, ["Epoch", ...heads], rows.toReversed(), numeric);
}
