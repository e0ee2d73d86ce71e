/**
 * Loads the modules of the bundled program, which `bundle.mjs` has made functions of what CommonJS gives a module, with
 * the code that V8 compiled of them when nnc was installed: a start would spend most of its time on compiling that
 * again. V8 checks that the code is of its own version and of this source, and compiles anew where it is not.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Script } from "node:vm";

interface Start {
  readonly start: () => Promise<void>;
}

type ModuleFunction = (
  exports: object,
  require: (name: string) => unknown,
  module: { exports: object },
  url: string,
  /** For what is no module of the bundle. */
  importModule: (url: string) => Promise<unknown>,
) => void;

interface LoadedModule {
  readonly script: Script;
  readonly module: { exports: object };
}

export class Modules {
  readonly #folder: string;
  readonly #onLoaded: ((name: string) => void) | undefined;
  readonly #loaded = new Map<string, LoadedModule>();
  readonly #require: (name: string) => unknown;

  /** `onLoaded` gets the names of modules that are loaded, with all that they load themselves. */
  constructor(folder: string, onLoaded?: (name: string) => void) {
    this.#folder = folder;
    this.#onLoaded = onLoaded;
    const require = createRequire(join(folder, "main.js"));
    this.#require = (name) => (name.startsWith("./") ? this.#load(name.slice(2)) : require(name));
  }

  loadStart(): Start {
    return this.#load("start.js") as Start;
  }

  /** Writes the code of all modules so far beside them, what was compiled when it was first called included. */
  keepCode(): void {
    for (const [name, { script }] of this.#loaded) {
      writeFileSync(codePath(join(this.#folder, name)), script.createCachedData());
    }
  }

  #load(name: string): object {
    const known = this.#loaded.get(name);
    if (known !== undefined) return known.module.exports;
    const path = join(this.#folder, name);
    const script = new Script(readFileSync(path, "latin1"), {
      filename: path,
      cachedData: readCode(path),
    });
    const module = { exports: {} };
    this.#loaded.set(name, { script, module });
    const run = script.runInThisContext() as ModuleFunction;
    const importModule = (url: string) => import(url);
    run(module.exports, this.#require, module, pathToFileURL(path).href, importModule);
    this.#onLoaded?.(name);
    return module.exports;
  }
}

function codePath(path: string): string {
  return `${path}.code`;
}

function readCode(path: string): Buffer | undefined {
  try {
    return readFileSync(codePath(path));
  } catch {
    return undefined;
  }
}
