/** A peer's side of `PeerProcess`: takes commands as JSON lines and answers each with one. */

import { createInterface } from "node:readline";
import { messageOf } from "../runtime/data/data-error.ts";
import type { Answer, AnyJob, Command, OpenAnswer } from "./peer-process.ts";

export interface OpenJob {
  readonly answer: OpenAnswer;
  /** Repeats it for about so many seconds: those of one. */
  readonly time: (wanted: number) => Promise<number>;
  readonly dispose: () => void;
}

/** Ends with its input. */
export async function serveJobs<J extends AnyJob>(
  open: (job: J, folder: string) => Promise<OpenJob>,
): Promise<void> {
  const opened = new Map<string, OpenJob>();
  const answer = async (command: Command<J>): Promise<Answer> => {
    switch (command.command) {
      case "open": {
        const { job, folder } = command;
        const own = await open(job, folder);
        opened.set(job.id, own);
        return own.answer;
      }
      case "time":
        return { seconds: await opened.get(command.id)!.time(command.seconds) };
      case "close":
        opened.get(command.id)?.dispose();
        opened.delete(command.id);
        return {};
    }
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const reply = await answer(JSON.parse(line) as Command<J>).catch(
      (error: unknown): Answer => ({ error: messageOf(error) }),
    );
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
}
