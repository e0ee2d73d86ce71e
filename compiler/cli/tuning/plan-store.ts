/**
 * The plans that `nnc tune` measured, kept in the user's cache: a file for each machine, by its processor, its caches and
 * its C compiler. Builds read it only where they are asked to, with `--tuned`, so that no build depends on it unasked.
 */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../../../runtime/data/atomic-write.ts";
import type { PlanChoice, PlanSource } from "../../optimize/target-description.ts";
import { cacheDirectory } from "../../targets/build-cache.ts";
import { describeCompiler } from "../../targets/cpu/toolchain.ts";
import type { CompileRequest } from "../compile-model.ts";
import { CommandError } from "../failure.ts";
import { describeTarget } from "../machine.ts";
import type { CompileFlags } from "../options.ts";
import type { TargetName } from "../target.ts";

/** Plans of other versions mean something else, or are the best no more. */
const FORMAT = 1;

export interface KeptPlan {
  readonly choice: PlanChoice;
  /** What was measured: of this plan, and of the predicted one. */
  readonly seconds: number;
  readonly predictedPlanSeconds: number;
}

export class PlanStore {
  readonly path: string;
  readonly #machine: Readonly<Record<string, unknown>>;

  private constructor(machine: Readonly<Record<string, unknown>>) {
    this.#machine = machine;
    const key = createHash("sha256").update(JSON.stringify(machine)).digest("hex").slice(0, 32);
    this.path = join(cacheDirectory(), "plans", `${key}.json`);
  }

  /** The plans for this machine, and for the processor that `march` names on it. */
  static async open(march: string | undefined): Promise<PlanStore> {
    const here = describeTarget(undefined);
    const { processor } = describeTarget(march);
    const { cacheBytes } = here;
    const compiler = await describeCompiler();
    const machine = { format: FORMAT, here: here.processor, processor, cacheBytes, compiler };
    return new PlanStore(machine);
  }

  /**
   * By shape; empty if none were measured.
   * @throws CommandError if the file is not one of ours, or no longer whole.
   */
  async read(): Promise<ReadonlyMap<string, KeptPlan>> {
    let text: string;
    try {
      text = await readFile(this.path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
      throw error;
    }
    const plans = plansIn(text);
    if (plans !== undefined) return plans;
    throw new CommandError(
      `the measured plans in ${this.path} cannot be read`,
      "remove the file and run nnc tune again",
    );
  }

  /** Adds to what is kept; what was measured again replaces what was there. */
  async add(measured: ReadonlyMap<string, KeptPlan>): Promise<void> {
    const plans = Object.fromEntries([...(await this.read()), ...measured]);
    const content = { format: FORMAT, machine: this.#machine, plans };
    await writeFileAtomically(this.path, `${JSON.stringify(content, null, 2)}\n`);
  }
}

/**
 * What `--tuned` asks for; undefined without it.
 * @throws CommandError if there is nothing measured to take.
 */
export async function tunedPlans(
  { tuned = false, march }: Pick<CompileRequest, "march"> & Pick<CompileFlags, "tuned">,
  target: TargetName,
): Promise<PlanSource | undefined> {
  if (!tuned) return undefined;
  if (target !== "cpu") {
    throw new CommandError("--tuned takes plans for the CPU", "leave it out, or add --target cpu");
  }
  const store = await PlanStore.open(march);
  const kept = await store.read();
  if (kept.size === 0) {
    throw new CommandError(
      "no plans were measured on this machine with this C compiler",
      "run nnc tune on the model first, or leave --tuned out",
    );
  }
  const byShape = new Map([...kept].map(([shape, { choice }]) => [shape, choice]));
  return { kind: "tuned", byShape };
}

/** undefined if the text is not what `add` writes. */
function plansIn(text: string): ReadonlyMap<string, KeptPlan> | undefined {
  try {
    const { format, plans } = JSON.parse(text) as Record<string, unknown>;
    if (format !== FORMAT || !isRecord(plans)) return undefined;
    const entries = Object.entries(plans);
    return entries.every(([, plan]) => isKept(plan))
      ? new Map(entries as [string, KeptPlan][])
      : undefined;
  } catch {
    return undefined;
  }
}

function isKept(value: unknown): boolean {
  if (!isRecord(value) || !isRecord(value.choice)) return false;
  const { row, rows, vectors, packed, blocks } = value.choice;
  const isBlocks =
    blocks === null || (isRecord(blocks) && isCount(blocks.depth, 0) && isCount(blocks.steps, 1));
  return (
    (row === null || isCount(row, 0)) &&
    isCount(rows, 1) &&
    isCount(vectors, 1) &&
    typeof packed === "boolean" &&
    isBlocks &&
    [value.seconds, value.predictedPlanSeconds].every(Number.isFinite)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown, least: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least;
}
