/** Random programs as the passes leave them, ready to be run by a device of some kind. */

import type { MatrixUnits } from "../../compiler/optimize/target-description.ts";
import { type PassesResult, runPasses } from "../../compiler/passes.ts";
import type { LoweredProgram } from "../../compiler/semantics/program.ts";
import { alternativeOf } from "../../compiler/targets/alternative.ts";
import type { CpuDescription } from "../../compiler/targets/cpu/description.ts";
import type { CudaDescription } from "../../compiler/targets/cuda/description.ts";
import type { WgslDescription } from "../../compiler/targets/wgsl/description.ts";
import { planTrainer } from "../../compiler/trainer-plan.ts";
import type { Device } from "../../runtime/devices/device.ts";
import type { TrainerPlan } from "../../runtime/plan.ts";

export interface CompiledCase {
  readonly target: ProgramRunner["target"];
  readonly program: LoweredProgram;
  readonly passes: PassesResult;
  readonly plan: TrainerPlan;
}

/** Ways to open a device of a program, by what tells them apart. All of them must give the same bits. */
export type Variants = ReadonlyMap<string, () => Promise<Device>>;

/** What random programs are tested on. */
export interface ProgramRunner {
  readonly target: CpuDescription | WgslDescription | CudaDescription;
  /** Prints and compiles them all at once; gives the variants of each. */
  prepare(cases: readonly CompiledCase[]): Promise<readonly Variants[]>;
  /** Removes what `prepare` left on disk, if anything. */
  dispose(): Promise<void>;
}

/** What a target's kernels may round the operands of products to, null for nothing. */
export function roundedOperands({
  workgroup,
}: ProgramRunner["target"]): MatrixUnits["operands"] | null {
  return workgroup?.matrix?.operands ?? null;
}

/** Takes a program through the passes, which leave traces in its context: a program can be compiled once. */
export function compileCase(
  program: LoweredProgram,
  target: ProgramRunner["target"],
  { fusion }: { readonly fusion: boolean },
): CompiledCase {
  const passes = runPasses(program, () => "random.nn", {
    target,
    alternative: alternativeOf(target),
    fusion,
    verify: true,
  });
  const plan = planTrainer(program, passes, { target: target.name, requiredFeatures: [] });
  return { target, program, passes, plan };
}
