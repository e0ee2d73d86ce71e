/** Runs the bundled program like `main.ts`, and keeps what was compiled on the way for all runs to come. */

import { Modules } from "./modules.ts";

const modules = new Modules(__dirname);
process.on("exit", () => modules.keepCode());
void modules.loadStart().start();
