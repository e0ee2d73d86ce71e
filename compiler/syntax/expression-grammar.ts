/**
 * The grammar of expressions as Chevrotain rules. Rules build the tree as they go
 * (embedded actions); while Chevrotain records the grammar they run once on tokens that mean nothing, so
 * everything that looks into a token stands in `ACTION`.
 */

import { EmbeddedActionsParser, type IToken, type TokenType } from "chevrotain";
import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Diagnostic, Span } from "../diagnostics/diagnostic.ts";
import type {
  Argument,
  AxisBinder,
  Expression,
  Identifier,
  IndexItem,
  MemberExpression,
  SourceFile,
  Spread,
  StringLiteral,
} from "./ast.ts";
import { expectationProvider } from "./expectations.ts";
import { ExpressionBuilder, type Part } from "./expression-builder.ts";
import { SyntaxFault } from "./faults.ts";
import { maximumNesting } from "./layout.ts";
import { LazyLookahead } from "./lazy-lookahead.ts";
import { numberValue, stringValue } from "./lexer.ts";
import { type ChainItem, climb, type InfixOperator } from "./precedence.ts";
import { joinSpans, spanOfTokens } from "./spans.ts";
import * as T from "./tokens.ts";

/** Tokens that decide a choice. */
const maxLookahead = 2;

export class ExpressionGrammar extends EmbeddedActionsParser {
  /** The file being parsed and the maker of its nodes; set by `begin`. */
  protected file: SourceFile = { name: "", text: "" };
  protected builder = new ExpressionBuilder();
  /** How many conditions `if … then` are being read within one another: brackets do not bound these. */
  protected conditionDepth = 0;

  /** Checking the grammar itself takes longer than parsing a program; a test asks for it. */
  constructor(checksItself = false) {
    super([...T.allTokens], {
      maxLookahead,
      lookaheadStrategy: new LazyLookahead({ maxLookahead }),
      recoveryEnabled: false,
      errorMessageProvider: expectationProvider,
      skipValidations: !checksItself,
    });
  }

  // ----------------------------------------------------------------------------------- expressions

  readonly expression = this.RULE("expression", (): Expression => {
    const part = this.SUBRULE(this.part);
    return this.ACTION(() => part.node);
  });

  /** An expression with its parentheses. */
  readonly part = this.RULE("part", (): Part => {
    const chain: ChainItem[] = [];
    this.SUBRULE(this.operand, { ARGS: [chain] });
    this.MANY(() => {
      const operator = this.CONSUME(T.InfixOperator);
      this.ACTION(() => {
        const name = operator.tokenType.name as InfixOperator;
        chain.push({ kind: "infix", operator: name, span: this.spanOf(operator) });
      });
      this.SUBRULE2(this.operand, { ARGS: [chain] });
    });
    return this.ACTION(() => climb(chain, this.builder));
  });

  readonly operand = this.RULE("operand", (chain: ChainItem[]): void => {
    this.MANY(() => {
      this.OR([
        {
          ALT: () => {
            const sign = this.CONSUME(T.Minus);
            this.ACTION(() => chain.push({ kind: "sign", operator: "-", span: this.spanOf(sign) }));
          },
        },
        {
          ALT: () => {
            const sign = this.CONSUME(T.Not);
            this.ACTION(() =>
              chain.push({ kind: "sign", operator: "not", span: this.spanOf(sign) }),
            );
          },
        },
        { ALT: () => this.SUBRULE(this.reducerPrefix, { ARGS: [chain] }) },
        { ALT: () => this.SUBRULE(this.conditionPrefix, { ARGS: [chain] }) },
      ]);
    });
    const part = this.SUBRULE(this.postfix);
    this.ACTION(() => chain.push({ kind: "operand", part }));
  });

  readonly reducerPrefix = this.RULE("reducerPrefix", (chain: ChainItem[]): void => {
    const reducer = this.CONSUME(T.Reducer);
    const axes = this.SUBRULE(this.axes);
    this.ACTION(() => chain.push({ kind: "reducer", name: this.identifierOf(reducer), axes }));
  });

  readonly conditionPrefix = this.RULE("conditionPrefix", (chain: ChainItem[]): void => {
    const first = this.CONSUME(T.If);
    this.ACTION(() => this.enterCondition(first));
    const condition = this.SUBRULE(this.expression);
    this.CONSUME(T.Then);
    const then = this.SUBRULE2(this.expression);
    const last = this.CONSUME(T.Else);
    this.ACTION(() => {
      this.conditionDepth--;
      const span = spanOfTokens(this.file, first, last);
      chain.push({ kind: "condition", condition, then, span, keyword: this.spanOf(first) });
    });
  });

