/**
 * Generated C as its functions: in one file for people to read, or in parts, which compilers take side by side. Parts are
 * filled with kernels in the order in which those are made, so that one can be compiled while the next are not made yet.
 * Graphs come in stages: what launches kernels is in the last part of each, so that the parts up to there make a library of
 * the graphs so far.
 */

import type { KernelFunction } from "../../kernel/ir.ts";
import type { Helper } from "./prelude.ts";
import { batchType } from "./step-header.ts";

/** What a function is written with: helpers, and functions that it calls itself. */
export interface CUses {
  readonly helpers: readonly Helper[];
  readonly functions: readonly KernelFunction[];
}

export const noUses: CUses = { helpers: [], functions: [] };

export interface CFunction {
  readonly comment: readonly string[];
  /** From the type of its result to the closing brace. */
  readonly lines: readonly string[];
  /**
   * A task is what launches kernels for functions of graphs, which are exported: called from outside of the library. What loops
   * of a step repeat calls no other task, and stands before those.
   */
  readonly kind: "kernel" | "repeatedTask" | "task" | "exported";
  /** The kernel that it is, or those that it launches. */
  readonly kernels: readonly string[];
  readonly uses: CUses;
  /** How much there is to compile: lines, with those of functions that the compiler puts in their place. */
  readonly work: number;
}

/**
 * The text of all that some functions are written with, each once. Where that is a part, it defines no function that is
 * called and not inlined, and that is of a name in `elsewhere`: another part does. Those that it defines are added.
 */
export type Definitions = (uses: readonly CUses[], elsewhere?: Set<string>) => readonly string[];

/** Functions of some graphs, with the kernels that no graph of an earlier stage launches, each before what calls it. */
export interface CStage {
  /** Types and functions for all that is no kernel. */
  readonly opening: readonly string[];
  /** What its graphs call to launch kernels. */
  readonly launching: readonly CFunction[];
  readonly functions: readonly CFunction[];
}

export interface CSource {
  /** The same for all stages. */
  readonly opening: readonly string[];
  readonly launching: readonly CFunction[];
  readonly stages: readonly CStage[];
  readonly definitions: Definitions;
  /** All of its stages, where they were put into parts as they were made. */
  readonly parts?: MadeParts | undefined;
}

/** Texts of parts in their order; a part of kernels alone has so much work. */
export interface MadeParts {
  readonly work: number;
  readonly texts: readonly string[];
}

/** All of it as one file. */
export function wholeText({ opening, launching, stages, definitions }: CSource): string {
  const functions = [...launching, ...stages.flatMap((stage) => stage.functions)];
  return textOf(
    [...opening, ...definitions(functions.map(({ uses }) => uses))],
    functions.flatMap((fn) => linesOf(fn, fn.kind === "exported" ? "" : "static ")),
  );
}

/** Parts of a library, which are compiled apart and linked. */
export class LibraryParts {
  /** Of closed parts. */
  readonly #texts: string[] = [];
  readonly #work: number;
  readonly #definitions: Definitions;
  /** Functions that kernels of closed parts call, which those define. */
  readonly #defined = new Set<string>();
  readonly #kernels: CFunction[] = [];
  /** Kernels of no part so far. */
  #open: CFunction[] = [];

  constructor(definitions: Definitions, work: number) {
    this.#definitions = definitions;
    this.#work = work;
  }

  /** All parts so far: after the graphs of a stage, a library of all stages up to there. */
  soFar(): MadeParts {
    return { work: this.#work, texts: [...this.#texts] };
  }

  /** The text of the part that is complete with this kernel, if one is. */
  addKernel(kernel: CFunction): string | undefined {
    this.#kernels.push(kernel);
    this.#open.push(kernel);
    return workOf(this.#open) < this.#work ? undefined : this.#closeKernels();
  }

  /** What else there is of a stage whose kernels were added: gives the texts that complete it. */
  addGraphs({ opening, launching, functions }: CStage): readonly string[] {
    const from = this.#texts.length;
    // Too few for a part of their own stay with what calls them.
    if (workOf(this.#open) > this.#work / 4) this.#closeKernels();
    const kernels = this.#open;
    this.#open = [];
    const calling = [...launching, ...functions.filter(({ kind }) => kind !== "kernel")];
    const linesOfKind = (kind: CFunction["kind"], prefix: string): string[] =>
      calling.flatMap((fn) => (fn.kind === kind ? linesOf(fn, prefix) : []));
    const launched = new Set(calling.flatMap((fn) => fn.kernels));
    const declared = this.#kernels.filter(
      (fn) => launched.has(fn.kernels[0]!) && !kernels.includes(fn),
    );
    this.#close(
      [...opening],
      [...kernels, ...calling],
      [
        ...declared.map(declarationOf),
        "",
        ...kernels.flatMap((kernel) => linesOf(kernel, hidden)),
        ...linesOfKind("repeatedTask", "static "),
        ...[unoptimized, ""],
        ...linesOfKind("task", "static "),
        ...linesOfKind("exported", ""),
      ],
    );
    return this.#texts.slice(from);
  }

  #closeKernels(): string {
    const kernels = this.#open;
    this.#open = [];
    return this.#close(
      ["#include <stddef.h>", "#include <stdint.h>", "", ...batchType],
      kernels,
      kernels.flatMap((kernel) => linesOf(kernel, hidden)),
    );
  }

  #close(
    opening: readonly string[],
    functions: readonly CFunction[],
    lines: readonly string[],
  ): string {
    const definitions = this.#definitions(
      functions.map(({ uses }) => uses),
      this.#defined,
    );
    const text = textOf([...opening, ...definitions], lines);
    this.#texts.push(text);
    return text;
  }
}

/**
 * Parts of about so much work, which take compilers longer than it takes them to start: one if there is no more, unless it
 * was put into parts before. The same functions in the same order always make the same parts.
 */
export function partsOf(source: CSource, work: number): readonly string[] {
  if (source.parts?.work === work) return source.parts.texts;
  const { stages, definitions } = source;
  const kernels = stages.map(({ functions }) => functions.filter(({ kind }) => kind === "kernel"));
  if (workOf(kernels.flat()) < work) return [wholeText(source)];
  const parts = new LibraryParts(definitions, work);
  for (const [i, stage] of stages.entries()) {
    for (const kernel of kernels[i]!) parts.addKernel(kernel);
    parts.addGraphs(stage);
  }
  return parts.soFar().texts;
}

/** What only other parts of the library see. */
export const hidden = '__attribute__((visibility("hidden"))) ';

/** Graphs go from launch to launch once a step, as tasks do: they gain nothing of what takes a compiler the longest. */
const unoptimized = '#pragma GCC optimize ("O0")';

/** Kernels are launched without knowing what they take. */
function declarationOf({ lines: [first] }: CFunction): string {
  return `${hidden}${first!.slice(0, first!.indexOf("("))}();`;
}

function workOf(functions: readonly CFunction[]): number {
  return functions.reduce((sum, { work }) => sum + work, 0);
}

function linesOf({ comment, lines: [first, ...rest] }: CFunction, prefix: string): string[] {
  return [...comment, `${prefix}${first}`, ...rest, ""];
}

function textOf(head: readonly string[], functions: readonly string[]): string {
  return [...head, ...functions].join("\n");
}
