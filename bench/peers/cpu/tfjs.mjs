/** TensorFlow.js with its WebAssembly backend. */

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import {
  dispose,
  losses,
  oneHot,
  ready,
  setBackend,
  tensor,
  tensor1d,
  train,
} from "@tensorflow/tfjs-core";
import { layers as kinds, sequential } from "@tensorflow/tfjs-layers";
import { openOn } from "../tfjs.mjs";

setWasmPaths(
  `${dirname(fileURLToPath(import.meta.resolve("@tensorflow/tfjs-backend-wasm/package.json")))}/wasm-out/`,
);
// In Node it computes on one, whatever is asked for.
setThreadsCount(1);

export const open = openOn(
  { dispose, losses, oneHot, ready, setBackend, tensor, tensor1d, train, kinds, sequential },
  "wasm",
);
