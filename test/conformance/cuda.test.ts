import { describe } from "vitest";
import { emulatedCuda, hasEmulation, needsEmulation } from "../cuda/emulation.ts";
import { cudaTarget } from "./cases/compiled-target.ts";
import { testReferenceCases } from "./reference-cases.ts";

if (hasEmulation) Object.assign(process.env, (await emulatedCuda()).environment);

describe.runIf(hasEmulation)(`as CUDA on the emulation ${needsEmulation}`, () => {
  testReferenceCases(cudaTarget);
});
