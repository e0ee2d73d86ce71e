/**
 * The system's C compiler: finds it, compiles a kernel library into a shared object, and keeps what it made in
 * a cache addressed by content (source, flags, compiler and processor), so that the same model is compiled once.
 * Files appear under their names only when complete; an entry that does not match its own checksum is made anew.
 */

import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { access, constants, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { InvariantError } from "../../diagnostics/diagnostic.ts";

/** No C compiler, or none that works: the user's to mend, and said so by the command line. */
export class MissingCompilerError extends Error {
  override readonly name = "MissingCompilerError";
}

export interface CompileOptions {
  /** What the code may assume of the processor, as `-march` takes it; `native` by default. */
  readonly march?: string;
  /** Whether vectors of 512 bits are to be used. */
  readonly prefersWideVectors?: boolean;
  /** Describes the processor that the code is tuned for: another one's objects are not reused. */
  readonly processor?: string;
  /** Where compiled libraries are kept. */
  readonly cacheDirectory?: string;
  /** `CC`, `PATH` and `XDG_CACHE_HOME` are read from here. */
  readonly environment?: NodeJS.ProcessEnv;
}

export interface CompiledLibrary {
  /** Path of the shared object, in the cache. */
  readonly path: string;
  /** Whether it was there already. */
  readonly isCached: boolean;
}

/**
 * `-ffp-contract=off` keeps every rounding where the kernel IR has it, and the two `-fno-` flags let `sqrt` and
 * `floor` be instructions; none of them changes a result. Integers wrap.
 */
const flags = [
  "-std=gnu11",
  "-O2",
  "-shared",
  "-fPIC",
  "-fwrapv",
  "-fno-math-errno",
  "-fno-trapping-math",
  "-ffp-contract=off",
  "-fvisibility=default",
  "-w",
] as const;

export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment.XDG_CACHE_HOME;
  if (base !== undefined && isAbsolute(base)) return join(base, "nnc");
  const home = environment.HOME ?? homedir();
  return home === "" ? join(tmpdir(), "nnc-cache") : join(home, ".cache", "nnc");
}

/**
 * Compiles C source into a shared object.
 * @throws MissingCompilerError if there is no C compiler.
 * @throws InvariantError if the compiler refuses the source, which is kept.
 */
export async function compileLibrary(
  source: string,
  options: CompileOptions = {},
): Promise<CompiledLibrary> {
  const environment = options.environment ?? process.env;
  const compiler = await findCompiler(environment);
  const version = await compilerVersion(compiler);
  const machine = [
    `-march=${options.march ?? "native"}`,
    "-mtune=native",
    ...(options.prefersWideVectors === true ? ["-mprefer-vector-width=512"] : []),
  ];
  const directory = options.cacheDirectory ?? cacheDirectory(environment);
  const key = createHash("sha256")
    .update([...flags, ...machine, version, options.processor ?? "", source].join("\0"))
    .digest("hex");
  const object = join(directory, `${key}.so`);
  if (await isIntact(object)) return { path: object, isCached: true };

  await mkdir(directory, { recursive: true });
  const unique = `${key}.${randomUUID()}`;
  const sourceFile = join(directory, `${unique}.c`);
  const unfinished = join(directory, `${unique}.so`);
  await writeFile(sourceFile, source);
  const failure = await run(compiler, [...flags, ...machine, "-o", unfinished, sourceFile, "-lm"]);
  if (failure !== null) {
    const kept = join(directory, `${key}.c`);
    await rename(sourceFile, kept);
    await rm(unfinished, { force: true });
    throw new InvariantError(
      `the C compiler ${compiler} refused the generated kernels, kept as ${kept}:\n${failure}`,
    );
  }
  await rm(sourceFile, { force: true });
  const checksum = await checksumOf(unfinished);
  await writeFile(`${unfinished}.sha256`, checksum);
  await rename(`${unfinished}.sha256`, `${object}.sha256`);
  await rename(unfinished, object);
  return { path: object, isCached: false };
}

async function checksumOf(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

/** Whether a library of the cache is there and as it was made. */
export async function isIntact(object: string): Promise<boolean> {
  try {
    return (await readFile(`${object}.sha256`, "utf8")) === (await checksumOf(object));
  } catch {
    return false;
  }
}

/** `$CC`, or the first of cc, gcc and clang on the path. */
async function findCompiler(environment: NodeJS.ProcessEnv): Promise<string> {
  const wanted = environment.CC;
  const names = wanted === undefined || wanted === "" ? ["cc", "gcc", "clang"] : [wanted];
  for (const name of names) {
    const path = await findProgram(name, environment.PATH ?? "");
    if (path !== undefined) return path;
  }
  throw new MissingCompilerError(
    wanted === undefined || wanted === ""
      ? "no C compiler was found: install one (Debian: apt-get install gcc), or name it in CC"
      : `the C compiler named in CC, ${wanted}, was not found`,
  );
}

async function findProgram(name: string, path: string): Promise<string | undefined> {
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

async function compilerVersion(compiler: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(compiler, ["--version"], (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(new MissingCompilerError(`the C compiler ${compiler} does not run`));
    });
  });
}

/** What the compiler said if it failed. */
async function run(compiler: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(compiler, [...args], { maxBuffer: 1 << 24 }, (error, _stdout, stderr) => {
      resolve(error === null ? null : stderr || error.message);
    });
  });
}
