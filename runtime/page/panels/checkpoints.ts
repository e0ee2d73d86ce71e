/** What this browser keeps of a run, and files to take it elsewhere. */

import {
  findAny,
  findButton,
  findInput,
  make,
  onPress,
  setDisabled,
  setHidden,
  setText,
} from "../elements.ts";
import { formatSize } from "../format.ts";
import type { PageState } from "../state.ts";
import { describeKept } from "./notices.ts";
import type { PageContext, Render } from "./panel.ts";

export function createCheckpointsPanel({ state, send }: PageContext): Render {
  const kept = findAny("kept");
  const buttons = {
    checkpoint: findButton("save-checkpoint"),
    weights: findButton("save-weights"),
    restore: findButton("restore-kept"),
    remove: findButton("delete-kept"),
  };
  const actions = findAny("kept-actions");
  const open = findInput("open-checkpoint");
  onPress(buttons.checkpoint, () => send({ kind: "export", content: "checkpoint" }));
  onPress(buttons.weights, () => send({ kind: "export", content: "weights" }));
  onPress(buttons.restore, () => send({ kind: "resume-kept" }));
  onPress(buttons.remove, () => send({ kind: "discard-kept" }));
  open.addEventListener("change", () => {
    const file = open.files?.[0];
    if (file !== undefined && isIdle(state())) send({ kind: "import", file });
    // The same file may be chosen again.
    open.value = "";
  });

  return (current) => {
    const idle = isIdle(current);
    setText(kept, describe(current));
    setDisabled(buttons.checkpoint, !idle);
    setDisabled(buttons.weights, current.device === null);
    setHidden(actions, current.kept === null);
    setDisabled(buttons.restore, !idle);
    setDisabled(buttons.remove, !idle);
    open.disabled = !idle;
  };
}

function isIdle({ phase, busy }: PageState): boolean {
  return busy === null && (phase === "ready" || phase === "paused" || phase === "finished");
}

function describe({ kept, phase }: PageState): string {
  const pause = phase === "training" ? " Pause to download the checkpoint or to open one." : "";
  if (kept === null)
    return `Training is kept in this browser as it goes, so that you can close the page.${pause}`;
  return `Kept in this browser: ${describeKept(kept, Date.now())}, ${formatSize(kept.bytes)}.${pause}`;
}

/** Hands bytes to the browser as a download. */
export function download(name: string, bytes: Uint8Array<ArrayBuffer>): void {
  const url = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  const link = make("a", "");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has to have begun to read it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
