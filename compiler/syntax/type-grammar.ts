/** The grammar of types and of lists of parameters. */

import type { Span } from "../diagnostics/diagnostic.ts";
import type { Dimension, Parameter, TypeNode } from "./ast.ts";
import { ExpressionGrammar } from "./expression-grammar.ts";
import { joinSpans, spanOfTokens } from "./spans.ts";
import * as T from "./tokens.ts";

export class TypeGrammar extends ExpressionGrammar {
  readonly type = this.RULE("type", (): TypeNode => {
    return this.OR<TypeNode>([
      {
        ALT: () => {
          const elements: TypeNode[] = [];
          const open = this.CONSUME(T.LeftParenthesis);
          this.MANY_SEP({ SEP: T.Comma, DEF: () => elements.push(this.SUBRULE(this.type)) });
          this.OPTION(() => this.CONSUME(T.TrailingComma));
          const close = this.CONSUME(T.RightParenthesis);
          return this.ACTION(() => {
            const span = spanOfTokens(this.file, open, close);
            return { kind: "tuple-type", elements, span };
          });
        },
      },
      {
        ALT: () => {
          const name = this.SUBRULE(this.identifier);
          const shape = this.OPTION2(() => this.SUBRULE(this.shape));
          return this.ACTION(() => {
            const span = joinSpans(name.span, shape?.span ?? name.span);
            return { kind: "named-type", name, dimensions: shape?.dimensions ?? null, span };
          });
        },
      },
      {
        ALT: () => {
          const shape = this.SUBRULE2(this.shape);
          return this.ACTION(() => ({ kind: "named-type", name: null, ...shape }));
        },
      },
    ]);
  });

  /** `[..., I]` */
  readonly shape = this.RULE("shape", (): { dimensions: Dimension[]; span: Span } => {
    const dimensions: Dimension[] = [];
    const open = this.CONSUME(T.LeftBracket);
    this.MANY_SEP({
      SEP: T.Comma,
      DEF: () => {
        const dimension = this.OR<Dimension>([
          { ALT: () => this.ellipsisOf(this.CONSUME(T.Ellipsis)) },
          {
            ALT: () => {
              const size = this.SUBRULE(this.expression);
              return this.OPTION2(() => this.spreadOf(size, this.CONSUME2(T.Ellipsis))) ?? size;
            },
          },
        ]);
        dimensions.push(dimension);
      },
    });
    this.OPTION(() => this.CONSUME(T.TrailingComma));
    const close = this.CONSUME(T.RightBracket);
    return this.ACTION(() => ({ dimensions, span: spanOfTokens(this.file, open, close) }));
  });

  readonly parameters = this.RULE("parameters", (): Parameter[] => {
    const parameters: Parameter[] = [];
    this.CONSUME(T.LeftParenthesis);
    this.MANY_SEP({ SEP: T.Comma, DEF: () => parameters.push(this.SUBRULE(this.parameter)) });
    this.OPTION(() => this.CONSUME(T.TrailingComma));
    this.CONSUME(T.RightParenthesis);
    return parameters;
  });

  readonly parameter = this.RULE("parameter", (): Parameter => {
    const name = this.SUBRULE(this.identifier);
    const type = this.OPTION(() => {
      this.CONSUME(T.Colon);
      return this.SUBRULE(this.type);
    });
    const value = this.OPTION2(() => {
      this.CONSUME(T.Assign);
      return this.SUBRULE(this.part);
    });
    return this.ACTION(() => {
      const span = joinSpans(name.span, value?.span ?? type?.span ?? name.span);
      return { kind: "parameter", name, type: type ?? null, default: value?.node ?? null, span };
    });
  });

  /** `: type`, or nothing. */
  readonly optionalType = this.RULE("optionalType", (): TypeNode | null => {
    const type = this.OPTION(() => {
      this.CONSUME(T.Colon);
      return this.SUBRULE(this.type);
    });
    return type ?? null;
  });
}
