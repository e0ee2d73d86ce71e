/**
 * Source files as modules: what each declares and imports, loaded where first needed. A name that a file
 * neither declares nor imports is looked up in the standard library, whose files are parsed only then.
 */

import { posix } from "node:path";
import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { DiagnosticSink } from "../diagnostics/diagnostic.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type { Declaration, ImportDeclaration, ParsedFile, SourceFile } from "../syntax/ast.ts";
import { cutLibrary, parse } from "../syntax/parser.ts";
import { LibraryDeclarations } from "./library-declarations.ts";

/** Where the texts come from; paths are those of `import`, relative to the importing file. */
export interface SourceHost {
  readFile(path: string): string | undefined;
  readStd(name: string): string | undefined;
  /** Of a file of the library with this text the declarations, in their order and as JSON; none where they were not kept. */
  keptStd?(name: string, text: string): readonly string[] | undefined;
  /** Paths of the `.nn` files in the folder of `path`, for hints; none where the host cannot tell. */
  filesBeside?(path: string): readonly string[];
}

export type NamedDeclaration = Exclude<Declaration, ImportDeclaration | { kind: "train" }>;

/** What a file declares, by name. */
export interface Declarations extends Iterable<readonly [string, NamedDeclaration]> {
  has(name: string): boolean;
  get(name: string): NamedDeclaration | undefined;
  keys(): Iterable<string>;
}

export interface Module {
  readonly file: string;
  readonly isStd: boolean;
  /** All of a user's file; nothing of the library's, whose declarations are read as they are asked for. */
  readonly parsed: ParsedFile;
  readonly declarations: Declarations;
  readonly imports: ReadonlyMap<string, Resolved>;
}

export interface Resolved {
  readonly module: Module;
  readonly declaration: NamedDeclaration;
}

/** Std files are named so that no file of a user's is taken for one. */
export const stdPrefix = "std:";

export class ModuleLoader {
  readonly #host: SourceHost;
  readonly #sink: DiagnosticSink;
  readonly #modules = new Map<string, Module>();
  #stdNames: ReadonlyMap<string, string> | undefined;

  constructor(host: SourceHost, sink: DiagnosticSink) {
    this.#host = host;
    this.#sink = sink;
  }

  /** Every module loaded so far, in order of loading. */
  get loaded(): Iterable<Module> {
    return this.#modules.values();
  }

  /** A user's file, or nothing where it cannot be read. */
  load(path: string): Module | undefined {
    const known = this.#modules.get(path);
    if (known !== undefined) return known;
    const text = this.#host.readFile(path);
    return text === undefined ? undefined : this.#parse(path, text);
  }

  /** The file that a path to none most probably meant. */
  nearestFile(path: string): string | undefined {
    const names = new Map(
      (this.#host.filesBeside?.(path) ?? []).map((other) => [posix.basename(other), other]),
    );
    const best = nearest(posix.basename(path), names.keys());
    return best === undefined ? undefined : names.get(best);
  }

  /** What a name at the top level of a module means; own names hide imported ones, these the library's. */
  resolve(module: Module, name: string): Resolved | undefined {
    const own = module.declarations.get(name);
    if (own !== undefined) return { module, declaration: own };
    return module.imports.get(name) ?? this.resolveStd(name);
  }

  resolveStd(name: string): Resolved | undefined {
    const file = this.stdNames.get(name);
    if (file === undefined) return undefined;
    const path = `${stdPrefix}${file}`;
    let module = this.#modules.get(path);
    if (module === undefined) {
      const text = this.#host.readStd(file);
      if (text === undefined) return undefined;
      module = this.#openStd({ name: path, text }, this.#host.keptStd?.(file, text));
      this.#modules.set(path, module);
    }
    const declaration = module.declarations.get(name);
    return declaration === undefined ? undefined : { module, declaration };
  }

  /** Every name of the library and the file that declares it. */
  get stdNames(): ReadonlyMap<string, string> {
    if (this.#stdNames === undefined) {
      const text = this.#host.readStd("names.json") ?? "{}";
      this.#stdNames = new Map(Object.entries(JSON.parse(text) as Record<string, string>));
    }
    return this.#stdNames;
  }

  /** Every name that the top level of a module can see. */
  visibleNames(module: Module): string[] {
    return [...module.declarations.keys(), ...module.imports.keys(), ...this.stdNames.keys()];
  }

  #openStd(file: SourceFile, kept: readonly string[] | undefined): Module {
    return {
      file: file.name,
      isStd: true,
      parsed: { file, declarations: [] },
      declarations: new LibraryDeclarations(cutLibrary(file, this.#sink, kept)),
      imports: new Map(),
    };
  }

  #parse(path: string, text: string): Module {
    const parsed = parse({ name: path, text }, this.#sink);
    const declarations = new Map<string, NamedDeclaration>();
    const imports = new Map<string, Resolved>();
    const module: Module = { file: path, isStd: false, parsed, declarations, imports };
    // Files that import each other find this one, with the declarations it has by then.
    this.#modules.set(path, module);
    for (const declaration of parsed.declarations) {
      if (declaration.kind === "import" || declaration.kind === "train") continue;
      const { name, span } = declaration.name;
      const first = declarations.get(name);
      if (first === undefined) {
        declarations.set(name, declaration);
      } else {
        this.#sink.report(
          diagnostics.duplicateDeclaration(
            span,
            { name },
            { labels: [{ span: first.name.span, text: "first declared here" }] },
          ),
        );
      }
    }
    for (const declaration of parsed.declarations) {
      if (declaration.kind === "import") this.#import(declaration, module, imports);
    }
    return module;
  }

  #import(declaration: ImportDeclaration, into: Module, imports: Map<string, Resolved>): void {
    const path = posix.normalize(posix.join(posix.dirname(into.file), declaration.path.value));
    const module = this.load(path);
    if (module === undefined) {
      const advice = `the path is relative to this file, so it would be \`${path}\``;
      const best = this.nearestFile(path);
      this.#sink.report(
        diagnostics.fileNotFound(declaration.path.span, {
          path: declaration.path.value,
          nearest: best && posix.relative(posix.dirname(into.file), best),
          advice,
        }),
      );
      return;
    }
    if (declaration.names === null) {
      for (const [name, imported] of module.declarations) {
        imports.set(name, { module, declaration: imported });
      }
      return;
    }
    for (const { name, alias } of declaration.names) {
      const imported = module.declarations.get(name.name);
      if (imported === undefined) {
        this.#sink.report(
          diagnostics.unknownImport(name.span, {
            name: name.name,
            path: declaration.path.value,
            nearest: nearest(name.name, module.declarations.keys()),
          }),
        );
      } else {
        imports.set(alias.name, { module, declaration: imported });
      }
    }
  }
}
