/**
 * The ring of panels between the warp that has them copied and the warpgroups that multiply them. Both go round it by
 * themselves, over all panels of all their tiles, and know by the parity of a stage's barriers which turn it is in:
 *
 *     producer, one thread                          consumers, each warpgroup
 *     await empty[stage], parity ^ 1                await full[stage], parity
 *     announce bytes to full[stage]                 issue products of the stage
 *     copy boxes to the stage, telling full         await the products of the stage before
 *                                                   arrive at empty of the stage before, each warp
 */

import {
  add,
  ceilQuotient,
  constant,
  less,
  multiply,
  operation,
  place,
  quotient,
  remainder,
  select,
  symbol,
  when,
} from "../../kernel/build.ts";
import {
  arriveAtBarrier,
  awaitBarrier,
  awaitProducts,
  commitProducts,
  copyBox,
  expectBytes,
  finishProducts,
  initBarrier,
  lineBytes,
  operandElement,
  publishBarriers,
  startProducts,
  warpgroupThreads,
} from "../../kernel/hopper-intrinsics.ts";
import { subgroupThreads } from "../../kernel/intrinsics.ts";
import type { Address, Argument, Expression, KernelFunction, Statement } from "../../kernel/ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { extentValue } from "../micro-kernel.ts";
import { boxesOf, coordinatesOf } from "./hopper-operand.ts";
import type { BoxPanel, HopperPlan } from "./hopper-plan.ts";

/** Names in shared memory. */
export interface Ring {
  readonly left: string;
  readonly right: string;
  readonly full: string;
  readonly empty: string;
}

/** Where one of those who go round the ring is. */
interface RingPlace {
  readonly stage: Expression;
  readonly parity: Expression;
  readonly advance: () => void;
}

/** Words of a barrier. */
const barrierWords = 2;

/** One thread of each subgroup says that all of it have read a panel. */
const isFirst = operation("equal", remainder(symbol("thread"), subgroupThreads), constant(0));

export function invocation(fn: KernelFunction, ...args: readonly Argument[]): Statement {
  return { kind: "invoke", function: fn, args };
}

function address(buffer: string, index: Expression): Address {
  return { kind: "address", place: place(buffer, index) };
}

/** The ring in shared memory, empty; all threads have to meet before its barriers are used. */
export function makeRing(builder: KernelBuilder, plan: HopperPlan): Ring {
  const { type, stages, left, right, consumerThreads } = plan;
  const readers = constant(consumerThreads / subgroupThreads);
  const element = operandElement[type];
  const ring: Ring = {
    left: builder.shared("left_panels", element, stages * left.elements),
    right: builder.shared("right_panels", element, stages * right.elements),
    full: builder.shared("full", "u32", stages * barrierWords),
    empty: builder.shared("empty", "u32", stages * barrierWords),
  };
  const barriers = Array.from({ length: stages }, (_, stage) => [
    invocation(initBarrier, address(ring.full, constant(stage * barrierWords)), constant(1)),
    invocation(initBarrier, address(ring.empty, constant(stage * barrierWords)), readers),
  ]).flat();
  const isOne = operation("equal", symbol("thread"), constant(0));
  builder.emit(when(isOne, [...barriers, invocation(publishBarriers)]));
  builder.emit({ kind: "barrier" });
  return ring;
}

/** At the first stage in the first turn. */
export function enterRing(builder: KernelBuilder, { stages }: HopperPlan): RingPlace {
  const stage = builder.mutable("stage", constant(0));
  const parity = builder.mutable("parity", constant(0));
  return {
    stage: stage.value,
    parity: parity.value,
    advance: () => {
      const next = builder.let("next", add(stage.value, constant(1)));
      const isRound = builder.let("is_round", operation("equal", next, constant(stages)));
      builder.assign(stage.name, select(isRound, constant(0), next));
      const turned = operation("xor", parity.value, constant(1));
      builder.assign(parity.name, select(isRound, turned, parity.value));
    },
  };
}

function barrierAt(buffer: string, stage: Expression): Address {
  return address(buffer, multiply(stage, constant(barrierWords)));
}

