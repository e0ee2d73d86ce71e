/**
 * Generated C as its functions: in one file for people to read, or in parts of about the same size, which compilers
 * take side by side. Only tasks are called from another part, by the functions of graphs.
 */

export interface CFunction {
  readonly comment: readonly string[];
  /** From the type of its result to the closing brace. */
  readonly lines: readonly string[];
  /**
   * A kernel is called by its tasks alone and a task by functions of graphs, each in the text before its callers; what is
   * exported is called from outside of the library.
   */
  readonly kind: "kernel" | "task" | "exported";
  /** The kernel that it is or calls; null for what calls no kernel. */
  readonly kernel: string | null;
  /** How much there is to compile: lines, with those of functions that the compiler puts in their place. */
  readonly work: number;
}

export interface CSource {
  /** What functions are written with: types and inline functions. */
  readonly head: readonly string[];
  readonly functions: readonly CFunction[];
}

/** All of it as one file. */
export function wholeText({ head, functions }: CSource): string {
  return textOf(
    head,
    functions.flatMap((fn) => linesOf(fn, fn.kind === "exported" ? "" : "static ")),
  );
}

/** Characters; a shorter part takes longer to start with than it saves. */
const shortestPart = 30_000;

/**
 * The same in at most `most` files, which make one library when they are compiled apart and linked. A kernel is in one
 * part with all of its tasks, so that compilers see the calls of each.
 */
export function partTexts(source: CSource, most: number, shortest = shortestPart): string[] {
  const groups = new Map<string | null, CFunction[]>([[null, []]]);
  for (const fn of source.functions) {
    const group = groups.get(fn.kernel);
    if (group === undefined) groups.set(fn.kernel, [fn]);
    else group.push(fn);
  }
  const count = Math.min(most, Math.floor(sizeOf(source.functions) / shortest));
  if (count < 2) return [wholeText(source)];

  // Most work first, each to the part that has least.
  const works = [...groups].map(([kernel, group]) => {
    return [kernel, group.reduce((sum, { work }) => sum + work, 0)] as const;
  });
  const parts = Array.from({ length: count }, () => ({
    work: 0,
    kernels: new Set<string | null>(),
  }));
  for (const [kernel, work] of works.sort(([, a], [, b]) => b - a)) {
    const part = parts.reduce((least, other) => (other.work < least.work ? other : least));
    part.work += work;
    part.kernels.add(kernel);
  }
  return parts.map(({ kernels }) => partText(source, kernels));
}

const hidden = '__attribute__((visibility("hidden"))) ';

function partText({ head, functions }: CSource, kernels: ReadonlySet<string | null>): string {
  const own = functions.filter(({ kernel }) => kernels.has(kernel));
  const tasks = functions.filter(({ kind, kernel }) => kind === "task" && kernel !== null);
  // Functions of graphs call all tasks.
  const declarations = kernels.has(null)
    ? [...tasks.map(({ lines }) => `${hidden}${lines[0]!.replace(/ \{$/, ";")}`), ""]
    : [];
  const prefixes = {
    kernel: () => "static ",
    task: (fn: CFunction) => (fn.kernel === null ? "static " : hidden),
    exported: () => "",
  } as const;
  return textOf(
    [...head, ...declarations],
    own.flatMap((fn) => linesOf(fn, prefixes[fn.kind](fn))),
  );
}

function linesOf({ comment, lines: [first, ...rest] }: CFunction, prefix: string): string[] {
  return [...comment, `${prefix}${first}`, ...rest, ""];
}

function textOf(head: readonly string[], functions: readonly string[]): string {
  return [...head, ...functions].join("\n");
}

function sizeOf(functions: readonly CFunction[]): number {
  return functions.reduce(
    (sum, { lines }) => lines.reduce((length, line) => length + line.length, sum),
    0,
  );
}
