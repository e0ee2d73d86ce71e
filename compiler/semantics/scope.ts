/**
 * Names bound in one body. Static `if` and `for` open no scope; the axes of an index notation do, around the
 * scope they stand in.
 */

import type { Span } from "../diagnostics/diagnostic.ts";
import type { Value as GraphValue } from "../graph/node.ts";
import type { DimensionSource, Value } from "./values.ts";

export interface Binding {
  readonly value: Value;
  /** Where the name was bound. */
  readonly span: Span;
  /** The leaf that `<-` assigns, if it may be assigned. */
  readonly cell?: GraphValue;
  /** Of a dimension's name: where its size was decided. */
  readonly source?: DimensionSource | null;
}

/** A name of a loop's body, after the loop. */
export interface LoopName {
  /** Its values in all iterations; nothing if it is none that could be stacked. */
  readonly all: Value | null;
  /** Its value in the last iteration. */
  last(): Value;
}

export class Scope {
  readonly #bindings = new Map<string, Binding>();
  readonly #loopNames = new Map<string, LoopName>();
  readonly #parent: Scope | null;

  constructor(parent: Scope | null = null) {
    this.#parent = parent;
  }

  get(name: string): Binding | undefined {
    return this.#bindings.get(name) ?? this.#parent?.get(name);
  }

  set(name: string, binding: Binding): void {
    this.#bindings.set(name, binding);
  }

  /** What was bound here, and not around. */
  own(): ReadonlyMap<string, Binding> {
    return this.#bindings;
  }

  loopName(name: string): LoopName | undefined {
    return this.#loopNames.get(name) ?? this.#parent?.loopName(name);
  }

  setLoopName(name: string, of: LoopName): void {
    this.#loopNames.set(name, of);
  }

  /** Sets a name where it was bound, or here. */
  rebind(name: string, binding: Binding): void {
    if (!this.#bindings.has(name) && this.#parent?.get(name) !== undefined) {
      this.#parent.rebind(name, binding);
    } else {
      this.set(name, binding);
    }
  }

  names(): string[] {
    return [...this.#bindings.keys(), ...(this.#parent?.names() ?? [])];
  }
}
