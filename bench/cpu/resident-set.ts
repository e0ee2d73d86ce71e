/** What of this process is in memory, and by how much training makes it grow. */

import { existsSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import v8 from "node:v8";
import vm from "node:vm";

/** Bytes in memory. */
export interface ResidentSet {
  /** Memory of the process's own beside the JavaScript heap: arrays, arenas, stacks. */
  readonly own: number;
  readonly heap: number;
  /** Pages of files: Node, the addon, kernels. */
  readonly files: number;
}

/** V8 gives back what it has collected on threads of its own. */
const collections = 3;
const pauseMs = 20;

/** Once what JavaScript no longer needs is given back; all of it counts as the process's own where no kernel tells. */
export async function residentSet(): Promise<ResidentSet> {
  v8.setFlagsFromString("--expose-gc");
  const collect = vm.runInNewContext("gc") as () => void;
  for (let i = 0; i < collections; i++) {
    collect();
    await setTimeout(pauseMs);
  }
  const { rss, heapTotal } = process.memoryUsage();
  const { anonymous, files } = existsSync(status)
    ? parseStatus(readFileSync(status, "utf8"))
    : { anonymous: rss, files: 0 };
  return { own: anonymous - heapTotal, heap: heapTotal, files };
}

const status = "/proc/self/status";

/** Of Linux's /proc/PID/status (proc(5)). */
export function parseStatus(text: string): { readonly anonymous: number; readonly files: number } {
  const bytes = (name: string): number =>
    1024 * Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(text)?.[1]);
  return { anonymous: bytes("RssAnon"), files: bytes("RssFile") + bytes("RssShmem") };
}

/** What a peer says of its memory. */
export interface Growth {
  /** What was in memory before: Node, the benchmark and the data. */
  readonly node_bytes: number;
  /** Pages of the addon and of the kernels. */
  readonly code_bytes: number;
  /** What else came beside the JavaScript heap: arenas, scratch and stacks. */
  readonly resident_bytes: number;
}

export function growthBetween(before: ResidentSet, after: ResidentSet): Growth {
  return {
    node_bytes: before.own + before.heap + before.files,
    code_bytes: after.files - before.files,
    resident_bytes: after.own - before.own,
  };
}
