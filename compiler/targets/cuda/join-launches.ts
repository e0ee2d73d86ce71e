/**
 * Small independent launches as fewer: a launch takes longer than what they compute. Those of the same kernel, or of
 * kernels that differ in literals alone, share its text, with the places of their tensors in the arenas as literals.
 * Others of as many threads are joined too where all of it is small, and keep pointers of their own.
 */

import { constant, operation } from "../../kernel/build.ts";
import { removeDeadCode } from "../../kernel/dead-code.ts";
import { functionsCalled } from "../../kernel/functions-called.ts";
import type { ElementType, Kernel, KernelParameter, Place } from "../../kernel/ir.ts";
import type { Launch, Placement } from "../../kernel/module.ts";
import { mapStatements, walkStatements } from "../../kernel/rewrite.ts";
import { familiesOf, joinFamilies } from "../join-launches.ts";
import type { Placed } from "../merge-kernels.ts";
import { tasksAtMost } from "../tasks-at-most.ts";
import { builderBeside } from "../vector-elements.ts";
import { bytesOf } from "./types.ts";

/** Workgroups up to which a launch is small: about what devices run at once. */
const smallTasks = 256;

/** Shared memory up to which what else runs in a joined launch is not kept from the device. */
const smallSharedBytes = 16 * 1024;

/** Bytes of parameters that every driver takes. */
const parameterBytes = 4096;

/** Launches that may run at the same time as fewer of them. */
export function joinWave(wave: readonly Launch[], batchMax: number): readonly Placed[] {
  const groups = new Map<string, Placed[][]>();
  const mayJoin = (kernel: Kernel): boolean =>
    tasksAtMost(kernel, batchMax) <= smallTasks && isUndemanding(kernel);
  inArenaFamilies(wave, mayJoin).forEach((family, i) => {
    const { kernel } = family[0]!;
    const tasks = family.reduce((sum, member) => sum + tasksAtMost(member.kernel, batchMax), 0);
    const key = tasks <= smallTasks && mayJoin(kernel) ? `${kernel.threads} threads` : `alone ${i}`;
    groups.set(key, [...(groups.get(key) ?? []), family]);
  });
  return [...groups.values()].flatMap(joinGroup);
}

/** Families as one launch, unless it would take too many parameters. */
function joinGroup(families: readonly Placed[][]): readonly Placed[] {
  if (families.length === 1 && families[0]!.length === 1) return families[0]!;
  const { kernel, placements } = joinFamilies(families);
  // Kernels of a single task ask for no number of theirs.
  const joined = { kernel: { ...kernel, body: removeDeadCode(kernel.body) }, placements };
  // Pointers, the step and n.
  const bytes = 8 * (placements.filter(({ kind }) => kind !== "scalar").length + 2);
  if (bytes <= parameterBytes) return [joined];
  const middle = families.length >> 1;
  return [...joinGroup(families.slice(0, middle)), ...joinGroup(families.slice(middle))];
}

/** Launches of kernels that differ in literals alone, once their windows are places in arenas; others as they are. */
function inArenaFamilies(
  wave: readonly Launch[],
  mayJoin: (kernel: Kernel) => boolean,
): readonly Placed[][] {
  const originals = new Map<Placed, Launch>();
  const placed = wave.map((launch): Placed => {
    const member = mayJoin(launch.kernel) ? placeInArenas(launch) : null;
    originals.set(member ?? launch, launch);
    return member ?? launch;
  });
  const joining = placed.filter((member) => member !== originals.get(member));
  const families = new Map(familiesOf(joining).flatMap((family) => family.map((m) => [m, family])));
  return placed.flatMap((member) => {
    const family = families.get(member) ?? [member];
    if (family.length === 1) return [[originals.get(member)!]];
    return family[0] === member ? [family] : [];
  });
}

/** Kernels that keep nothing else from running: those that pipeline copies take what a multiprocessor has. */
function isUndemanding({ body, parameters, isPersistent = false }: Kernel): boolean {
  let sharedBytes = 0;
  walkStatements(body, (s) => {
    if (s.kind === "buffer" && s.scope === "shared") sharedBytes += s.elements * bytesOf(s.dtype);
  });
  const isPlain = functionsCalled(body, null).every((fn) => fn.isIntrinsic !== true);
  const hasBoxes = parameters.some(({ kind }) => kind === "tensorMap");
  return isPlain && !hasBoxes && !isPersistent && sharedBytes <= smallSharedBytes;
}

/** Positions are counted in ints. */
const mostElements = 2 ** 31 - 1;

/** The same launch with whole arenas of a type in place of the windows in them; null if one is out of reach. */
function placeInArenas({ kernel, placements }: Placed): Placed | null {
  const names = builderBeside(kernel);
  const arenas = new Map<
    string,
    { readonly parameter: KernelParameter; readonly placement: Placement }
  >();
  const moved = new Map<string, { readonly arena: string; readonly first: number }>();
  const kept: { readonly parameter: KernelParameter; readonly placement: Placement }[] = [];
  for (const [i, parameter] of kernel.parameters.entries()) {
    const placement = placements[i]!;
    if (placement.kind !== "arena" || parameter.kind !== "window") {
      kept.push({ parameter, placement });
      continue;
    }
    const { dtype } = parameter;
    const first = placement.offset / bytesOf(dtype);
    if (first + parameter.elements > mostElements) return null;
    const key = `${placement.arena}_${dtype}`;
    const known = arenas.get(key)?.parameter;
    const arena: KernelParameter = known ?? arenaOf(names.name(key), dtype);
    arenas.set(key, { parameter: arena, placement: { ...placement, offset: 0 } });
    moved.set(parameter.name, { arena: arena.name, first });
  }
  const place = (from: Place): Place => {
    const to = moved.get(from.buffer);
    if (to === undefined) return from;
    // Not folded: windows at the start of an arena look like all others.
    return { ...from, buffer: to.arena, index: operation("add", from.index, constant(to.first)) };
  };
  const body = mapStatements(
    kernel.body,
    (e) => (e.kind === "load" ? { ...e, place: place(e.place) } : e),
    (s) => (s.kind === "store" ? { ...s, place: place(s.place) } : s),
  );
  const all = [...arenas.values(), ...kept];
  return {
    kernel: { ...kernel, parameters: all.map(({ parameter }) => parameter), body },
    placements: all.map(({ placement }) => placement),
  };
}

function arenaOf(name: string, dtype: ElementType): KernelParameter {
  return { kind: "window", name, dtype, access: "read_write", elements: mostElements };
}
