/**
 * Steps of loops in kernels. Index expressions mention the step of a loop by the loop's number, wherever they are
 * lowered; a finished kernel takes it as a parameter, so that kernels of different loops may be one.
 */

import { variable } from "../kernel/build.ts";
import type { Expression, Statement } from "../kernel/ir.ts";
import { mapStatements, walkStatements } from "../kernel/rewrite.ts";

/** No builder gives a name with a space. */
const prefix = "step ";

/** The step of a loop, until the kernel is finished. */
export function stepVariable(loop: number): Expression {
  return variable(`${prefix}${loop}`);
}

/** The loops whose steps statements mention, in order of first mention. */
export function stepsIn(statements: readonly Statement[]): readonly number[] {
  const loops = new Set<number>();
  walkStatements(
    statements,
    () => {},
    (e) => {
      if (e.kind === "variable" && e.name.startsWith(prefix)) {
        loops.add(Number(e.name.slice(prefix.length)));
      }
    },
  );
  return [...loops];
}

/** The same statements with names in place of steps. */
export function nameSteps(
  statements: readonly Statement[],
  names: ReadonlyMap<number, string>,
): readonly Statement[] {
  if (names.size === 0) return statements;
  const named = new Map([...names].map(([loop, name]) => [`${prefix}${loop}`, variable(name)]));
  return mapStatements(statements, (e) => (e.kind === "variable" ? (named.get(e.name) ?? e) : e));
}
