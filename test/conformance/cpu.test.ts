import { cpuTarget } from "./cases/compiled-target.ts";
import { testReferenceCases } from "./reference-cases.ts";

testReferenceCases(cpuTarget);
