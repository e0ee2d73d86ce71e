/**
 * Index notation: names bound as axes, and terms over them. `y[n, o] = …` makes a map, `sum[i] …` a reduction
 * over the axes around it that its term depends on; each is one node. An axis that stands alone in some
 * dimension takes its extent; any other is given.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { axisAffine } from "../graph/affine.ts";
import { type Extent, printExtent, sameExtent } from "../graph/extent.ts";
import { reducers } from "../graph/reducers.ts";
import type {
  AxisBinder,
  Expression,
  Identifier,
  IndexedBindStatement,
  IndexItem,
  ReduceExpression,
} from "../syntax/ast.ts";
import { asElement, element } from "./arithmetic.ts";
import { affineElement } from "./axis-values.ts";
import { convertElement } from "./conversions.ts";
import { widensTo } from "./dtypes.ts";
import { evaluate } from "./evaluate.ts";
import { childExpressions } from "./expression-children.ts";
import { evaluateSpread } from "./indexing.ts";
import { dependsOnAxes, mapOver, reduceOver } from "./notation-nodes.ts";
import { Scope } from "./scope.ts";
import { type Environment, report } from "./session.ts";
import {
  asExtent,
  type DimensionSource,
  describe,
  errorValue,
  listValue,
  tensorValue,
  type Value,
} from "./values.ts";

/** An axis of an index notation. */
export interface NotationAxis {
  readonly id: number;
  readonly name: string;
  readonly span: Span;
  readonly extent: Extent;
  readonly source: DimensionSource;
}

export function evaluateReduce(expression: ReduceExpression, env: Environment): Value {
  const opened = openAxes(expression.axes, expression.term, env);
  if (opened === undefined) return errorValue;
  const term = evaluate(expression.term, opened.env);
  if (term.kind === "error") return errorValue;
  const body = asElement(opened.env, { value: term, span: expression.term.span });
  if (body === undefined) {
    return term.kind === "tensor"
      ? errorValue
      : report(env, notATerm(expression.term.span, describe(term)));
  }
  const { reducer } = expression;
  const dtype = [body.scalar.dtype, "i32" as const, "f32" as const].find(
    (type) =>
      widensTo(body.scalar.dtype, type) && reducers[reducer].resultTypes(type) !== undefined,
  );
  if (dtype === undefined) {
    return report(
      env,
      diagnostics.operandTypes(expression.reducerSpan, {
        operation: reducer,
        found: describe(body),
      }),
    );
  }
  const { session } = env;
  const own = opened.axes.map(({ id }) => id);
  const reduction = reduceOver(session, reducer, convertElement(env, body, dtype), own);
  const results = reduction.values.map((value): Value => {
    if (reduction.outer.length === 0) return tensorValue(value);
    return element(session.context.load(value, reduction.outer.map(axisAffine)));
  });
  // max and min also give where; a plain `max[i]` means the value.
  return reducer === "moments" ? listValue(results, true) : results[0]!;
}

function notATerm(span: Span, found: string) {
  return diagnostics.notANumber(span, { found, operation: "a reduction" });
}

/** `y[n, o] = e`: the tensor of e at every point of its axes. */
export function evaluateIndexedBind(statement: IndexedBindStatement, env: Environment): Value {
  const opened = openAxes(statement.axes, statement.value, env);
  if (opened === undefined) return errorValue;
  const value = evaluate(statement.value, opened.env);
  if (value.kind === "error") return errorValue;
  const body = asElement(opened.env, { value, span: statement.value.span });
  if (body === undefined) {
    return value.kind === "tensor"
      ? errorValue
      : report(env, notATerm(statement.value.span, describe(value)));
  }
  const ids = opened.axes.map(({ id }) => id);
  const made = mapOver(env.session, body, ids);
  if (made === undefined) return report(env, diagnostics.axisEscapes(statement.span, {}));
  return tensorValue(
    made,
    opened.axes.map(({ source }) => source),
  );
}

interface OpenedAxes {
  readonly axes: readonly NotationAxis[];
  readonly env: Environment;
}

/** Binds axes around `term`, with extents given or found in it; nothing after an error. */
function openAxes(
  binders: readonly AxisBinder[],
  term: Expression,
  env: Environment,
): OpenedAxes | undefined {
  const scope = new Scope(env.scope);
  const indexed = new Map(env.indexed ?? []);
  const inner: Environment = { ...env, scope, indexed };
  const ids = new Map<string, number>();
  const lists = new Map<string, readonly NotationAxis[]>();
  for (const binder of binders) {
    const { name } = binder;
    const bound = env.scope.get(name.name);
    const holds = bound !== undefined && holdsAxis(bound.value);
    const isAxis = holds || bound?.value.kind === "element";
    const text = holds ? "already an axis here" : "made of a loop's variable";
    if (ids.has(name.name) || lists.has(name.name) || isAxis) {
      report(
        env,
        diagnostics.duplicateAxis(
          name.span,
          { name: name.name },
          bound && isAxis ? { labels: [{ span: bound.span, text }] } : {},
        ),
      );
      return undefined;
    }
    if (binder.isList) {
      const axes = openList(binder, env, scope);
      if (axes === undefined) return undefined;
      lists.set(name.name, axes);
      continue;
    }
    const id = env.session.freshAxis();
    ids.set(name.name, id);
    const value = affineElement(env.session.context, axisAffine(id));
    scope.set(name.name, { value, span: name.span });
  }
  const open = binders.filter(({ extent }) => extent === null).map(({ name }) => name.name);
  const found = new Map<string, FoundExtent>();
  if (open.length > 0 && !findExtents(term, new Set(open), found, indexed, inner)) return undefined;
  const axes: NotationAxis[] = [];
  for (const { name: identifier, ...binder } of binders) {
    const { name, span } = identifier;
    const known = lists.get(name);
    if (known !== undefined) {
      axes.push(...known);
      continue;
    }
    const given = binder.extent === null ? found.get(name) : givenExtent(binder.extent, env);
    if (given === undefined) {
      if (binder.extent === null) report(env, diagnostics.axisWithoutExtent(span, { name }));
      return undefined;
    }
    axes.push(openAxis(env, identifier, ids.get(name)!, given));
  }
  return { axes, env: inner };
}

