import { statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

/** Resolves when the file has been written so many more times, and some milliseconds after. */
export async function written(path: string, times: number, milliseconds: number): Promise<void> {
  const stamp = () => statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  for (let left = times, before = stamp(); left > 0; ) {
    await setTimeout(1);
    const now = stamp();
    if (now === before) continue;
    before = now;
    left--;
  }
  await setTimeout(milliseconds);
}
