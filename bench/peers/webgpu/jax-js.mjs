/** jax-js with its WebGPU backend. */

import { defaultDevice, init, jit, lax, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import { openOn } from "../jax-js.mjs";

export const open = openOn({ defaultDevice, init, jit, lax, nn, np, valueAndGrad }, "webgpu");
