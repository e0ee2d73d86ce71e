/** The worker's end of the line: it loads the trainer and hands what the page asks for to the session. */

import { modelSignature } from "../../training/signature.ts";
import type { Request, WorkerEvent } from "../protocol.ts";
import { loadManifest } from "./page-manifest.ts";
import { describeProblem } from "./problems.ts";
import { Session } from "./session.ts";
import { loadTrainer } from "./trainer-module.ts";

function post(event: WorkerEvent, transfer: readonly Transferable[] = []): void {
  self.postMessage(event, { transfer: [...transfer] });
}

async function createSession(): Promise<Session> {
  const [module, manifest] = await Promise.all([loadTrainer(), loadManifest()]);
  const folder = new URL(".", import.meta.url).pathname.replaceAll(/[^A-Za-z0-9]+/g, "-");
  const { plan } = module.definition;
  const identity = `${folder}${plan.model}-${await modelSignature(plan)}`;
  return new Session(module, manifest, identity, post);
}

const session = createSession().catch((error: unknown) => {
  const problem = describeProblem(error, "The trainer could not be loaded");
  post({ kind: "notice", notice: { level: "error", problem, action: "reopen" } });
  return undefined;
});

self.addEventListener("message", async ({ data }: MessageEvent<Request>) => {
  const opened = await session;
  if (opened !== undefined) await handle(opened, data);
});

function handle(opened: Session, request: Request): Promise<void> | void {
  switch (request.kind) {
    case "open":
      return opened.open(request.force);
    case "use-file":
      return opened.useFile(request);
    case "train":
      return opened.train(request.settings);
    case "pause":
      return opened.pause();
    case "reset":
      return opened.reset(request.seed);
    case "evaluate":
      return opened.evaluate();
    case "resume-kept":
      return opened.resumeKept();
    case "discard-kept":
      return opened.discardKept();
    case "predict":
      return opened.predict(request.inputs);
    case "sample":
      return opened.sample();
    case "export":
      return opened.export(request.content);
    case "import":
      return opened.import(request.file);
  }
}
