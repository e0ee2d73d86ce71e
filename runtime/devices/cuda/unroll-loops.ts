/**
 * What a graph launches: of a loop the one launch that does all of it, where there is one that the device runs; other
 * loops are written out, and the number of an iteration is then a number.
 */

import type { CudaArgument, CudaLaunch, CudaLoop, CudaVariant } from "./cuda-program.ts";

export type UnrolledArgument =
  | Exclude<CudaArgument, { kind: "iteration" }>
  | { readonly kind: "int"; readonly value: number };

export interface UnrolledLaunch extends Omit<CudaLaunch, "arguments"> {
  readonly arguments: readonly UnrolledArgument[];
}

/** `isCooperative`: whether the device runs cooperative kernels. */
export function unrollLoops(
  { kernels, graphs, loops }: Pick<CudaVariant, "kernels" | "graphs" | "loops">,
  graph: string,
  isCooperative: boolean,
): UnrolledLaunch[] {
  const launches = graphs[graph] ?? [];
  const unrolled: UnrolledLaunch[] = [];
  const emit = (launch: CudaLaunch, iterations: readonly number[]): void => {
    const given = launch.arguments.map((argument) => written(argument, iterations));
    unrolled.push({ ...launch, arguments: given });
  };
  const run = (
    first: number,
    end: number,
    inside: readonly CudaLoop[],
    iterations: readonly number[],
  ): void => {
    for (let at = first; at < end; ) {
      const next = inside.findIndex((loop) => loop.first === at);
      const loop = inside[next];
      if (loop === undefined) {
        emit(launches[at++]!, iterations);
        continue;
      }
      const { whole } = loop;
      if (whole !== null && (isCooperative || !kernels[whole.kernel]!.isCooperative)) {
        emit(whole, iterations);
      } else {
        for (let i = 0; i < loop.count; i++) {
          run(at, loop.end, inside.slice(next + 1), [...iterations, i]);
        }
      }
      at = loop.end;
    }
  };
  run(0, launches.length, loops[graph] ?? [], []);
  return unrolled;
}

function written(argument: CudaArgument, iterations: readonly number[]): UnrolledArgument {
  if (argument.kind !== "iteration") return argument;
  return { kind: "int", value: iterations[argument.depth]! };
}
