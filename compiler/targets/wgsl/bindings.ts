/**
 * What the parameters of a launch are bound to. A window is a range of its arena, so that kernels of one size share
 * their text wherever their tensors lie. But WebGPU takes eight storage buffers and refuses ranges that overlap, as
 * all of them may be written; where windows are too many or meet, an arena is bound as a whole, and the places of its
 * windows become literals in the kernel.
 */

import type { WgslBinding } from "../../../runtime/devices/webgpu/wgsl-program.ts";
import { invariant } from "../../diagnostics/diagnostic.ts";
import { BlockBuilder } from "../../kernel/block-builder.ts";
import { bitcast, constant, convert, operation } from "../../kernel/build.ts";
import type {
  Expression,
  Kernel,
  KernelParameter,
  Place,
  Statement,
  Type,
} from "../../kernel/ir.ts";
import type { Arena, Placement } from "../../kernel/module.ts";
import { mapStatements } from "../../kernel/rewrite.ts";
import { namesIn } from "../legal-names.ts";
import type { Placed } from "../merge-kernels.ts";
import { defaultLimits } from "./description.ts";
import { WgslLimitError } from "./limit-error.ts";

/** Bytes of each arena. */
export type ArenaSizes = { readonly [A in Arena]: number };

/** A kernel with what is bound to its windows and columns, in order; then row numbers, if it has columns. */
export interface Bound {
  readonly kernel: Kernel;
  readonly bindings: readonly WgslBinding[];
  /** Of its scalar parameters, in order: slots among the step's scalars. */
  readonly scalarSlots: readonly number[];
  /** Of its steps, in order: loops around the launch, 0 being the outermost. */
  readonly stepDepths: readonly number[];
}

type Window = KernelParameter & { readonly kind: "window" };

interface PlacedWindow {
  readonly window: Window;
  readonly arena: Arena;
  readonly offset: number;
  readonly end: number;
}

/** Every element takes a word; vectors of four may be read up to the end of the last one. */
function windowBytes({ elements }: Window): number {
  return Math.max(16, Math.ceil(elements / 4) * 16);
}

function windowsOf({ kernel, placements }: Placed): PlacedWindow[] {
  return kernel.parameters.flatMap((window, i): PlacedWindow[] => {
    const placement = placements[i]!;
    if (window.kind !== "window" || placement.kind !== "arena") return [];
    const { arena, offset } = placement;
    return [{ window, arena, offset, end: offset + windowBytes(window) }];
  });
}

/** Binds a launch, with as few arenas bound as a whole as can be. */
export function bindLaunch(launch: Placed, arenas: ArenaSizes): Bound {
  const whole = wholeArenas(launch);
  return bindPlaced(whole.size === 0 ? launch : placeInArenas(launch, whole, arenas), arenas);
}

/** Binds a launch with every window a range of its arena. */
export function bindPlaced({ kernel, placements }: Placed, arenas: ArenaSizes): Bound {
  const bindings = kernel.parameters.flatMap((parameter, i) =>
    bindingOf(parameter, placements[i]!, arenas),
  );
  const scalarSlots = placements.flatMap((p) => (p.kind === "scalar" ? [p.slot] : []));
  const stepDepths = placements.flatMap((p) => (p.kind === "step" ? [p.depth] : []));
  const rows: WgslBinding[] = bindings.some(({ kind }) => kind === "column")
    ? [{ kind: "rows" }]
    : [];
  return { kernel, bindings: [...bindings, ...rows], scalarSlots, stepDepths };
}

function bindingOf(
  parameter: KernelParameter,
  placement: Placement,
  arenas: ArenaSizes,
): readonly WgslBinding[] {
  if (placement.kind === "scalar" || placement.kind === "step") return [];
  if (placement.kind === "column") return [{ kind: "column", slot: placement.slot }];
  const { arena, offset } = placement;
  invariant(parameter.kind === "window", `${parameter.name} is no window`);
  // A whole arena has an end of its own.
  const size = Math.min(
    windowBytes(parameter),
    Math.max(arenas[arena] - offset, 4 * parameter.elements),
  );
  return [{ kind: "arena", arena, offset, size }];
}

