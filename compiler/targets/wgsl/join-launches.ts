/**
 * Independent launches as one dispatch. Arenas are bound as a whole, so that their number does not grow with that of the
 * tensors.
 */

import type { ElementType } from "../../kernel/ir.ts";
import type { Arena } from "../../kernel/module.ts";
import { walkStatements } from "../../kernel/rewrite.ts";
import { familiesOf, joinFamilies } from "../join-launches.ts";
import type { Placed } from "../merge-kernels.ts";
import { type ArenaSizes, type Bound, bindLaunch, bindPlaced, placeInArenas } from "./bindings.ts";
import { defaultLimits } from "./description.ts";
import { vectorBuffers } from "./vector-buffers.ts";

/** Launches that may be joined have equal keys; null for one that has to stay alone. */
export function joiningKey({ kernel }: Placed): string | null {
  // Arenas are words: accesses to vectors would fall apart.
  const vectors = vectorBuffers(kernel);
  const hasVectors = kernel.parameters.some(({ name }) => vectors.has(name));
  return hasVectors ? null : String(kernel.threads);
}

/** Launches of one key as one, or null where they need more than a kernel may have. */
export function joinLaunches(launches: readonly Placed[], arenas: ArenaSizes): Bound | null {
  if (launches.length === 1) return bindLaunch(launches[0]!, arenas);
  const all: ReadonlySet<Arena> = new Set<Arena>(["persistent", "temporaries", "results"]);
  const members = launches.map((launch) => placeInArenas(launch, all, arenas));
  const joined = joinFamilies(familiesOf(members), vectorBuffers);
  return fits(joined) ? bindPlaced(joined, arenas) : null;
}

const bytesOf: { readonly [K in ElementType]: number } = {
  f32: 4,
  f64: 8,
  f16: 2,
  bf16: 2,
  i32: 4,
  u32: 4,
  u8: 4,
  bool: 4,
};

function fits({ kernel, placements }: Placed): boolean {
  let sharedBytes = 0;
  walkStatements(kernel.body, (s) => {
    if (s.kind === "buffer" && s.scope === "shared") sharedBytes += s.elements * bytesOf[s.dtype];
  });
  const buffers = placements.filter(({ kind }) => kind === "arena" || kind === "column").length;
  const rows = placements.some(({ kind }) => kind === "column") ? 1 : 0;
  return (
    sharedBytes <= defaultLimits.workgroupBytes && buffers + rows <= defaultLimits.storageBuffers
  );
}