  readonly postfix = this.RULE("postfix", (): Part => {
    let part = this.SUBRULE(this.primary);
    this.MANY(() => {
      this.OR([
        {
          ALT: () => {
            const call = this.SUBRULE(this.callArguments);
            part = this.ACTION(() => this.builder.call(part, call.values, call.end));
          },
        },
        {
          ALT: () => {
            const index = this.SUBRULE(this.indexItems);
            part = this.ACTION(() => this.builder.index(part, index.items, index.end));
          },
        },
      ]);
    });
    return part;
  });

  readonly primary = this.RULE("primary", (): Part => {
    return this.OR<Part>([
      { ALT: () => this.SUBRULE(this.literal) },
      {
        ALT: () => {
          const name = this.SUBRULE(this.identifier);
          const member = this.OPTION(() => {
            this.CONSUME(T.Period);
            return this.SUBRULE2(this.identifier);
          });
          return this.ACTION(() => this.builder.leaf(member ? memberOf(name, member) : name));
        },
      },
      { ALT: () => this.SUBRULE(this.parenthesized) },
      { ALT: () => this.SUBRULE(this.list) },
    ]);
  });

  readonly literal = this.RULE("literal", (): Part => {
    const node = this.OR<Expression>([
      {
        ALT: () => {
          const token = this.CONSUME(T.NumberToken);
          return this.ACTION((): Expression => {
            return { kind: "number", ...numberValue(token), span: this.spanOf(token) };
          });
        },
      },
      { ALT: () => this.SUBRULE(this.string) },
      { ALT: () => this.booleanOf(this.CONSUME(T.True), true) },
      { ALT: () => this.booleanOf(this.CONSUME(T.False), false) },
      {
        ALT: () => {
          const token = this.CONSUME(T.None);
          return this.ACTION((): Expression => ({ kind: "none", span: this.spanOf(token) }));
        },
      },
    ]);
    return this.ACTION(() => this.builder.leaf(node));
  });

  readonly string = this.RULE("string", (): StringLiteral => {
    const token = this.CONSUME(T.StringToken);
    return this.ACTION(() => ({
      kind: "string",
      value: stringValue(token),
      span: this.spanOf(token),
    }));
  });

  /** `(e)`, `()`, `(e,)`, `(a, b)` */
  readonly parenthesized = this.RULE("parenthesized", (): Part => {
    const elements: Expression[] = [];
    const open = this.CONSUME(T.LeftParenthesis);
    this.MANY_SEP({
      SEP: T.Comma,
      DEF: () => elements.push(this.SUBRULE(this.expression)),
    });
    const comma = this.OPTION(() => this.CONSUME(T.TrailingComma));
    const close = this.CONSUME(T.RightParenthesis);
    return this.ACTION(() => {
      const span = spanOfTokens(this.file, open, close);
      const [only] = elements;
      if (only !== undefined && elements.length === 1 && comma === undefined) {
        return { node: only, span };
      }
      return this.builder.make({ kind: "tuple", elements }, span, elements);
    });
  });

  readonly list = this.RULE("list", (): Part => {
    const elements: Expression[] = [];
    const open = this.CONSUME(T.LeftBracket);
    this.MANY_SEP({
      SEP: T.Comma,
      DEF: () => elements.push(this.SUBRULE(this.expression)),
    });
    this.OPTION(() => this.CONSUME(T.TrailingComma));
    const close = this.CONSUME(T.RightBracket);
    return this.ACTION(() => {
      const span = spanOfTokens(this.file, open, close);
      return this.builder.make({ kind: "list", elements }, span, elements);
    });
  });

  readonly callArguments = this.RULE("callArguments", (): { values: Argument[]; end: Span } => {
    const values: Argument[] = [];
    this.CONSUME(T.LeftParenthesis);
    this.MANY_SEP({ SEP: T.Comma, DEF: () => values.push(this.SUBRULE(this.argument)) });
    this.OPTION(() => this.CONSUME(T.TrailingComma));
    const close = this.CONSUME(T.RightParenthesis);
    return this.ACTION(() => {
      const firstNamed = values.findIndex((argument) => argument.name !== null);
      const late = values.find((argument, at) => argument.name === null && at > firstNamed);
      if (firstNamed >= 0 && late !== undefined) {
        this.fail(diagnostics.positionalAfterNamed(late.span, {}));
      }
      return { values, end: this.spanOf(close) };
    });
  });

  /** `e` or `name = e` */
  readonly argument = this.RULE("argument", (): Argument => {
    return this.OR<Argument>([
      {
        ALT: () => {
          const name = this.SUBRULE(this.identifier);
          this.CONSUME(T.Assign);
          const part = this.SUBRULE(this.part);
          return this.ACTION(() => {
            const span = joinSpans(name.span, part.span);
            return { kind: "argument", name, value: part.node, span };
          });
        },
      },
      {
        ALT: () => {
          const part = this.SUBRULE2(this.part);
          return this.ACTION(() => {
            return { kind: "argument", name: null, value: part.node, span: part.span };
          });
        },
      },
    ]);
  });

