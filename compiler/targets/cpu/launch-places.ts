/**
 * Launches as C: calls with the places that their kernels' arguments lie at. Where loops repeat a launch, its arguments are
 * found once before them.
 */

import { assertExhaustive } from "../../diagnostics/diagnostic.ts";
import type { GraphFunction, Launch, Placement } from "../../kernel/module.ts";
import { takesRows } from "./print-kernel.ts";

/** A launch with what it calls and its number of tasks, as C. */
export interface BoundLaunch {
  /** Among those of its graph, from 1 on. */
  readonly number: number;
  /** The function of the kernel. */
  readonly symbol: string;
  readonly count: string;
  readonly launch: Launch;
  /** Whether a step runs the loops around it again and again, be it one of them that does. */
  readonly isRepeated: boolean;
}

/** In loops that go round more than once, or beside such loops in one around both. */
export function repeatedLaunches({ launches, loops }: GraphFunction): ReadonlySet<Launch> {
  const repeated = loops.filter(({ count }) => count > 1);
  const around = loops.filter((loop) =>
    repeated.some(({ first, end }) => loop.first <= first && end <= loop.end),
  );
  return new Set(around.flatMap(({ first, end }) => launches.slice(first, end)));
}

/** How many pointers the kernel takes. */
export function argumentCount(launch: Launch): number {
  return placesOf(launch).length;
}

/** How many columns of the data a graph must be given. */
export function columnCount({ launches }: GraphFunction): number {
  const slots = launches.flatMap(({ placements }) =>
    placements.map((placement) => (placement.kind === "column" ? placement.slot : -1)),
  );
  return 1 + Math.max(-1, ...slots);
}

/** Launches that run together. */
export function wavesOf(launches: readonly BoundLaunch[]): BoundLaunch[][] {
  const waves: BoundLaunch[][] = [];
  for (const bound of launches) {
    if (bound.launch.withPrevious) waves.at(-1)!.push(bound);
    else waves.push([bound]);
  }
  return waves;
}

/** Small work runs at once, the rest on the threads. */
export function printWave(wave: readonly BoundLaunch[]): string[] {
  if (!isAtOnce(wave)) {
    const launches = wave.map((bound) => `{${launchText(bound)}}`).join(", ");
    const call = `  launch_together(running, (const nnc_launch[]){${launches}}, ${wave.length});`;
    return [...wave.flatMap(printPlaces), call];
  }
  return wave.flatMap((bound) => {
    if (!bound.isRepeated)
      return [...printPlaces(bound), `  launch(running, ${launchText(bound)});`];
    const { symbol, number, count, launch } = bound;
    const args = placesOf(launch).map((_, i) => `at_${number}[${i}]`);
    const call = (task: string) => `${symbol}(${["&running->batch", task, ...args].join(", ")});`;
    const loop = `for (int32_t task = 0; task < ${count}; task++) `;
    return [`  ${count === "1" ? call("0") : loop + call("task")}`];
  });
}

/** What stands before all loops of a function. */
export function printFound(waves: readonly (readonly BoundLaunch[])[]): string[] {
  const repeated = waves.flatMap((wave) =>
    isAtOnce(wave) ? wave.filter((bound) => bound.isRepeated) : [],
  );
  return repeated.flatMap((bound) => {
    const [{ number }, count] = [bound, argumentCount(bound.launch)];
    const find = `  find_arguments(running, places_${number}, ${count}, at_${number});`;
    return count === 0 ? [] : [...printPlaces(bound), `  void *at_${number}[${count}];`, find];
  });
}

function isAtOnce([first, ...others]: readonly BoundLaunch[]): boolean {
  const { launch, count } = first!;
  return !launch.isParallel || (others.length === 0 && count === "1");
}

function launchText({ symbol, number, count, launch }: BoundLaunch): string {
  const places = argumentCount(launch);
  return [symbol, places === 0 ? "0" : `places_${number}`, places, count].join(", ");
}

function printPlaces({ launch, number }: BoundLaunch): string[] {
  const places = placesOf(launch);
  if (places.length === 0) return [];
  return [`  static const nnc_place places_${number}[] = {${places.join(", ")}};`];
}

/** Where the kernel's arguments lie. */
function placesOf({ kernel, placements }: Launch): string[] {
  const rows = takesRows(kernel) ? ["{rows, 0, 4}"] : [];
  return [...rows, ...placements.map(placeText)];
}

function placeText(placement: Placement): string {
  switch (placement.kind) {
    case "arena": {
      const { arena, offset, rowBytes = 0, taskBytes = 0 } = placement;
      const each = taskBytes > 0 ? [rowBytes, taskBytes] : rowBytes > 0 ? [rowBytes] : [];
      return `{${[arena, offset, ...each].join(", ")}}`;
    }
    case "column":
      return `{columns + ${placement.slot}}`;
    case "scalar":
      return `{scalars, ${4 * placement.slot}}`;
    case "step":
      return `{iterations, ${4 * placement.depth}}`;
    default:
      return assertExhaustive(placement);
  }
}
