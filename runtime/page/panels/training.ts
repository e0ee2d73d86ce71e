/** Starting, pausing and starting over, where training stands, and its settings. */

import { find, findAny, findButton, onPress, setDisabled, setText } from "../elements.ts";
import { formatClock, formatCompiling, formatRate, plural } from "../format.ts";
import type { Settings } from "../protocol.ts";
import { epochsDone, hasTrained, type PageState } from "../state.ts";
import type { PageContext, Render } from "./panel.ts";
import { createSettingsForm } from "./settings.ts";

export function createTrainingPanel(context: PageContext): Render {
  const { state, send, dispatch } = context;
  const status = findAny("train-status");
  const progress = find("train-progress", HTMLProgressElement);
  const start = findButton("train-start");
  const reset = findButton("train-reset");
  const figures = {
    epoch: findAny("figure-epoch"),
    batch: findAny("figure-batch"),
    rate: findAny("figure-rate"),
    left: findAny("figure-left"),
  };
  const settings = createSettingsForm(context);
  const confirm = find("confirm", HTMLDialogElement);

  onPress(start, () => {
    const current = state();
    if (current.phase === "training" || current.phase === "starting") {
      dispatch({ kind: "asked", phase: "pausing" });
      send({ kind: "pause" });
      return;
    }
    const read = settings.read();
    if (read === undefined) return;
    const chosen = withMoreEpochs(read, current);
    dispatch({ kind: "settings", settings: chosen });
    dispatch({ kind: "asked", phase: "starting" });
    send({ kind: "train", settings: chosen });
  });
  onPress(reset, () => confirm.showModal());
  confirm.addEventListener("close", () => {
    const { settings: chosen } = state();
    if (confirm.returnValue === "ok" && chosen !== null) {
      send({ kind: "reset", seed: settings.read()?.seed ?? chosen.seed });
    }
    confirm.returnValue = "";
  });

  return (current) => {
    setText(status, describeStatus(current));
    setText(start, startLabel(current));
    setDisabled(start, !canStart(current));
    setDisabled(reset, !canReset(current));
    progress.value = shareDone(current);
    const { progress: at } = current;
    const epochs = current.settings?.epochs ?? 0;
    setText(
      figures.epoch,
      at === null ? "–" : `${at.epoch + 1} of ${Math.max(epochs, at.epoch + 1)}`,
    );
    setText(figures.batch, at === null ? "–" : `${at.batch} of ${at.batches}`);
    setText(figures.rate, at?.samplesPerSecond == null ? "–" : formatRate(at.samplesPerSecond));
    const left = current.phase === "training" ? at?.secondsLeft : null;
    setText(figures.left, left == null ? "–" : formatClock(left));
    settings.render(current);
  };
}

/** A run that has all its epochs gets as many again. */
function withMoreEpochs(settings: Settings, { phase, run }: PageState): Settings {
  const done = run?.epoch ?? 0;
  if (phase !== "finished" || settings.epochs > done) return settings;
  return { ...settings, epochs: done + settings.epochs };
}

function startLabel({ phase, settings, run }: PageState): string {
  const epochs = settings?.epochs ?? 1;
  switch (phase) {
    case "training":
    case "pausing":
    case "starting":
      return "Pause";
    case "paused":
      return "Resume";
    case "finished":
      return epochs > (run?.epoch ?? 0) ? `Train on to epoch ${epochs}` : `Train ${epochs} more`;
    case "opening":
    case "unusable":
    case "ready":
      return "Train";
  }
}

function canStart({ phase, plan, busy }: PageState): boolean {
  if (plan?.training == null || plan.data === null) return false;
  if (phase === "pausing" || phase === "opening" || phase === "unusable") return false;
  return phase === "training" || phase === "starting" || busy === null;
}

function canReset(state: PageState): boolean {
  const idle = state.phase === "paused" || state.phase === "finished" || state.phase === "ready";
  return idle && state.busy === null && hasTrained(state);
}

function shareDone({ progress, settings, phase }: PageState): number {
  if (phase === "finished") return 1;
  if (progress === null || settings === null) return 0;
  return Math.min(1, (progress.epoch + progress.batch / progress.batches) / settings.epochs);
}

function describeStatus(state: PageState): string {
  const { plan, phase, busy, compiling, progress, settings } = state;
  if (plan !== null && plan.training === null)
    return "This model has no train block: it can only predict.";
  if (plan !== null && plan.data === null)
    return "This model has no data block to train on: it can only predict.";
  if (busy === "loading") return "Reading the data…";
  if (busy === "restoring") return "Restoring…";
  if (busy === "evaluating") return "Evaluating…";
  if (compiling !== null && (phase === "opening" || phase === "starting")) {
    return formatCompiling(compiling);
  }
  switch (phase) {
    case "opening":
      return "Getting ready…";
    case "unusable":
      return "Not possible yet: see above.";
    case "ready":
      return "Ready to train.";
    case "starting":
      return "Starting…";
    case "training": {
      const epoch = (progress?.epoch ?? epochsDone(state)) + 1;
      return `Training epoch ${epoch} of ${settings?.epochs ?? epoch}…`;
    }
    case "pausing":
      return "Pausing…";
    case "paused":
      return "Paused.";
    case "finished":
      return `Finished ${plural(epochsDone(state), "epoch")}.`;
  }
}
