/**
 * Objects of the parts of a source. Each is begun as soon as its text is there, also by code that does not return until
 * later parts are there too: the compilers are processes of their own. All files lie in a folder, which a process that is
 * ended by force leaves behind: another one removes it when it is a day old.
 */

import { type ChildProcess, execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** How one part is compiled. */
export interface ObjectCompilation {
  readonly compiler: string;
  /** Of a source's file, with the dot. */
  readonly extension: string;
  readonly objectArgs: (source: string, object: string) => readonly string[];
  /** Where the folder lies until the library is made. */
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
}

interface ObjectFile {
  readonly source: string;
  readonly object: string;
  readonly process: ChildProcess;
  /** What the compiler said if it failed. */
  readonly failure: Promise<string | null>;
}

const folderPrefix = "unfinished-";
const abandonedAfter = 24 * 60 * 60 * 1000;

/** The cache takes no files: the user's to mend, and said so by the command line. */
export class UnwritableCacheError extends Error {
  override readonly name = "UnwritableCacheError";

  constructor(directory: string, found: string, options?: ErrorOptions) {
    super(
      `the cache ${directory}: expected to write compiled kernels, found ${found} ` +
        "(give it room, or name another folder in XDG_CACHE_HOME)",
      options,
    );
  }
}

export class ObjectFiles {
  /** For what is made of the objects, too; there as soon as a part was begun. */
  readonly folder: string;
  readonly #compilation: ObjectCompilation;
  /** By the text of the part. */
  readonly #begun = new Map<string, ObjectFile>();

  constructor(compilation: ObjectCompilation) {
    this.#compilation = compilation;
    this.folder = join(compilation.directory, `${folderPrefix}${randomUUID()}`);
  }

  /**
   * Compiles a part, unless that was begun before; returns at once. `through` is for `runCompiler`.
   * @throws UnwritableCacheError if its file cannot be written.
   */
  begin(text: string, through: readonly string[] = []): void {
    if (this.#begun.has(text)) return;
    const { compiler, extension, objectArgs, directory, environment } = this.#compilation;
    const source = join(this.folder, `${this.#begun.size}${extension}`);
    const object = `${source}.o`;
    try {
      mkdirSync(this.folder, { recursive: true });
      writeFileSync(source, text);
    } catch (error) {
      throw new UnwritableCacheError(directory, (error as Error).message, { cause: error });
    }
    const args = objectArgs(source, object);
    // What a compiler that is killed leaves behind goes with the folder.
    const env = { ...environment, TMPDIR: this.folder };
    const { process, failure } = runCompiler([...through, compiler, ...args], env);
    this.#begun.set(text, { source, object, process, failure });
  }

  /** The first failure of a part, or else null; waits for all of them, which must have been begun. */
  async failureOf(texts: readonly string[]): Promise<string | null> {
    const failures = await Promise.all(texts.map((text) => this.#begun.get(text)!.failure));
    return failures.find((failure) => failure !== null) ?? null;
  }

  objectsOf(texts: readonly string[]): string[] {
    return texts.map((text) => this.#begun.get(text)!.object);
  }

  /** Gives the sources of parts names under which they stay. */
  async keepSources(texts: readonly string[], names: readonly string[]): Promise<void> {
    await Promise.all(texts.map((text, i) => rename(this.#begun.get(text)!.source, names[i]!)));
  }

  /** Ends compilers that still run, and removes the folder. */
  async remove(): Promise<void> {
    const files = [...this.#begun.values()];
    this.#begun.clear();
    for (const { process } of files) process.kill();
    await Promise.all(files.map(({ failure }) => failure));
    // What cannot be removed is not to hide why it was made for nothing; it is removed a day later.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
    await removeAbandoned(this.#compilation.directory);
  }
}

/** Folders that processes left behind; what cannot be removed stays. */
async function removeAbandoned(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((name) => name.startsWith(folderPrefix))) {
    const path = join(directory, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (Date.now() - mtimeMs < abandonedAfter) continue;
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

interface RunningCompiler {
  readonly process: ChildProcess;
  /** What it said if it failed. */
  readonly failure: Promise<string | null>;
}

/** Starts a compiler, named before its arguments, after what runs it if that is not to be run directly. */
export function runCompiler(
  [program, ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
): RunningCompiler {
  let said: (failure: string | null) => void;
  const failure = new Promise<string | null>((resolve) => {
    said = resolve;
  });
  const options = { maxBuffer: 1 << 24, env };
  const process = execFile(program!, args, options, (error, stdout, stderr) => {
    said(error === null ? null : stderr || stdout || error.message);
  });
  return { process, failure };
}
