/**
 * Which loops are one launch, where a step would otherwise launch every kernel of their bodies in every iteration. The
 * blocks of such a launch are all on the device at once and meet at barriers of the grid; where no launch of the body has
 * more than one task, there is one block, and no such barrier.
 *
 * Not taken are bodies with kernels that share out their own tasks or copy boxes of tensors by the machine (what one block
 * stores is not seen by such copies of another without fences of their own), and those that are large: their launches
 * cost little beside what they compute, and each has registers and threads as it needs them.
 */

import type { Kernel } from "../../kernel/ir.ts";
import {
  type GraphFunction,
  type Launch,
  type LaunchTree,
  launchTrees,
} from "../../kernel/module.ts";
import { walkStatements } from "../../kernel/rewrite.ts";
import { canBePart, joinLoop, type LoopTree, launchesIn, phasesOf } from "../join-loops.ts";
import type { Placed } from "../merge-kernels.ts";
import { tasksAtMost } from "../tasks-at-most.ts";
import { type CudaDescription, largeSharedBytes } from "./description.ts";
import { bytesOf } from "./types.ts";

/** Bytes of parameters that every driver takes. */
const parameterBytes = 4096;

/** Kernels of a body, so that compiling what they are joined to does not take much longer than each alone. */
const mostParts = 48;

/**
 * Two trips to the second-level cache and what it takes to count the blocks there, on an H100: an estimate, between what
 * grids of one block a multiprocessor take in the literature on cooperative groups (arXiv:2004.05371 for a V100) and here.
 */
const meetingSeconds = 1e-6;
const meetingSecondsOfBlock = 4e-9;

/** Threads that a multiprocessor runs at once. */
const threadsAtOnce = 2048;

export type JoiningRules = Pick<CudaDescription, "launchSeconds" | "workgroup" | "architecture">;

/** For every loop what launches it as a whole, or null; for loops in one that is launched so, null too. */
export function joinLoops(
  fn: GraphFunction,
  batchMax: number,
  rules: JoiningRules,
): readonly (Placed | null)[] {
  const whole = new Map<number, Placed>();
  const visit = (trees: readonly LaunchTree[], depth: number): void => {
    for (const tree of trees) {
      if (tree.kind === "launch") continue;
      const joined = joinWhole(tree, fn.launches, depth, batchMax, rules);
      if (joined === null) visit(tree.body, depth + 1);
      else whole.set(tree.loop, joined);
    }
  };
  visit(launchTrees(fn), 0);
  return fn.loops.map((_, loop) => whole.get(loop) ?? null);
}

function joinWhole(
  tree: LoopTree,
  launches: readonly Launch[],
  depth: number,
  batchMax: number,
  rules: JoiningRules,
): Placed | null {
  const kernels = launchesIn(tree).map((launch) => launches[launch]!.kernel);
  const threads = Math.max(...kernels.map((kernel) => kernel.threads));
  const atOnce = rules.workgroup!.concurrency * Math.floor(threadsAtOnce / threads);
  const mayJoin = (kernel: Kernel): boolean =>
    canBePart(kernel, threads) &&
    // What takes more blocks than run at once must not leave threads idle.
    (kernel.threads === threads || tasksAtMost(kernel, batchMax) <= atOnce);
  if (kernels.length > mostParts || !kernels.every(mayJoin)) return null;
  const widest = Math.max(...wavesIn(tree, launches).map((wave) => tasksOf(wave, batchMax)));
  const scope = widest === 1 ? "workgroup" : "grid";
  const meeting = meetingSeconds + meetingSecondsOfBlock * Math.min(widest, atOnce);
  if (scope === "grid" && meeting >= rules.launchSeconds) return null;
  const joined = joinLoop(tree, launches, { scope, depth, bytesOf });
  return fits(joined, rules) ? joined : null;
}

function wavesIn(tree: LoopTree, launches: readonly Launch[]): Launch[][] {
  return phasesOf(tree, launches).flatMap((phase) =>
    Array.isArray(phase) ? [phase] : wavesIn(phase, launches),
  );
}

function tasksOf(wave: readonly Launch[], batchMax: number): number {
  return wave.reduce((sum, { kernel }) => sum + tasksAtMost(kernel, batchMax), 0);
}

function fits({ kernel, placements }: Placed, { architecture }: JoiningRules): boolean {
  let sharedBytes = 0;
  walkStatements(kernel.body, (s) => {
    if (s.kind !== "buffer" || s.scope !== "shared") return;
    sharedBytes += Math.ceil((s.elements * bytesOf(s.dtype)) / 16) * 16;
  });
  // Pointers, the step and n.
  const bytes = 8 * (placements.filter(({ kind }) => kind !== "scalar").length + 2);
  return sharedBytes <= largeSharedBytes[architecture] && bytes <= parameterBytes;
}
