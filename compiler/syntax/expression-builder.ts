/**
 * Makes expression nodes. Every node's depth is counted when it is made, and a tree deeper than
 * `maximumDepth` is refused, so that whatever walks the tree later may recurse without fear. A part carries,
 * beside its node, the span with the parentheses that the tree leaves out.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import type {
  Argument,
  AxisBinder,
  BinaryOperator,
  Expression,
  Identifier,
  IndexItem,
  ReducerKeyword,
} from "./ast.ts";
import { SyntaxFault } from "./faults.ts";
import { joinSpans } from "./spans.ts";

export const maximumDepth = 250;

/** An expression with the span it takes in the text, parentheses included. */
export interface Part {
  readonly node: Expression;
  readonly span: Span;
}

/** A node without its span. */
type Draft = Expression extends infer E ? (E extends Expression ? Omit<E, "span"> : never) : never;

export class ExpressionBuilder {
  readonly #depths = new WeakMap<object, number>();

  leaf(node: Expression): Part {
    return { node, span: node.span };
  }

  /** A node over these children; its span is given. */
  make(draft: Draft, span: Span, children: readonly (Expression | null)[]): Part {
    let depth = 1;
    for (const child of children) {
      if (child !== null) depth = Math.max(depth, 1 + (this.#depths.get(child) ?? 1));
    }
    if (depth > maximumDepth) {
      const values = { what: "expression", limit: maximumDepth };
      throw new SyntaxFault(diagnostics.tooDeeplyNested(span, values));
    }
    const node: Expression = { ...draft, span };
    this.#depths.set(node, depth);
    return { node, span };
  }

  binary(operator: BinaryOperator, operatorSpan: Span, left: Part, right: Part): Part {
    const draft = {
      kind: "binary",
      operator,
      operatorSpan,
      left: left.node,
      right: right.node,
    } as const;
    return this.make(draft, joinSpans(left.span, right.span), [left.node, right.node]);
  }

  range(start: Part, stop: Part): Part {
    const draft = { kind: "range", start: start.node, stop: stop.node } as const;
    return this.make(draft, joinSpans(start.span, stop.span), [start.node, stop.node]);
  }

  pipe(value: Part, target: Part): Part {
    const draft = { kind: "pipe", value: value.node, target: target.node } as const;
    return this.make(draft, joinSpans(value.span, target.span), [value.node, target.node]);
  }

  unary(operator: "-" | "not", operatorSpan: Span, operand: Part): Part {
    const draft = { kind: "unary", operator, operand: operand.node } as const;
    return this.make(draft, joinSpans(operatorSpan, operand.span), [operand.node]);
  }

  conditional(start: Span, condition: Expression, then: Expression, otherwise: Part): Part {
    const draft = { kind: "conditional", condition, then, otherwise: otherwise.node } as const;
    return this.make(draft, joinSpans(start, otherwise.span), [condition, then, otherwise.node]);
  }

  reduce(reducer: Identifier, axes: readonly AxisBinder[], term: Part): Part {
    const draft = {
      kind: "reduce",
      reducer: reducer.name as ReducerKeyword,
      reducerSpan: reducer.span,
      axes,
      term: term.node,
    } as const;
    const extents = axes.map((axis) => axis.extent);
    return this.make(draft, joinSpans(reducer.span, term.span), [...extents, term.node]);
  }

  call(callee: Part, values: readonly Argument[], end: Span): Part {
    const draft = { kind: "call", callee: callee.node, arguments: values } as const;
    const children = values.map((argument) => argument.value);
    return this.make(draft, joinSpans(callee.span, end), [callee.node, ...children]);
  }

  index(object: Part, items: readonly IndexItem[], end: Span): Part {
    const children = items.flatMap((item): readonly (Expression | null)[] => {
      if (item.kind === "ellipsis") return [];
      if (item.kind === "spread") return [item.list];
      return item.kind === "slice" ? [item.start, item.stop, item.step] : [item];
    });
    const draft = { kind: "index", object: object.node, items } as const;
    return this.make(draft, joinSpans(object.span, end), [object.node, ...children]);
  }
}
