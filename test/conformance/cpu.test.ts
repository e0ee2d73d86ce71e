import { cpuTarget } from "../../compiler/cli/conformance/compiled-target.ts";
import { testReferenceCases } from "./reference-cases.ts";

testReferenceCases(cpuTarget);
