import { describe } from "vitest";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { wgslTarget } from "./cases/compiled-target.ts";
import { testReferenceCases } from "./reference-cases.ts";

describe.runIf(hasGpu)(`as WGSL ${needsGpu}`, () => {
  testReferenceCases(wgslTarget);
});
