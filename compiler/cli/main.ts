#!/usr/bin/env node
/** The `nnc` program as one module of many; what people run is the bundle, which begins with `boot/main.ts`. */

import { start } from "./start.ts";

await start();
