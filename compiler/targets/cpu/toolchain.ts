/** The system's C compiler: finds it, and compiles a kernel library into a shared object. */

import {
  askCompiler,
  type CacheOptions,
  type CompiledFile,
  cacheDirectory,
  compileCached,
  findProgram,
  MissingCompilerError,
} from "../build-cache.ts";
import { ObjectFiles } from "../object-files.ts";
import { type CSource, partsOf } from "./c-source.ts";

/** A C compiler, which may not yet have said what it is. */
export interface CCompiler {
  readonly path: string;
  /** Its name and version, in its own words. */
  readonly version: Promise<string>;
}

/** Of the compiler `CC` in the environment. */
export interface CompileOptions extends CacheOptions {
  /** That compiler, where it was found before. */
  readonly compiler?: CCompiler;
  /** What the code may assume of the processor, as `-march` takes it; `native` by default. */
  readonly march?: string;
  /** What the code is tuned for, as `-mtune` takes it; `native` by default, which cross compilers do not know. */
  readonly mtune?: string;
  /** Whether vectors of 512 bits are to be used. */
  readonly prefersWideVectors?: boolean;
  /** Describes the processor that the code is tuned for: another one's objects are not reused. */
  readonly processor?: string;
  /** Whether the code runs a few times only, so that compiling it takes longer. Its results are the same bits. */
  readonly isBrief?: boolean;
  /** How much work of a source is worth a call of the compiler of its own; by default all of it is one's. */
  readonly partWork?: number;
}

/**
 * `-ffp-contract=off` keeps every rounding where the kernel IR has it, and the two `-fno-` flags let `sqrt` and
 * `floor` be instructions; none of them changes a result. Integers wrap.
 */
const flags = [
  "-std=gnu11",
  "-fPIC",
  "-fwrapv",
  "-fno-math-errno",
  "-fno-trapping-math",
  "-ffp-contract=off",
  "-fvisibility=default",
  "-w",
] as const;

/**
 * What generated code gains of GCC's -O2: helpers that go lane by lane become instructions, and strict aliasing keeps values in
 * registers. The rest takes more than a third of the time for kernels that are already written in vectors and tiles, and makes
 * none of them faster.
 */
const ofSecondLevel = [
  "-O1",
  "-ftree-loop-vectorize",
  "-fvect-cost-model=very-cheap",
  "-fstrict-aliasing",
  // Comes with vectorized loops: what tiles of overlapping rows read would be carried from step to step, and spilled.
  "-fno-predictive-commoning",
  // A tenth of the time for known bits, and a twentieth for what dominators know, by which none of the kernels measured
  // became faster.
  ...["-fno-tree-bit-ccp", "-fno-tree-dominator-opts"],
  // No kernel throws or is unwound.
  "-fno-asynchronous-unwind-tables",
  // What functions do to memory is looked for in all of a part; few call others, and loops have none but tiles.
  ...["-fno-ipa-pure-const", "-fno-ipa-reference", "-fno-ipa-profile"],
] as const;

/** Not even helpers are inlined, which is most of the text that the compiler would go through. */
const brief = ["-O1", "-Dalways_inline=unused"] as const;

const what = "C compiler";
const sourceExtension = ".c";

/**
 * Compiles C source into a shared object, in parts side by side if it is long.
 * @throws MissingCompilerError if there is no C compiler.
 * @throws InvariantError if the compiler refuses the source, which is kept.
 */
export async function compileLibrary(
  source: CSource | string,
  options: CompileOptions = {},
): Promise<CompiledFile> {
  const { partWork = Number.POSITIVE_INFINITY } = options;
  const sources = typeof source === "string" ? [source] : partsOf(source, partWork);
  const { compiler, version, common } = await callOf(options);
  return compileCached(
    {
      what,
      compiler,
      sources,
      extensions: { source: sourceExtension, output: ".so" },
      args: (from, to) => [...common, "-shared", "-o", to, ...from, "-lm"],
      objectArgs: objectArgs(common),
      depends: [version, options.processor ?? ""],
    },
    options,
  );
}

/**
 * What begins to compile parts of a library that is not known as a whole: for `compileLibrary` with the same options.
 * @throws MissingCompilerError if there is no C compiler.
 */
export async function beginLibrary(options: CompileOptions = {}): Promise<ObjectFiles> {
  const { environment = process.env } = options;
  const { compiler, common } = await callOf(options);
  return new ObjectFiles({
    compiler,
    extension: sourceExtension,
    objectArgs: objectArgs(common),
    directory: options.cacheDirectory ?? cacheDirectory(environment),
    environment,
  });
}

interface CompilerCall {
  readonly compiler: string;
  readonly version: string;
  /** The arguments that all calls have in common. */
  readonly common: readonly string[];
}

async function callOf(options: CompileOptions): Promise<CompilerCall> {
  const { path: compiler, version: asked } =
    options.compiler ?? (await findCCompiler(options.environment));
  const version = await asked;
  const isClang = /\bclang\b/.test(version);
  const optimization = options.isBrief === true ? brief : isClang ? ["-O2"] : ofSecondLevel;
  const common = [
    ...flags,
    ...optimization,
    `-march=${options.march ?? "native"}`,
    `-mtune=${options.mtune ?? "native"}`,
    ...(options.prefersWideVectors === true ? ["-mprefer-vector-width=512"] : []),
  ];
  return { compiler, version, common };
}

function objectArgs(common: readonly string[]) {
  return (from: string, to: string): readonly string[] => [...common, "-c", "-o", to, from];
}

/**
 * Finds the C compiler and asks it what it is: a process, which can run while other things are done.
 * @throws MissingCompilerError if there is none.
 */
export async function findCCompiler(environment = process.env): Promise<CCompiler> {
  const path = await findCompiler(environment);
  const version = askCompiler(what, path, "--version");
  // Said to whoever waits for it.
  version.catch(() => undefined);
  return { path, version };
}

/**
 * What the C compiler says of itself: its name and version.
 * @throws MissingCompilerError if there is none.
 */
export async function describeCompiler(): Promise<string> {
  return (await findCCompiler(process.env)).version;
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
