/** TensorFlow.js with its WebGPU backend. */

import "@tensorflow/tfjs-backend-webgpu";
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

export const open = openOn(
  { dispose, losses, oneHot, ready, setBackend, tensor, tensor1d, train, kinds, sequential },
  "webgpu",
);
