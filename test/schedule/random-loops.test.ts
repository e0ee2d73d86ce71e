/** Random loops on targets. More of them run under `npm run fuzz`. */

import fc from "fast-check";
import { test } from "vitest";
import { randomLoop } from "../semantics/random-loops.ts";
import { checkRandomLoop } from "./check-random-loop.ts";

const seed = 20261122;
const loops = fc.sample(randomLoop, { numRuns: 4, seed }).map((loop, i) => [i, loop] as const);

test.each(loops)(`random loop %i of seed ${seed}`, async (i, loop) => checkRandomLoop(loop, i));