function panelCount({ contraction, depth }: HopperPlan): Expression {
  return ceilQuotient(extentValue(contraction.sum.extent), depth);
}

/** The tensor maps of both operands. */
export interface OperandMaps {
  readonly left: string;
  readonly right: string;
}

export function mapOperands(
  builder: KernelBuilder,
  { type, left, right }: HopperPlan,
): OperandMaps {
  const map = ({ operand, lines }: BoxPanel): string =>
    builder.tensorMap(operand.value, operand.offset, boxesOf(operand, lines, type));
  return { left: map(left), right: map(right) };
}

/** Has all panels of the tile at `axes` copied, as stages become free; for one thread. */
export function producePanels(
  builder: KernelBuilder,
  plan: HopperPlan,
  ring: Ring,
  maps: OperandMaps,
  at: RingPlace,
  axes: readonly Expression[],
): void {
  const { contraction, depth, left, right, type } = plan;
  const elementBytes = lineBytes / depth;
  const bytes = (left.elements + right.elements) * elementBytes;
  builder.loop("panel", constant(0), panelCount(plan), (panel) => {
    const other = operation("xor", at.parity, constant(1));
    const full = barrierAt(ring.full, at.stage);
    builder.emit(
      invocation(awaitBarrier, barrierAt(ring.empty, at.stage), other),
      invocation(expectBytes, full, constant(bytes)),
    );
    const start = axes.with(contraction.sum.axis, multiply(panel, constant(depth)));
    const copy = (side: "left" | "right", { operand, boxes, boxRows, elements }: BoxPanel) => {
      const own = side === "left" ? contraction.rows.axis : contraction.columns.axis;
      for (let box = 0; box < boxes; box++) {
        const first = start.with(own, add(start[own]!, constant(box * boxRows)));
        const to = add(multiply(at.stage, constant(elements)), constant((box * elements) / boxes));
        const coordinates = coordinatesOf(operand, first);
        const fn = copyBox(coordinates.length, operandElement[type]);
        builder.emit(
          invocation(
            fn,
            address(ring[side], to),
            address(maps[side], constant(0)),
            full,
            ...coordinates,
          ),
        );
      }
    };
    copy("left", left);
    copy("right", right);
    at.advance();
  });
}

/** Adds up the products of all panels of a tile; the sums may be read after it. For whole warpgroups. */
export function consumePanels(
  builder: KernelBuilder,
  plan: HopperPlan,
  ring: Ring,
  at: RingPlace,
  sums: string,
): void {
  const { steps, left, right, multiply: product, rightBytes, columns, consumers } = plan;
  const warpgroup = quotient(symbol("thread"), warpgroupThreads);
  const own =
    consumers === 1 ? constant(0) : multiply(warpgroup, constant(left.elements / consumers));
  const before = builder.mutable("before", constant(0));
  const release = (): Statement => invocation(arriveAtBarrier, barrierAt(ring.empty, before.value));
  builder.loop("panel", constant(0), panelCount(plan), (panel) => {
    builder.emit(
      invocation(awaitBarrier, barrierAt(ring.full, at.stage), at.parity),
      invocation(startProducts),
    );
    const panelStart = (elements: number) => multiply(at.stage, constant(elements));
    const leftStart = builder.let("left_start", add(panelStart(left.elements), own));
    const rightStart = builder.let("right_start", panelStart(right.elements));
    const isLater = builder.let("is_later", less(constant(0), panel));
    for (let step = 0; step < steps; step++) {
      builder.emit(
        invocation(
          product,
          address(sums, constant(0)),
          address(ring.left, add(leftStart, constant(step * left.stepElements))),
          address(ring.right, add(rightStart, constant(step * right.stepElements))),
          constant(rightBytes),
          step === 0 ? isLater : constant(1, "bool"),
        ),
      );
    }
    builder.emit(invocation(commitProducts), invocation(awaitProducts(1)));
    builder.emit(when(operation("and", isFirst, isLater), [release()]));
    builder.assign(before.name, at.stage);
    at.advance();
  });
  builder.emit(invocation(finishProducts(columns / 2), address(sums, constant(0))));
  builder.emit(when(isFirst, [release()]));
}
