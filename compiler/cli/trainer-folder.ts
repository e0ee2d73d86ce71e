/** Writes the folder of a trainer: no trainer is ever half-written, and nothing else is written over. */

import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CommandError } from "./failure.ts";

/** Files of trainers for any target; those of another target than this one's are taken away. */
const TARGET_FILES = [
  ...["kernels.c", "kernels.so"],
  ...["kernels.cu", "kernels.fatbin", "kernels-sm_90a.cu", "kernels-sm_90a.fatbin"],
  ...["nnc.node", "node.js", "data.js", "data.d.ts"],
];

export interface TrainerFolder {
  /** By name, with `/` between folders. */
  readonly texts: Readonly<Record<string, string>>;
  /** Paths of files to copy, by name. */
  readonly copies: Readonly<Record<string, string>>;
}

/**
 * Fills a folder beside the wanted one, then renames.
 * @throws CommandError if something else is there, or it cannot be written.
 */
export async function writeTrainerFolder(folder: string, files: TrainerFolder): Promise<void> {
  await checkReplaceable(folder);
  await fillFolder(folder, files).catch((error: NodeJS.ErrnoException) => {
    if (error.syscall === undefined) throw error;
    throw new CommandError(
      `${folder}: expected to write the trainer, found ${error.message}`,
      "check that the folder can be written to and that the disk has room, or name another with -o",
    );
  });
}

async function fillFolder(folder: string, { texts, copies }: TrainerFolder): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const temporary = await mkdtemp(join(dirname(folder), `.${basename(folder)}-`));
  // What mkdtemp makes is for its owner alone.
  await chmod(temporary, 0o755);
  try {
    const names = [...Object.keys(texts), ...Object.keys(copies)];
    for (const name of names) await mkdir(dirname(join(temporary, name)), { recursive: true });
    for (const [name, text] of Object.entries(texts)) await writeFile(join(temporary, name), text);
    for (const [name, from] of Object.entries(copies)) await copyFile(from, join(temporary, name));
    if (existsSync(folder)) {
      // What else lies there, a checkpoint perhaps, stays; each file is replaced at once.
      for (const name of names) {
        await mkdir(dirname(join(folder, name)), { recursive: true });
        await rename(join(temporary, name), join(folder, name));
      }
      const stale = TARGET_FILES.filter((name) => !(name in texts) && !(name in copies));
      for (const name of stale) await rm(join(folder, name), { force: true });
    } else {
      await rename(temporary, folder);
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Refuses to mix a trainer into a folder of something else. */
async function checkReplaceable(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  const entries = await readdir(folder).catch(() => {
    throw new CommandError(`${folder} is a file`, "name a folder with -o");
  });
  if (entries.length > 0 && !entries.includes("trainer.js")) {
    throw new CommandError(
      `the folder ${folder} holds something else than a trainer`,
      "name a new folder with -o",
    );
  }
}
