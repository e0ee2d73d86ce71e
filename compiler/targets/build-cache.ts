/**
 * What compilers of the system made, kept in a cache addressed by content (source, flags, compiler and machine), so that
 * the same model is compiled once. Files appear under their names only when complete; an entry that does not match
 * its own checksum is made anew.
 */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, constants, readFile, rename, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { InvariantError } from "../diagnostics/diagnostic.ts";
import { ObjectFiles, runCompiler, UnwritableCacheError } from "./object-files.ts";

/** No compiler, or none that works: the user's to mend, and said so by the command line. */
export class MissingCompilerError extends Error {
  override readonly name = "MissingCompilerError";
}

export interface CacheOptions {
  /** Where compiled files are kept. */
  readonly cacheDirectory?: string;
  /** Names of compilers, `PATH` and `XDG_CACHE_HOME` are read from here. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Called as soon as the compilers run, unless the cache has what they would make: for what else there is to do. */
  readonly whileCompiling?: (() => void) | undefined;
  /** Parts that are being compiled already, in the same way. They stay the caller's, to be removed in the end. */
  readonly begun?: ObjectFiles | undefined;
  /** Otherwise compilers leave the processors to others; by default it is. */
  readonly isUrgent?: boolean;
}

export interface CompiledFile {
  /** In the cache. */
  readonly path: string;
  /** Whether it was there already. */
  readonly isCached: boolean;
}

/** runtime/devices/cuda/image-cache.ts repeats this: trainers keep what NVRTC compiles in the same folder. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment.XDG_CACHE_HOME;
  if (base !== undefined && isAbsolute(base)) return join(base, "nnc");
  const home = environment.HOME ?? homedir();
  return home === "" ? join(tmpdir(), "nnc-cache") : join(home, ".cache", "nnc");
}

/** A call of a compiler. */
export interface Compilation {
  /** As people know it: `C compiler`. */
  readonly what: string;
  readonly compiler: string;
  /** The texts of its files. */
  readonly sources: readonly string[];
  /** Of the files, with the dot. */
  readonly extensions: { readonly source: string; readonly output: string };
  /** The arguments for the paths of what it takes, sources or their objects, and of what is made of it. */
  readonly args: (inputs: readonly string[], output: string) => readonly string[];
  /** The arguments that make an object of one of several sources; that is done for all side by side. */
  readonly objectArgs?: (source: string, object: string) => readonly string[];
  /** All that the result depends on besides the source and the arguments. */
  readonly depends: readonly string[];
  /** What the user has to mend, if that is what the compiler's output says; by default the source is at fault. */
  readonly explain?: (output: string) => string | undefined;
}

/**
 * Compiles, unless the cache has it.
 * @throws MissingCompilerError if `explain` says that the compiler itself lacks something.
 * @throws UnwritableCacheError if the cache takes no files, or no more.
 * @throws InvariantError if the compiler refuses the source, which is kept.
 */
export async function compileCached(
  compilation: Compilation,
  {
    environment = process.env,
    cacheDirectory: given,
    whileCompiling,
    begun,
    isUrgent = true,
  }: CacheOptions,
): Promise<CompiledFile> {
  const { what, compiler, sources, extensions, args, objectArgs, depends, explain } = compilation;
  const directory = given ?? cacheDirectory(environment);
  const key = createHash("sha256")
    .update([...args([], ""), ...(objectArgs?.("", "") ?? []), ...depends, ...sources].join("\0"))
    .digest("hex");
  const path = join(directory, `${key}${extensions.output}`);
  if (await isIntact(path)) return { path, isCached: true };

  const isOne = objectArgs === undefined || sources.length === 1;
  const compileOne = isOne ? (from: string, to: string) => args([from], to) : objectArgs;
  const own = { compiler, extension: extensions.source, directory, environment };
  const parts =
    isOne || begun === undefined ? new ObjectFiles({ ...own, objectArgs: compileOne }) : begun;
  const unfinished = join(parts.folder, `${key}${extensions.output}`);
  try {
    // A process that a compiler starts has the priority that the compiler began with.
    const nice = isUrgent ? undefined : await findProgram("nice", environment.PATH ?? "");
    const through = nice === undefined ? [] : [nice];
    for (const source of sources) parts.begin(source, through);
    whileCompiling?.();
    const objects = parts.objectsOf(sources);
    const failure =
      (await parts.failureOf(sources)) ??
      (isOne
        ? null
        : await runCompiler([...through, compiler, ...args(objects, unfinished)], environment)
            .failure);
    if (failure !== null) {
      const lacking = explain?.(failure);
      if (lacking !== undefined) throw new MissingCompilerError(lacking);
      const full = failure.split("\n").find((line) => line.includes(noSpace));
      if (full !== undefined) throw new UnwritableCacheError(directory, full);
      const kept = sources.map((_, i) => join(directory, `${key}-${i}${extensions.source}`));
      await parts.keepSources(sources, kept);
      throw new InvariantError(
        `the ${what} ${compiler} refused the generated kernels, kept as ${kept.join(", ")}:\n${failure}`,
      );
    }
    if (isOne) await rename(objects[0]!, unfinished);
    await keep(unfinished, path).catch((error: Error) => {
      throw new UnwritableCacheError(directory, error.message, { cause: error });
    });
    return { path, isCached: false };
  } finally {
    if (parts !== begun) await parts.remove();
  }
}

/** How compilers and linkers say in English that a disk is full; in other languages they are quoted as a whole. */
const noSpace = "No space left on device";

/** Moves a file to its place in the cache, once its checksum is there. */
async function keep(unfinished: string, path: string): Promise<void> {
  const checksum = await checksumOf(unfinished);
  await writeFile(`${unfinished}.sha256`, checksum);
  await rename(`${unfinished}.sha256`, `${path}.sha256`);
  await rename(unfinished, path);
}

async function checksumOf(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

/** Whether a file of the cache is there and as it was made. */
export async function isIntact(path: string): Promise<boolean> {
  try {
    return (await readFile(`${path}.sha256`, "utf8")) === (await checksumOf(path));
  } catch {
    return false;
  }
}

/** The path of a program: as given if it has one, else the first on `path`. */
export async function findProgram(name: string, path: string): Promise<string | undefined> {
  const candidates = name.includes("/")
    ? [name]
    : path.split(delimiter).map((directory) => join(directory, name));
  for (const candidate of candidates) {
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not here: the next place may have it.
    }
  }
  return undefined;
}

/**
 * What a compiler says of itself.
 * @throws MissingCompilerError if it does not run.
 */
export async function askCompiler(what: string, compiler: string, flag: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(compiler, [flag], (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(new MissingCompilerError(`the ${what} ${compiler} does not run`));
    });
  });
}
