/**
 * The schedule of contraction groups for warpgroups that multiply matrices in shared memory (compute capability 9.0):
 * persistent workgroups go through tiles of the result. Their last warp or warpgroup, the **producer**, has panels of both
 * operands copied into a ring, as far ahead as there is room, tiles to come included; the others, the **consumers**,
 * multiply panel by panel, then compute the group's maps on the sums and store them, while the ring fills again.
 *
 * Each stage of the ring has two barriers: `full`, that a panel has come, and `empty`, that all consumers have read it.
 * A warpgroup leaves one panel's products under way while it issues the next one's, and hands a stage back when the
 * products after it are issued. The ladder of what each step brings on an H100, bf16, 4096³, cuBLAS 716 TFLOP/s (measured by
 * pranjalssh/fast.cu): copies of boxes and warpgroup products 317; tiles of 128 × 128 423; a producer and a ring 498;
 * 128 × 256 with two consumers and registers taken from the producer 610; persistent, stores beside the next tile's
 * copies, 660; barriers by parity with few arrivals (here one a warp) 704. Clusters, stores by boxes and a better order of
 * tiles, which bring 7% more there, are left out.
 *
 * Registers (65,536): where two consumers have more than 64 sums a thread, the producer is a warpgroup, too. All three
 * start with 168 a thread; the producer keeps 40, so that each thread of the consumers has 232, of which a tile of 64 × 256
 * takes 128 for its sums.
 */

import {
  add,
  constant,
  f32,
  less,
  load,
  multiply,
  operation,
  place,
  quotient,
  remainder,
  subtract,
  symbol,
  when,
} from "../../kernel/build.ts";
import { setRegisters, warpgroupThreads } from "../../kernel/hopper-intrinsics.ts";
import { meetThreads, subgroupThreads } from "../../kernel/intrinsics.ts";
import type { Expression } from "../../kernel/ir.ts";
import { tiledContraction } from "../../optimize/fusion/tiled-contraction.ts";
import type { Group } from "../../optimize/group.ts";
import type { TargetDescription } from "../../optimize/target-description.ts";
import { bodyCost, commentOf, nameOfGroup } from "../cost.ts";
import { KernelBuilder, type ScheduledKernel, type Surroundings } from "../kernel-builder.ts";
import { emitEpilogue, isStaged, stagedBytes } from "./contraction-epilogue.ts";
import { type HopperPlan, planHopperContraction } from "./hopper-plan.ts";
import {
  consumePanels,
  enterRing,
  invocation,
  makeRing,
  mapOperands,
  producePanels,
} from "./hopper-ring.ts";
import { countTiles, placeTile } from "./place-tile.ts";
import type { TileOutputs } from "./tile-outputs.ts";

/** Registers of a thread: what a producer keeps, and what each of two consumers then has. */
const producerRegisters = 40;
const consumerRegisters = 232;

