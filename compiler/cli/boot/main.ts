/** The first module of the bundled program, `dist/cli/main.js`. */

import { Modules } from "./modules.ts";

void new Modules(__dirname).loadStart().start();
