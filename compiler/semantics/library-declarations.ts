/**
 * The declarations of a file of the standard library. A program uses few of them, and the library has no faults to
 * report: each is parsed when it is first asked for.
 */

import type { UnreadDeclaration } from "../syntax/parser.ts";
import type { Declarations, NamedDeclaration } from "./modules.ts";

export class LibraryDeclarations implements Declarations {
  readonly #unread: ReadonlyMap<string, UnreadDeclaration>;
  readonly #read = new Map<string, NamedDeclaration>();

  constructor(unread: readonly UnreadDeclaration[]) {
    this.#unread = new Map(unread.map((declaration) => [declaration.name, declaration]));
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  get(name: string): NamedDeclaration | undefined {
    const known = this.#read.get(name);
    if (known !== undefined) return known;
    const declaration = this.#unread.get(name)?.read() ?? null;
    if (declaration === null || declaration.kind === "import" || declaration.kind === "train") {
      return undefined;
    }
    this.#read.set(name, declaration);
    return declaration;
  }

  keys(): Iterable<string> {
    return this.#unread.keys();
  }

  *[Symbol.iterator](): Iterator<readonly [string, NamedDeclaration]> {
    for (const name of this.keys()) {
      const declaration = this.get(name);
      if (declaration !== undefined) yield [name, declaration];
    }
  }
}