  readonly indexItems = this.RULE("indexItems", (): { items: IndexItem[]; end: Span } => {
    const items: IndexItem[] = [];
    this.CONSUME(T.LeftBracket);
    this.MANY_SEP({ SEP: T.Comma, DEF: () => items.push(this.SUBRULE(this.indexItem)) });
    this.OPTION(() => this.CONSUME(T.TrailingComma));
    const close = this.CONSUME(T.RightBracket);
    return this.ACTION(() => ({ items, end: this.spanOf(close) }));
  });

  readonly indexItem = this.RULE("indexItem", (): IndexItem => {
    return this.OR<IndexItem>([
      { ALT: () => this.ellipsisOf(this.CONSUME(T.Ellipsis)) },
      { ALT: () => this.SUBRULE(this.sliceRest, { ARGS: [null] }) },
      {
        ALT: () => {
          const start = this.SUBRULE(this.expression);
          const item = this.OPTION(() =>
            this.OR2<IndexItem>([
              { ALT: () => this.SUBRULE2(this.sliceRest, { ARGS: [start] }) },
              { ALT: () => this.spreadOf(start, this.CONSUME2(T.Ellipsis)) },
            ]),
          );
          return item ?? start;
        },
      },
    ]);
  });

  /** `:`, `:stop`, `:stop:step`, after the start if there is one. */
  readonly sliceRest = this.RULE("sliceRest", (start: Expression | null): IndexItem => {
    const colon = this.CONSUME(T.Colon);
    let last = this.ACTION(() => this.spanOf(colon));
    let stop: Expression | null = null;
    let step: Expression | null = null;
    this.OPTION(() => {
      const value = this.SUBRULE(this.expression);
      this.ACTION(() => {
        stop = value;
        last = value.span;
      });
    });
    this.OPTION2(() => {
      const second = this.CONSUME2(T.Colon);
      this.ACTION(() => {
        last = this.spanOf(second);
      });
      this.OPTION3(() => {
        const value = this.SUBRULE2(this.expression);
        this.ACTION(() => {
          step = value;
          last = value.span;
        });
      });
    });
    return this.ACTION(() => {
      const span = joinSpans(start?.span ?? this.spanOf(colon), last);
      return { kind: "slice", start, stop, step, span };
    });
  });

  /** `[n, h < OH]` */
  readonly axes = this.RULE("axes", (): AxisBinder[] => {
    const axes: AxisBinder[] = [];
    this.CONSUME(T.LeftBracket);
    this.MANY_SEP({ SEP: T.Comma, DEF: () => axes.push(this.SUBRULE(this.axis)) });
    this.OPTION(() => this.CONSUME(T.TrailingComma));
    this.CONSUME(T.RightBracket);
    return axes;
  });

  readonly axis = this.RULE("axis", (): AxisBinder => {
    const name = this.SUBRULE(this.identifier);
    const dots = this.OPTION(() => this.CONSUME(T.Ellipsis));
    const extent = this.OPTION2(() => {
      this.CONSUME(T.Less);
      return this.SUBRULE(this.part);
    });
    return this.ACTION(() => {
      const span = joinSpans(name.span, extent?.span ?? (dots ? this.spanOf(dots) : name.span));
      return { kind: "axis", name, isList: dots !== undefined, extent: extent?.node ?? null, span };
    });
  });

  readonly identifier = this.RULE("identifier", (): Identifier => {
    const token = this.CONSUME(T.Identifier);
    return this.ACTION(() => this.identifierOf(token));
  });

  // ------------------------------------------------------------------------------------- for rules

  protected spanOf(token: IToken): Span {
    return spanOfTokens(this.file, token);
  }

  protected identifierOf(token: IToken): Identifier {
    return { kind: "identifier", name: token.image, span: this.spanOf(token) };
  }

  protected fail(diagnostic: Diagnostic): never {
    throw new SyntaxFault(diagnostic);
  }

  protected isNext(...types: readonly TokenType[]): boolean {
    return types.includes(this.LA(1).tokenType);
  }

  private enterCondition(keyword: IToken): void {
    if (++this.conditionDepth <= maximumNesting) return;
    const values = { what: "expression", limit: maximumNesting };
    this.fail(diagnostics.tooDeeplyNested(this.spanOf(keyword), values));
  }

  private booleanOf(token: IToken, value: boolean): Expression {
    return this.ACTION(() => ({ kind: "boolean", value, span: this.spanOf(token) }));
  }

  protected spreadOf(list: Expression, dots: IToken): Spread {
    return this.ACTION(() => {
      return { kind: "spread", list, span: joinSpans(list.span, this.spanOf(dots)) };
    });
  }

  protected ellipsisOf(token: IToken): { readonly kind: "ellipsis"; readonly span: Span } {
    return this.ACTION(() => ({ kind: "ellipsis", span: this.spanOf(token) }));
  }
}

function memberOf(object: Identifier, member: Identifier): MemberExpression {
  return { kind: "member", object, member, span: joinSpans(object.span, member.span) };
}
