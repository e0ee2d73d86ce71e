/** Keeps the syntax trees of the library, for `kept-trees.ts`. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DiagnosticSink, invariant } from "../diagnostics/diagnostic.ts";
import { stdPrefix } from "../semantics/modules.ts";
import { cutLibrary } from "../syntax/parser.ts";
import { writeTrees } from "./kept-trees.ts";

/** Of the library's files in the folder `std`, in `folder`. */
export function keepTrees(std: string, folder: string): void {
  for (const name of readdirSync(std).filter((name) => name.endsWith(".nn"))) {
    const text = readFileSync(join(std, name), "utf8");
    const sink = new DiagnosticSink();
    const declarations = cutLibrary({ name: `${stdPrefix}${name}`, text }, sink).map((unread) => {
      const declaration = unread.read();
      invariant(declaration !== null, `${unread.name} of the library does not parse`);
      return declaration;
    });
    writeTrees(folder, { name, text }, declarations);
  }
}
