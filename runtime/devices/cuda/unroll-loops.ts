/** What a graph launches with its loops written out: the number of an iteration is then a number. */

import type { CudaArgument, CudaLaunch, CudaLoop } from "./cuda-program.ts";

export type UnrolledArgument =
  | Exclude<CudaArgument, { kind: "iteration" }>
  | { readonly kind: "int"; readonly value: number };

export interface UnrolledLaunch extends Omit<CudaLaunch, "arguments"> {
  readonly arguments: readonly UnrolledArgument[];
}

export function unrollLoops(
  launches: readonly CudaLaunch[],
  loops: readonly CudaLoop[] = [],
): UnrolledLaunch[] {
  const unrolled: UnrolledLaunch[] = [];
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
        const launch = launches[at++]!;
        const given = launch.arguments.map((argument) => written(argument, iterations));
        unrolled.push({ ...launch, arguments: given });
        continue;
      }
      for (let i = 0; i < loop.count; i++) {
        run(at, loop.end, inside.slice(next + 1), [...iterations, i]);
      }
      at = loop.end;
    }
  };
  run(0, launches.length, loops, []);
  return unrolled;
}

function written(argument: CudaArgument, iterations: readonly number[]): UnrolledArgument {
  if (argument.kind !== "iteration") return argument;
  return { kind: "int", value: iterations[argument.depth]! };
}
