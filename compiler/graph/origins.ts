/** Where nodes come from in the source, beside the graph, so that equal nodes still unify. */

import type { Node, Origin } from "./node.ts";

export class OriginTable {
  /** Lists are shared by nodes of the same origins, and never changed. */
  readonly #origins = new Map<Node, readonly Origin[]>();
  readonly #stack: Origin[] = [];

  /** What `make` makes comes from `origin`, innermost first. */
  from<T>(origin: Origin, make: () => T): T {
    const around = this.#stack.at(-1);
    this.#stack.push(around?.backward ? { ...origin, backward: true } : origin);
    try {
      return make();
    } finally {
      this.#stack.pop();
    }
  }

  /** What `make` makes belongs to the derivative of what is being made. */
  backward<T>(make: () => T): T {
    const origin = this.#stack.at(-1);
    return origin === undefined ? make() : this.from({ ...origin, backward: true }, make);
  }

  /** What `make` makes comes from what it inherits from alone, not from where it is made. */
  inherited<T>(make: () => T): T {
    const around = this.#stack.splice(0);
    try {
      return make();
    } finally {
      this.#stack.push(...around);
    }
  }

  /** In the order they were met. */
  of(node: Node): readonly Origin[] {
    return this.#origins.get(node) ?? none;
  }

  /** Says that a node comes from where things are being made. */
  add(node: Node): void {
    const origin = this.#stack.at(-1);
    if (origin !== undefined) this.#record(node, origin);
  }

  inherit(node: Node, source: Node, backward: boolean): void {
    const origins = this.of(source);
    const own = this.of(node);
    if (origins === own || origins.length === 0) return;
    if (own.length === 0 && !backward) {
      this.#origins.set(node, origins);
      return;
    }
    for (const origin of origins) {
      this.#record(node, backward ? { ...origin, backward: true } : origin);
    }
  }

  #record(node: Node, origin: Origin): void {
    const origins = this.of(node);
    if (!origins.some((known) => isSame(known, origin))) {
      this.#origins.set(node, [...origins, origin]);
    }
  }
}

const none: readonly Origin[] = [];

function isSame(a: Origin, b: Origin): boolean {
  return (
    a === b ||
    (a.span.file === b.span.file &&
      a.span.start === b.span.start &&
      a.span.end === b.span.end &&
      a.path === b.path &&
      a.part === b.part &&
      a.backward === b.backward)
  );
}
