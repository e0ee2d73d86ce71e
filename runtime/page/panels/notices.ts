/** Errors and warnings, each with what to do about it, and the offer to go on with an earlier run. */

import { findAny, findButton, make, onPress, setHidden, setText } from "../elements.ts";
import { formatAgo, plural } from "../format.ts";
import type { KeptRun, Notice } from "../protocol.ts";
import type { PageContext, Render } from "./panel.ts";

export function createNoticesPanel({ send, dispatch }: PageContext): Render {
  const list = findAny("notices");
  const shown = new Map<Notice, HTMLElement>();

  return ({ notices }) => {
    for (const [notice, element] of shown) {
      if (notices.includes(notice)) continue;
      element.remove();
      shown.delete(notice);
    }
    for (const notice of notices.toReversed()) {
      if (shown.has(notice)) continue;
      const element = createNotice(notice, {
        act: () => send({ kind: "open", force: notice.action === "force" }),
        dismiss: () => dispatch({ kind: "dismiss", notice }),
      });
      shown.set(notice, element);
      list.prepend(element);
    }
  };
}

const actions: { readonly [Name in NonNullable<Notice["action"]>]: string } = {
  reopen: "Try again",
  force: "Use it all the same",
};

function createNotice(
  { level, problem, action }: Notice,
  on: { readonly act: () => void; readonly dismiss: () => void },
): HTMLElement {
  const button = make("button", "", action === null ? "Dismiss" : actions[action]);
  button.type = "button";
  button.addEventListener("click", action === null ? on.dismiss : on.act);
  const text = make(
    "div",
    "",
    make("strong", "", problem.title),
    make("p", "", problem.detail),
    problem.advice === null ? null : make("p", "", problem.advice),
  );
  const element = make("div", `notice ${level}`, text, make("div", "buttons", button));
  // Said at once, whatever is read aloud.
  element.setAttribute("role", level === "note" ? "status" : "alert");
  return element;
}

export function createOfferPanel({ send, dispatch }: PageContext): Render {
  const offer = findAny("offer");
  const about = findAny("offer-about");
  onPress(findButton("offer-resume"), () => {
    dispatch({ kind: "offer-answered" });
    send({ kind: "resume-kept" });
  });
  onPress(findButton("offer-discard"), () => {
    dispatch({ kind: "offer-answered" });
    send({ kind: "discard-kept" });
  });

  return ({ offered, kept, phase }) => {
    const visible = offered && kept !== null && phase === "ready";
    setHidden(offer, !visible);
    if (visible) setText(about, `This browser kept a training: ${describeKept(kept, Date.now())}.`);
  };
}

/** `epoch 3 of 5, batch 120 of 469, saved 5 minutes ago`. */
export function describeKept(kept: KeptRun, now: number): string {
  const { epoch, epochs, position, batches, savedAt } = kept;
  const of = epochs > 0 ? ` of ${epochs}` : "";
  const where =
    position > 0
      ? `epoch ${epoch + 1}${of}, batch ${position} of ${batches}`
      : `${epochs > 0 ? epoch : plural(epoch, "epoch")}${of === "" ? "" : `${of} epochs`} done`;
  return `${where}, saved ${formatAgo(savedAt, now)}`;
}