function wholeArenas(launch: Placed): ReadonlySet<Arena> {
  const windows = windowsOf(launch);
  const columns = launch.kernel.parameters.filter(({ kind }) => kind === "column").length;
  const others = columns === 0 ? 0 : columns + 1;
  const inArena = (arena: Arena): PlacedWindow[] => windows.filter((w) => w.arena === arena);
  const used = [...new Set(windows.map(({ arena }) => arena))];
  const whole = new Set(used.filter((arena) => overlap(inArena(arena))));
  const count = (): number =>
    others + used.reduce((sum, arena) => sum + (whole.has(arena) ? 1 : inArena(arena).length), 0);
  while (count() > defaultLimits.storageBuffers) {
    const [largest] = used
      .filter((arena) => !whole.has(arena) && inArena(arena).length > 1)
      .sort((a, b) => inArena(b).length - inArena(a).length);
    if (largest === undefined) {
      throw new WgslLimitError(
        `the kernel ${launch.kernel.name} reads ${columns} columns of the data at once, more than ` +
          "kernels of WebGPU may: join them into one column",
      );
    }
    whole.add(largest);
  }
  return whole;
}

function overlap(windows: readonly PlacedWindow[]): boolean {
  const ordered = [...windows].sort((a, b) => a.offset - b.offset);
  return ordered.some((w, i) => i > 0 && w.offset < ordered[i - 1]!.end);
}

/** The same launch with arenas of words in place of the windows in them. */
export function placeInArenas(
  { kernel, placements }: Placed,
  whole: ReadonlySet<Arena>,
  arenas: ArenaSizes,
): Placed {
  const names = new BlockBuilder();
  for (const name of [...kernel.parameters.map((p) => p.name), ...namesIn(kernel.body)])
    names.name(name);
  const isUsed = (arena: Arena): boolean =>
    placements.some((p) => p.kind === "arena" && p.arena === arena);
  const words = new Map(
    [...whole].filter(isUsed).map((arena) => [arena, names.name(`${arena}_words`)]),
  );
  const moved = new Map<string, Moved>();
  const keptParameters: KernelParameter[] = [];
  const keptPlacements: Placement[] = [];
  kernel.parameters.forEach((parameter, i) => {
    const placement = placements[i]!;
    const arena = placement.kind === "arena" ? words.get(placement.arena) : undefined;
    if (placement.kind === "arena" && arena !== undefined) {
      moved.set(parameter.name, { words: arena, first: placement.offset / 4 });
    } else {
      keptParameters.push(parameter);
      keptPlacements.push(placement);
    }
  });
  const body = mapStatements(
    kernel.body,
    (e) => movedLoad(e, moved),
    (s) => movedStore(s, moved),
  );
  const parameters = [...words].map(
    ([arena, name]): KernelParameter => ({
      kind: "window",
      name,
      dtype: "u32",
      access: "read_write",
      elements: arenas[arena] / 4,
    }),
  );
  return {
    kernel: { ...kernel, parameters: [...parameters, ...keptParameters], body },
    placements: [
      ...[...words.keys()].map((arena): Placement => ({ kind: "arena", arena, offset: 0 })),
      ...keptPlacements,
    ],
  };
}

interface Moved {
  readonly words: string;
  /** The window's first word in the arena. */
  readonly first: number;
}

function movedPlace(place: Place, { words, first }: Moved): Place {
  // Not folded: windows at the start of an arena look like all others until kernels are joined.
  return { ...place, buffer: words, index: operation("add", place.index, constant(first)) };
}

function movedLoad(e: Expression, moved: ReadonlyMap<string, Moved>): Expression {
  if (e.kind !== "load") return e;
  const to = moved.get(e.place.buffer);
  if (to === undefined) return e;
  const type: Type = { dtype: "u32", lanes: e.type.lanes };
  const word: Expression = { ...e, type, place: movedPlace(e.place, to) };
  if (e.type.dtype !== "bool") return bitcast(word, e.type.dtype);
  return operation("notEqual", word, constant(0, "u32", type.lanes));
}

function movedStore(s: Statement, moved: ReadonlyMap<string, Moved>): Statement {
  if (s.kind !== "store") return s;
  const to = moved.get(s.place.buffer);
  if (to === undefined) return s;
  const isBool = s.value.type.dtype === "bool";
  const value = isBool ? convert(s.value, "u32") : bitcast(s.value, "u32");
  return { ...s, place: movedPlace(s.place, to), value };
}