function openAxis(
  env: Environment,
  { name, span }: Identifier,
  id: number,
  { extent, source }: FoundExtent,
): NotationAxis {
  env.session.setAxisExtent(id, extent);
  return { id, name, span, extent, source };
}

/** `p... < sizes`: as many axes as there are sizes; the name stands for the list of them. */
function openList({ name, extent }: AxisBinder, env: Environment, scope: Scope) {
  if (extent === null) {
    report(env, diagnostics.axisListWithoutSizes(name.span, { name: name.name }));
    return undefined;
  }
  const sizes = evaluateSpread({ list: extent, span: extent.span }, env);
  if (sizes === undefined) return undefined;
  const axes: NotationAxis[] = [];
  for (const size of sizes) {
    const given = rangeOf(size, extent.span, env);
    if (given === undefined) return undefined;
    axes.push(openAxis(env, name, env.session.freshAxis(), given));
  }
  const elements = axes.map(({ id }) => affineElement(env.session.context, axisAffine(id)));
  scope.set(name.name, { value: listValue(elements), span: name.span });
  return axes;
}

interface FoundExtent {
  readonly extent: Extent;
  readonly source: DimensionSource;
}

function givenExtent(expression: Expression, env: Environment): FoundExtent | undefined {
  return rangeOf(evaluate(expression, { ...env, floors: true }), expression.span, env);
}

function rangeOf(value: Value, span: Span, env: Environment): FoundExtent | undefined {
  const extent = asExtent(value);
  if (extent === undefined || extent.batch + extent.constant < 0) {
    if (value.kind !== "error") {
      report(env, diagnostics.notADimension(span, { found: describe(value) }));
    }
    return undefined;
  }
  return { extent, source: { span, text: "from this range" } };
}

/**
 * Finds the dimensions in which open axes stand alone. What is indexed there is evaluated once, and kept in
 * `indexed` for the evaluation of the term itself.
 */
function findExtents(
  expression: Expression,
  open: ReadonlySet<string>,
  found: Map<string, FoundExtent>,
  indexed: Map<Expression, Value>,
  env: Environment,
): boolean {
  if (expression.kind === "index") {
    const isAlone = expression.items.some(
      (item) => item.kind === "identifier" && open.has(item.name),
    );
    if (isAlone && !mentionsAxis(expression.object, env)) {
      const object = indexed.get(expression.object) ?? evaluate(expression.object, env);
      indexed.set(expression.object, object);
      if (object.kind === "error") return false;
      const rank = object.kind === "tensor" ? object.value.shape.length : 0;
      for (const [i, item] of expression.items.entries()) {
        if (item.kind !== "identifier" || !open.has(item.name) || object.kind !== "tensor")
          continue;
        const at = dimensionOf(expression.items, i, rank);
        const extent = at === undefined ? undefined : object.value.shape[at];
        if (at === undefined || extent === undefined) continue;
        const source = object.sources[at] ?? { span: item.span, text: "from this index" };
        const before = found.get(item.name);
        if (before === undefined) {
          found.set(item.name, { extent, source: { ...source, span: item.span } });
        } else if (!sameExtent(before.extent, extent)) {
          report(
            env,
            diagnostics.axisExtentConflict(
              item.span,
              {
                name: item.name,
                first: printExtent(before.extent),
                second: printExtent(extent),
              },
              {
                labels: [{ span: before.source.span, text: `${printExtent(before.extent)} here` }],
              },
            ),
          );
          return false;
        }
      }
    }
  }
  return childExpressions(expression).every((child) =>
    findExtents(child, open, found, indexed, env),
  );
}

/** The dimension that item i indexes, if it is not between two items that stand for any number of dimensions. */
function dimensionOf(items: readonly IndexItem[], i: number, rank: number): number | undefined {
  const isOpen = ({ kind }: IndexItem) => kind === "ellipsis" || kind === "spread";
  if (!items.slice(0, i).some(isOpen)) return i;
  return items.slice(i + 1).some(isOpen) ? undefined : rank - items.length + i;
}

const holdsAxis = (value: Value): boolean =>
  (value.kind === "element" && dependsOnAxes(value)) ||
  (value.kind === "list" && value.items.some(holdsAxis));

/** Whether an expression contains a name that is an axis here. */
function mentionsAxis(expression: Expression, env: Environment): boolean {
  if (expression.kind === "identifier") {
    const bound = env.scope.get(expression.name);
    return bound !== undefined && holdsAxis(bound.value);
  }
  return childExpressions(expression).some((child) => mentionsAxis(child, env));
}
