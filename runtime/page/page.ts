/** The page: joins the panels, the state and the worker. */

import { findAny, setHidden } from "./elements.ts";
import { createCheckpointsPanel, download } from "./panels/checkpoints.ts";
import { createDataPanel } from "./panels/data.ts";
import { createDevicePanel } from "./panels/device.ts";
import { createLayersPanel } from "./panels/layers.ts";
import { createNoticesPanel, createOfferPanel } from "./panels/notices.ts";
import type { PageContext, Render } from "./panels/panel.ts";
import { createResultsPanel } from "./panels/results.ts";
import { createTrainingPanel } from "./panels/training.ts";
import { createTryPanel } from "./panels/try.ts";
import type { Problem, WorkerEvent } from "./protocol.ts";
import { initialState, type PageEvent, type PageState, reduce } from "./state.ts";
import { browserFacts, findObstacle } from "./support.ts";
import { WorkerClient } from "./worker-client.ts";

startPage();

function startPage(): void {
  let state: PageState = initialState;
  let worker: WorkerClient | undefined;
  let frame = 0;

  const render = () => {
    frame = 0;
    for (const panel of panels) panel(state);
  };
  const renderSoon = () => {
    // A hidden tab has no frames, and nobody who looks.
    if (frame === 0) frame = requestAnimationFrame(render);
  };
  const dispatch = (event: PageEvent) => {
    state = reduce(state, event);
    renderSoon();
  };
  const fail = (problem: Problem) => {
    dispatch({ kind: "notice", notice: { level: "error", problem, action: "reopen" } });
  };
  const context: PageContext = {
    state: () => state,
    send: (request) => {
      // Where the browser could not even begin, only another try of all of it may help.
      if (worker === undefined) return window.location.reload();
      if (request.kind === "open") dispatch({ kind: "asked", phase: "opening" });
      worker.send(request);
    },
    dispatch,
  };
  const results = createResultsPanel(context);
  const trying = createTryPanel(context);
  const panels: readonly Render[] = [
    createDevicePanel(),
    createNoticesPanel(context),
    createOfferPanel(context),
    createTrainingPanel(context),
    results.render,
    trying.render,
    createDataPanel(context),
    createCheckpointsPanel(context),
    createLayersPanel(),
  ];
  const receive = (event: WorkerEvent) => {
    dispatch(event);
    results.receive(event);
    trying.receive(event);
    if (event.kind === "exported") download(event.name, event.bytes);
  };

  setHidden(findAny("not-started"), true);
  setHidden(findAny("main"), false);
  ignoreStrayDrops();
  const obstacle = findObstacle(browserFacts());
  if (obstacle !== undefined) {
    setHidden(findAny("panels"), true);
    fail(obstacle);
    return;
  }
  worker = new WorkerClient(new URL("worker.js", import.meta.url), receive, (message) =>
    fail({
      title: "The part of this page that trains has failed",
      detail: `${message}.`,
      advice:
        "Reload the page. If it fails again, files of this folder may be missing on the server.",
    }),
  );
  worker.send({ kind: "open", force: false });
  // "5 minutes ago" gets older.
  setInterval(renderSoon, 30_000);
}

/** A file dropped beside its place would otherwise replace the page, and the training with it. */
function ignoreStrayDrops(): void {
  for (const name of ["dragover", "drop"] as const) {
    window.addEventListener(name, (event) => event.preventDefault());
  }
}
