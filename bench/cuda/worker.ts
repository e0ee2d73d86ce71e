/**
 * nnc as a peer of the CUDA benchmarks: takes commands as JSON lines and answers each with one, as the peers in Python do
 * (bench/peers/cuda/server.py lists the commands).
 *
 *     node worker.js --variant fused|unfused
 */

import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { messageOf } from "../../runtime/data/data-error.ts";
import { type OpenJob, openJob } from "./open-job.ts";
import type { Answer, Command } from "./peer-process.ts";
import type { Variant } from "./program.ts";

const { values: options } = parseArgs({
  options: { variant: { type: "string", default: "fused" } },
});

const opened = new Map<string, OpenJob>();

async function answer(command: Command): Promise<Answer> {
  switch (command.command) {
    case "open": {
      const { job, folder } = command;
      const open = await openJob(job, folder, options.variant as Variant);
      opened.set(job.id, open);
      return open.answer;
    }
    case "time":
      return { seconds: await opened.get(command.id)!.time(command.seconds) };
    case "close":
      opened.get(command.id)?.dispose();
      opened.delete(command.id);
      return {};
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const reply = await answer(JSON.parse(line) as Command).catch(
    (error: unknown): Answer => ({ error: messageOf(error) }),
  );
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
