import { describe } from "vitest";
import { wgslTarget } from "../../compiler/cli/conformance/compiled-target.ts";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { testReferenceCases } from "./reference-cases.ts";

describe.runIf(hasGpu)(`as WGSL ${needsGpu}`, () => {
  testReferenceCases(wgslTarget);
});
