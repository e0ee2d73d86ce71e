/** A program as `compile` would give it, small enough to write by hand; its kernels are C. */

import type { CompiledProgram } from "../../compiler/compiled-program.ts";
import { lineDefinition } from "../runtime/training/fake-model.ts";

export const smallProgram: CompiledProgram = {
  plan: lineDefinition().plan,
  code: {
    target: "cpu",
    c: { opening: ["/* kernels */"], launching: [], stages: [], definitions: () => [] },
  },
  functions: {
    prelude: `function half(x) {
  return x / 2;
}

function fill(to, a, c) {
  for (let i = 0; i < c; i++) {
    to[i] = half(a);
  }
}`,
    initialize: `const w = new Float64Array(1);
fill(w, 1 + seed / 500, 1);
return { "Line/w": new Float32Array(w) };`,
    stepScalars: `switch (graph) {
  case "train":
    return [hypers["learning_rate"], 1 - 0.5 ** counters.t];
  default:
    return [];
}`,
    readMetrics: `const loss = read("metric/loss")[0] / read("metric/count")[0];
return { loss };`,
  },
  kernels: [],
  timings: [],
  printed: [],
};
