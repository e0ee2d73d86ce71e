/** The library's declarations with their arguments, those of derived layers too: for tests of the whole vocabulary. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import type { Declaration, Expression, Parameter } from "../../compiler/syntax/ast.ts";
import { parse } from "../../compiler/syntax/parser.ts";

const std = join(import.meta.dirname, "../../compiler/std");

export interface LibraryArgument {
  readonly name: string;
  /** As written; null where it must be given. */
  readonly default: string | null;
}

export interface LibraryName {
  readonly name: string;
  readonly kind: Declaration["kind"];
  readonly file: string;
  /** The first list, or the only one. */
  readonly arguments: readonly LibraryArgument[];
}

/** Every name by itself. */
export function libraryNames(): ReadonlyMap<string, LibraryName> {
  const names = new Map<string, LibraryName>();
  const later: (() => void)[] = [];
  for (const file of readdirSync(std).filter((name) => name.endsWith(".nn"))) {
    const text = readFileSync(join(std, file), "utf8");
    const source = (of: Expression): string => text.slice(of.span.start, of.span.end);
    const listed = (parameters: readonly Parameter[]): LibraryArgument[] =>
      parameters.map(({ name, default: usual }) => ({
        name: name.name,
        default: usual === null ? null : source(usual),
      }));
    for (const declaration of parse({ name: file, text }, new DiagnosticSink()).declarations) {
      if (declaration.kind === "derived-layer") {
        const { base } = declaration;
        later.push(() => {
          const callee = base.kind === "call" ? base.callee : base;
          const from = names.get(callee.kind === "identifier" ? callee.name : "")!;
          const given = base.kind === "call" ? base.arguments : [];
          const taken = new Set(
            given.map((argument, i) => argument.name?.name ?? from.arguments[i]!.name),
          );
          names.set(declaration.name.name, {
            ...from,
            name: declaration.name.name,
            kind: "derived-layer",
            arguments: from.arguments.filter(({ name }) => !taken.has(name)),
          });
        });
        continue;
      }
      if (declaration.kind === "optimizer" && declaration.base?.relation === "extends") {
        const { config, base, name, kind } = declaration;
        later.push(() => {
          const own = listed(config);
          const inherited = names.get(base.name.name)!.arguments;
          const others = inherited.filter((argument) =>
            own.every(({ name }) => name !== argument.name),
          );
          names.set(name.name, { name: name.name, kind, file, arguments: [...own, ...others] });
        });
        continue;
      }
      if (!("config" in declaration) && declaration.kind !== "const") continue;
      const { name, kind } = declaration;
      const own = declaration.kind === "const" ? [] : (declaration.config ?? null);
      const first = own ?? (declaration.kind === "fn" ? declaration.parameters : []);
      names.set(name.name, { name: name.name, kind, file, arguments: listed(first) });
    }
  }
  // A derived layer may stand before what it is made of.
  for (const derive of later) derive();
  return names;
}
