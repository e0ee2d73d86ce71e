/** The updates of a train declaration: one for the whole model, or a block for each part that is trained apart. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Argument, TrainDeclaration, TrainEntry, TrainUpdate } from "../syntax/ast.ts";
import { evaluate } from "./evaluate.ts";
import { type Environment, report } from "./session.ts";
import type { TrainEntries } from "./train.ts";
import type { Update } from "./training-graphs.ts";
import { describe } from "./values.ts";

const blockKeys = ["loss", "optimizer", "steps"] as const;

type BlockKey = (typeof blockKeys)[number];

/** In the order in which they are made; those with errors are left out. */
export function updatesOf(
  declaration: TrainDeclaration,
  entries: TrainEntries,
  env: Environment,
): readonly Update[] {
  if (declaration.updates.length === 0) {
    const [loss, optimizer] = [entries.get("loss"), entries.get("optimizer")];
    if (loss === undefined || optimizer === undefined) return [];
    const { header } = declaration;
    const optimizers = optimizersOf(optimizer, env);
    return [{ part: null, header, loss: loss.values[0]!, optimizers, steps: 1 }];
  }
  for (const key of ["loss", "optimizer"] as const) {
    const entry = entries.get(key);
    if (entry === undefined) continue;
    const labels = [{ span: declaration.updates[0]!.target.span, text: "the first update" }];
    report(env, diagnostics.besideUpdates(entry.key.span, { name: key }, { labels }));
  }
  const names = new Map<string, TrainUpdate>();
  return declaration.updates.flatMap((block) => {
    const { name, span } = block.target;
    const first = names.get(name);
    if (first !== undefined) {
      const labels = [{ span: first.target.span, text: "the first one" }];
      report(env, diagnostics.repeatedUpdate(span, { name }, { labels }));
      return [];
    }
    names.set(name, block);
    const update = updateOf(block, env);
    return update === undefined ? [] : [update];
  });
}

function updateOf(block: TrainUpdate, env: Environment): Update | undefined {
  const given = new Map<BlockKey, TrainEntry>();
  for (const entry of block.entries) {
    const { name, span } = entry.key;
    const key = blockKeys.find((candidate) => candidate === name);
    if (key === undefined) {
      report(env, diagnostics.unknownUpdateKey(span, { name, known: blockKeys.join(", ") }));
    } else if (given.has(key)) {
      const labels = [{ span: given.get(key)!.key.span, text: "first given here" }];
      report(env, diagnostics.duplicateTrainKey(span, { name }, { labels }));
    } else given.set(key, entry);
  }
  for (const key of ["loss", "optimizer"] as const) {
    if (!given.has(key)) report(env, diagnostics.missingTrainKey(block.target.span, { name: key }));
  }
  const [loss, optimizer] = [given.get("loss"), given.get("optimizer")];
  if (loss === undefined || optimizer === undefined) return undefined;
  if (loss.values.length > 1) {
    report(env, diagnostics.singleTrainValue(loss.values[1]!.span, { name: "loss" }));
  }
  return {
    part: block.target,
    header: block.target.span,
    loss: loss.values[0]!,
    optimizers: optimizersOf(optimizer, env),
    steps: stepsOf(given.get("steps"), env),
  };
}

/** `First(), trunk = Second(0.1)`: the first for all that the named ones are not for. */
function optimizersOf({ values }: TrainEntry, env: Environment): readonly Argument[] {
  values.forEach(({ name, span }, i) => {
    if ((name === null) === (i === 0)) return;
    report(env, diagnostics.optimizersOfParts(span, {}));
  });
  return values;
}

function stepsOf(entry: TrainEntry | undefined, env: Environment): number {
  const expression = entry?.values[0]?.value;
  if (expression === undefined) return 1;
  const value = evaluate(expression, env);
  if (value.kind === "int" && value.value >= 1 && value.value <= 1000) return value.value;
  const values = { what: "`steps`", expected: "an int from 1 to 1000", found: describe(value) };
  if (value.kind !== "error") report(env, diagnostics.wrongType(expression.span, values));
  return 1;
}
