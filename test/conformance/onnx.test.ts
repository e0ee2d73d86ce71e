/**
 * ONNX' backend cases, compiled for the CPU. Left to `npm run conformance` are those of the category `light`, big classic
 * networks that take seconds each, and the other targets.
 */

import { cpuTarget } from "./cases/compiled-target.ts";
import { testReferenceCases } from "./reference-cases.ts";

testReferenceCases(cpuTarget, {
  families: ["onnx"],
  only: ({ category }) => category !== "light",
  lacking: ["tensors without elements", "numbers that are infinite in float32"],
});