/** The kernel of a group of kind `contraction`; undefined where its operands are no matrices for copies of boxes. */
export function scheduleHopperContraction(
  group: Group,
  surroundings: Surroundings,
  target: TargetDescription,
): ScheduledKernel | undefined {
  const { workgroup } = target;
  if (workgroup?.matrix?.issuedBy !== "fourSubgroups") return undefined;
  const anchor = group.stages.find((stage) => stage.reducer !== null);
  const contraction = anchor && tiledContraction(anchor, surroundings.batchMax);
  if (contraction === undefined) return undefined;
  const plan = planHopperContraction(contraction, workgroup.matrix, workgroup, {
    epilogueBytes: (rows, columns) =>
      isStaged(group, columns / 2) ? stagedBytes(rows / bandCount, columns) : 0,
    outputSeconds: outputSeconds(group, target, workgroup.concurrency),
  });
  if (plan === undefined) return undefined;

  const builder = new KernelBuilder(surroundings);
  const maps = mapOperands(builder, plan);
  const ring = makeRing(builder, plan);
  const tasks = countTiles(contraction, plan.rows, plan.columns);
  const turns = builder.let("turns", turnsOf(tasks));
  const eachTile = (emit: (axes: readonly Expression[]) => void): void =>
    builder.loop("turn", constant(0), turns, (turn) => {
      const number = add(symbol("group"), multiply(turn, symbol("groups")));
      const tile = builder.let("number", number);
      emit(placeTile(builder, contraction, plan.rows, plan.columns, tile).axes);
    });
  const consume = builder.block(() => {
    if (plan.movesRegisters) builder.emit(invocation(setRegisters("increase", consumerRegisters)));
    const sums = builder.local("sums", "f32", plan.columns / 2);
    const at = enterRing(builder, plan);
    eachTile((axes) => {
      consumePanels(builder, plan, ring, at, sums);
      emitEpilogue(builder, group, outputsOf(builder, plan, axes, sums), workgroup);
    });
  });
  const produce = builder.block(() => {
    if (plan.movesRegisters) builder.emit(invocation(setRegisters("decrease", producerRegisters)));
    const copies = builder.block(() => {
      const at = enterRing(builder, plan);
      eachTile((axes) => producePanels(builder, plan, ring, maps, at, axes));
    });
    const isOne = operation("equal", symbol("thread"), constant(plan.consumerThreads));
    builder.emit(when(isOne, copies));
  });
  builder.emit(when(less(symbol("thread"), constant(plan.consumerThreads)), consume, produce));
  const name = nameOfGroup(group, surroundings);
  const { kernel, bindings } = builder.finish(
    name,
    tasks,
    commentOf(group, surroundings),
    plan.threads,
  );
  return { kernel: { ...kernel, isPersistent: true }, bindings };
}

/** Bytes a second that a multiprocessor stores: 64 a cycle at 1.76 GHz. */
const storeBandwidth = 113e9;

/** What one output takes on one multiprocessor: the maps' operations, and what they read and write of four bytes. */
function outputSeconds(
  { stages, writes }: Group,
  { peakFlops }: TargetDescription,
  concurrency: number,
): number {
  const maps = stages.filter(({ reducer }) => reducer === null);
  const operations = maps.reduce((sum, { body }) => sum + bodyCost(body), 0);
  return (operations * concurrency * 2) / peakFlops + (4 * writes.length) / storeBandwidth;
}

/** How many tiles this workgroup has: those from its own number on, as many apart as there are workgroups. */
function turnsOf(tasks: Expression): Expression {
  const left = add(subtract(tasks, symbol("group")), subtract(symbol("groups"), constant(1)));
  return operation("quotient", left, symbol("groups"));
}

/** A thread has two rows of each 16, and bands are of one of them. */
const bandCount = 2;
const bandRows = 8;

/** Which sums a thread has, see `hopper-intrinsics.ts`; warps lie below each other, also those of two warpgroups. */
function outputsOf(
  builder: KernelBuilder,
  { contraction, rows, columns, consumers }: HopperPlan,
  axes: readonly Expression[],
  sums: string,
): TileOutputs {
  const thread = symbol("thread");
  const lane = remainder(thread, subgroupThreads);
  const warp = builder.let("warp", quotient(thread, subgroupThreads));
  const line = builder.let("line", quotient(lane, 4));
  const pair = builder.let("pair", multiply(remainder(lane, 4), constant(2)));
  const warpRow = multiply(warp, constant(bandCount * bandRows));
  const threads = consumers * warpgroupThreads;
  return {
    contraction,
    axes,
    height: rows,
    width: columns,
    threads,
    rows: {
      count: bandCount,
      at: (i) => add(add(warpRow, line), multiply(i, constant(bandRows))),
    },
    columns: {
      count: columns / 4,
      at: (i) => add(add(pair, multiply(quotient(i, 2), constant(8))), remainder(i, 2)),
    },
    run: 2,
    sum: (row, column) => {
      const index = 4 * Math.floor(column / 2) + 2 * row + (column % 2);
      return load(place(sums, constant(index)), f32);
    },
    bands: {
      count: bandCount,
      height: rows / bandCount,
      place: () => add(multiply(warp, constant(bandRows)), line),
      rowAt: (band, at) => {
        const ofWarp = multiply(quotient(at, bandRows), constant(bandCount * bandRows));
        const within = add(multiply(band, constant(bandRows)), remainder(at, bandRows));
        return add(ofWarp, within);
      },
    },
    meeting: invocation(meetThreads(consumers * warpgroupThreads)),
  };
}
