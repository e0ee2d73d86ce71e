/** The page's end of the line to its worker. */

import type { Request, WorkerEvent } from "./protocol.ts";

export class WorkerClient {
  readonly #worker: Worker;

  /** `receive` gets every event; `fail` what broke the worker itself. */
  constructor(
    address: URL,
    receive: (event: WorkerEvent) => void,
    fail: (message: string) => void,
  ) {
    this.#worker = new Worker(address, { type: "module" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<WorkerEvent>) =>
      receive(data),
    );
    this.#worker.addEventListener("messageerror", () => fail("a message could not be read"));
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      fail(event.message || "its files could not be loaded");
    });
  }

  send(request: Request): void {
    this.#worker.postMessage(request);
  }
}
