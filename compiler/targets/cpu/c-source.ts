/**
 * Generated C as its functions: in one file for people to read, or in parts, which compilers take side by side. Parts are
 * filled with kernels in the order in which those are made, so that one can be compiled while the next are not made yet;
 * what binds kernels to memory and runs them is in the last one.
 */

import type { KernelFunction } from "../../kernel/ir.ts";
import type { Helper } from "./prelude.ts";

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
   * A kernel is called by its tasks alone and a task by functions of graphs, each in the text before its callers; what is
   * exported is called from outside of the library.
   */
  readonly kind: "kernel" | "task" | "exported";
  /** The kernel that it is or calls; null for what calls no kernel. */
  readonly kernel: string | null;
  readonly uses: CUses;
  /** How much there is to compile: lines, with those of functions that the compiler puts in their place. */
  readonly work: number;
}

/**
 * The text of all that some functions are written with, each once. Where that is a part, it defines no function that is
 * called and not inlined, and that is of a name in `elsewhere`: another part does. Those that it defines are added.
 */
export type Definitions = (uses: readonly CUses[], elsewhere?: Set<string>) => readonly string[];

export interface CSource {
  /** Types and functions for all that is no kernel. */
  readonly opening: readonly string[];
  readonly functions: readonly CFunction[];
  readonly definitions: Definitions;
  /** All of its kernels, in their order, where they were put into parts as they were made. */
  readonly parts?: KernelParts | undefined;
}

/** All of it as one file. */
export function wholeText({ opening, functions, definitions }: CSource): string {
  return textOf(
    [...opening, ...definitions(functions.map(({ uses }) => uses))],
    functions.flatMap((fn) => linesOf(fn, fn.kind === "exported" ? "" : "static ")),
  );
}

/** Parts that have kernels alone, each closed as soon as it has so much work. */
export class KernelParts {
  /** Of closed parts, in their order. */
  readonly texts: string[] = [];
  readonly work: number;
  readonly #definitions: Definitions;
  /** Functions that kernels of closed parts call, which those define. */
  readonly defined = new Set<string>();
  /** Those of no part so far. */
  readonly #open: CFunction[] = [];

  constructor(definitions: Definitions, work: number) {
    this.#definitions = definitions;
    this.work = work;
  }

  get open(): readonly CFunction[] {
    return this.#open;
  }

  /** The text of the part that is complete with this kernel, if one is. */
  add(kernel: CFunction): string | undefined {
    this.#open.push(kernel);
    return workOf(this.#open) < this.work ? undefined : this.close();
  }

  close(): string {
    const kernels = this.#open.splice(0);
    const text = textOf(
      [
        ...["#include <stddef.h>", "#include <stdint.h>", ""],
        ...this.#definitions(
          kernels.map(({ uses }) => uses),
          this.defined,
        ),
      ],
      kernels.flatMap((kernel) => linesOf(kernel, hidden)),
    );
    this.texts.push(text);
    return text;
  }
}

/**
 * What makes one library when it is compiled apart and linked: parts of about so much work, which take compilers longer than
 * it takes them to start. The same kernels in the same order always make the same parts.
 */
export function partTexts(source: CSource, work: number): string[] {
  const parts = source.parts?.work === work ? source.parts : filledParts(source, work);
  if (parts.texts.length === 0) return [wholeText(source)];
  // Too few for a part of their own stay with what calls them.
  if (workOf(parts.open) > work / 4) parts.close();
  return [...parts.texts, lastText(source, parts)];
}

function filledParts({ functions, definitions }: CSource, work: number): KernelParts {
  const parts = new KernelParts(definitions, work);
  for (const fn of functions) if (fn.kind === "kernel") parts.add(fn);
  return parts;
}

/** What only other parts of the library see. */
export const hidden = '__attribute__((visibility("hidden"))) ';

/** Graphs go from call to call once a step: they gain nothing of what takes a compiler the longest. */
const unoptimized = '#pragma GCC optimize ("O0")';

/** All but what is in closed parts. */
function lastText({ opening, functions, definitions }: CSource, parts: KernelParts): string {
  const own = new Set(parts.open);
  const kernels = functions.filter(({ kind }) => kind === "kernel");
  const declarations = kernels.filter((fn) => !own.has(fn)).flatMap(declarationOf);
  const calling = functions.filter(({ kind }) => kind !== "kernel");
  return textOf(
    [...opening, ...definitions([...own, ...calling].map(({ uses }) => uses)), ...declarations, ""],
    [
      ...[...own].flatMap((kernel) => linesOf(kernel, "static ")),
      ...functions.flatMap((fn) => (fn.kind === "task" ? linesOf(fn, "static ") : [])),
      ...[unoptimized, ""],
      ...functions.flatMap((fn) => (fn.kind === "exported" ? linesOf(fn, "") : [])),
    ],
  );
}

function declarationOf({ lines }: CFunction): string[] {
  const [first, ...rest] = lines.slice(0, 1 + lines.findIndex((line) => line.endsWith(" {")));
  return [`${hidden}${first}`, ...rest].map((line) => line.replace(/ \{$/, ";"));
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
