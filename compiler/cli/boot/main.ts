/** The first module of the bundled program, `dist/cli/main.js`. */

import { setFlagsFromString } from "node:v8";
import { Modules } from "./modules.ts";

/**
 * Bytes of bytecode that a function runs before V8 optimizes it: many times as many as by default. A compilation runs most
 * of the compiler a few times only, and V8 spent more on optimizing that, on the processors that compile kernels, than it
 * took to run. What trains is hot, and gets there within milliseconds all the same.
 */
const interruptBudget = 1_000_000;

// Not before the compiler is there: V8 takes code, Node's own too, only under the flags that it was kept under.
const modules = new Modules(__dirname, (name) => {
  if (name.startsWith("compile-model")) {
    setFlagsFromString(`--interrupt-budget=${interruptBudget}`);
  }
});
void modules.loadStart().start();
