/**
 * The grammar of statements and blocks. A block reads line by line: a line that fails is reported and
 * skipped to its end, with the blocks it contains, and the next one is read as if nothing had happened.
 */

import {
  EOF,
  type IRecognitionException,
  type IToken,
  isRecognitionException,
  type TokenType,
  tokenMatcher,
} from "chevrotain";
import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import { type Diagnostic, DiagnosticSink } from "../diagnostics/diagnostic.ts";
import type {
  Argument,
  AssertStatement,
  DeclareStatement,
  Expression,
  IfBranch,
  Pattern,
  ScanStatement,
  Statement,
  StringLiteral,
} from "./ast.ts";
import { describeToken, diagnosticOf, hintFor } from "./expectations.ts";
import { SyntaxFault } from "./faults.ts";
import { joinSpans, spanOfTokens } from "./spans.ts";
import * as T from "./tokens.ts";
import { TypeGrammar } from "./type-grammar.ts";

export class StatementGrammar extends TypeGrammar {
  /** Where this file's diagnostics go; set anew for each file. */
  protected sink = new DiagnosticSink();

  /** `{ … }` */
  readonly block = this.RULE("block", (): Statement[] => {
    const statements: Statement[] = [];
    this.CONSUME(T.LeftBrace);
    this.MANY(() => {
      this.line(() => {
        const statement = this.SUBRULE(this.statement);
        this.ACTION(() => statements.push(statement));
      });
      this.OPTION(() => this.CONSUME(T.EndOfLine));
    });
    this.CONSUME(T.RightBrace);
    return statements;
  });

  readonly statement = this.RULE("statement", (): Statement => {
    this.ACTION(() => this.refuseExpressionStatement());
    return this.OR<Statement>({
      // The first word decides; what must follow it is said where it is missing.
      MAX_LOOKAHEAD: 1,
      DEF: [
        { ALT: () => this.SUBRULE(this.declareStatement), IGNORE_AMBIGUITIES: true },
        { ALT: () => this.SUBRULE(this.inputStatement), IGNORE_AMBIGUITIES: true },
        { ALT: () => this.SUBRULE(this.outputStatement), IGNORE_AMBIGUITIES: true },
        { ALT: () => this.SUBRULE(this.penaltyStatement) },
        { ALT: () => this.SUBRULE(this.assertStatement) },
        { ALT: () => this.SUBRULE(this.ifStatement) },
        { ALT: () => this.SUBRULE(this.forStatement) },
        { ALT: () => this.SUBRULE(this.returnStatement) },
        { ALT: () => this.SUBRULE(this.nameStatement) },
        {
          // Lines that begin like no statement are read here, so that they do not end the block.
          ALT: () => {
            const token = this.CONSUME(T.AnyToken);
            return this.ACTION(() => this.failAt(token, "a statement"));
          },
          IGNORE_AMBIGUITIES: true,
        },
      ],
    });
  });

  /** A statement that begins with what it binds or assigns. */
  readonly nameStatement = this.RULE("nameStatement", (): Statement => {
    this.ACTION(() => {
      const isName = tokenMatcher(this.LA(1), T.Identifier);
      if (isName && !afterName.has(this.LA(2).tokenType)) this.failAt(this.LA(2), "`=`");
    });
    return this.OR<Statement>([
      { ALT: () => this.SUBRULE(this.indexedBind) },
      { ALT: () => this.SUBRULE(this.assignStatement) },
      { ALT: () => this.SUBRULE(this.bind) },
    ]);
  });

  /** `y = e`, `y: type = e`, `(a, b) = e`, `h = scan …` */
  readonly bind = this.RULE("bind", (): Statement => {
    const pattern = this.SUBRULE(this.pattern);
    const type = this.SUBRULE(this.optionalType);
    this.CONSUME(T.Assign);
    return this.OR<Statement>([
      {
        ALT: () => {
          const scan = this.SUBRULE(this.scanHeadAndBody);
          return this.ACTION(() => {
            if (type !== null) this.fail(diagnostics.scanWithType(type.span, {}));
            const { start } = pattern.span;
            return {
              pattern,
              ...scan,
              header: { ...scan.header, start },
              span: { ...scan.span, start },
            };
          });
        },
      },
      {
        ALT: () => {
          const part = this.SUBRULE(this.part);
          return this.ACTION(() => {
            const span = joinSpans(pattern.span, part.span);
            return { kind: "bind", pattern, type, value: part.node, span };
          });
        },
      },
    ]);
  });

  /** `scan t in T reversed from h0 checkpoint every k { … }` */
  readonly scanHeadAndBody = this.RULE("scanHeadAndBody", (): Omit<ScanStatement, "pattern"> => {
    const keyword = this.CONSUME(T.Scan);
    const step = this.SUBRULE(this.identifier);
    this.CONSUME(T.In);
    const length = this.SUBRULE(this.expression);
    let isReversed = false;
    this.OPTION({
      GATE: () => this.LA(1).image === "reversed",
      DEF: () => {
        this.CONSUME(T.Identifier);
        isReversed = true;
      },
    });
    this.SUBRULE(this.wordOf, { ARGS: ["from"] });
    const from = this.SUBRULE2(this.expression);
    const checkpoint = this.OPTION2(() => {
      this.SUBRULE2(this.wordOf, { ARGS: ["checkpoint"] });
      this.SUBRULE3(this.wordOf, { ARGS: ["every"] });
      return this.SUBRULE3(this.expression);
    });
    const last = this.ACTION(() => this.LA(0));
    const body = this.SUBRULE(this.block);
    return this.ACTION(() => {
      const header = spanOfTokens(this.file, keyword, last);
      const span = spanOfTokens(this.file, keyword, this.LA(0));
      return {
        kind: "scan",
        step,
        length,
        isReversed,
        from,
        checkpoint: checkpoint ?? null,
        body,
        header,
        span,
      };
    });
  });

  /** A word that is one only where it stands. */
  readonly wordOf = this.RULE("wordOf", (word: string): void => {
    this.ACTION(() => {
      if (this.LA(1).image !== word) this.failAt(this.LA(1), `\`${word}\``);
    });
    this.CONSUME(T.Identifier);
  });

  readonly pattern = this.RULE("pattern", (): Pattern => {
    return this.OR<Pattern>([
      { ALT: () => this.SUBRULE(this.identifier) },
      {
        ALT: () => {
          const elements: Pattern[] = [];
          const open = this.CONSUME(T.LeftParenthesis);
          this.MANY_SEP({ SEP: T.Comma, DEF: () => elements.push(this.SUBRULE(this.pattern)) });
          this.OPTION(() => this.CONSUME(T.TrailingComma));
          const close = this.CONSUME(T.RightParenthesis);
          return this.ACTION(() => {
            return { kind: "tuple-pattern", elements, span: spanOfTokens(this.file, open, close) };
          });
        },
      },
    ]);
  });

  /** `y[n, h < OH] = e` */
  readonly indexedBind = this.RULE("indexedBind", (): Statement => {
    const name = this.SUBRULE(this.identifier);
    const axes = this.SUBRULE(this.axes);
    this.CONSUME(T.Assign);
    const part = this.SUBRULE(this.part);
    return this.ACTION(() => {
      const span = joinSpans(name.span, part.span);
      return { kind: "indexed-bind", name, axes, value: part.node, span };
    });
  });

  /** `x <- e` */
  readonly assignStatement = this.RULE("assignStatement", (): Statement => {
    const target = this.SUBRULE(this.identifier);
    this.CONSUME(T.Arrow);
    const part = this.SUBRULE(this.part);
    return this.ACTION(() => {
      return { kind: "assign", target, value: part.node, span: joinSpans(target.span, part.span) };
    });
  });

  /** `param k: type = e, option = e` */
  readonly declareStatement = this.RULE("declareStatement", (): Statement => {
    const options: Argument[] = [];
    const keyword = this.OR<IToken>([
      { ALT: () => this.CONSUME(T.Param) },
      { ALT: () => this.CONSUME(T.State) },
      { ALT: () => this.CONSUME(T.Statistic) },
    ]);
    const name = this.SUBRULE(this.identifier);
    const type = this.SUBRULE(this.optionalType);
    const part = this.OPTION(() => {
      this.CONSUME(T.Assign);
      return this.SUBRULE(this.part);
    });
    this.MANY(() => {
      this.CONSUME(T.Comma);
      const option = this.SUBRULE2(this.identifier);
      this.CONSUME2(T.Assign);
      const value = this.SUBRULE2(this.part);
      this.ACTION(() => {
        const span = joinSpans(option.span, value.span);
        options.push({ kind: "argument", name: option, value: value.node, span });
      });
    });
    return this.ACTION(() => {
      const role = keyword.image as DeclareStatement["role"];
      if (part === undefined) {
        return this.fail(diagnostics.missingInitialValue(name.span, { role, name: name.name }));
      }
      const span = joinSpans(this.spanOf(keyword), options.at(-1)?.span ?? part.span);
      return { kind: "declare", role, name, type, value: part.node, options, span };
    });
  });

  /** `input image: u8[N, 28, 28]` */
  readonly inputStatement = this.RULE("inputStatement", (): Statement => {
    const keyword = this.CONSUME(T.Input);
    const name = this.SUBRULE(this.identifier);
    this.CONSUME(T.Colon);
    const type = this.SUBRULE(this.type);
    return this.ACTION(() => {
      return { kind: "input", name, type, span: joinSpans(this.spanOf(keyword), type.span) };
    });
  });

  /** `output digit`, `output digit: type = e` */
  readonly outputStatement = this.RULE("outputStatement", (): Statement => {
    const keyword = this.CONSUME(T.Output);
    const name = this.SUBRULE(this.identifier);
    const type = this.SUBRULE(this.optionalType);
    const part = this.OPTION(() => {
      this.CONSUME(T.Assign);
      return this.SUBRULE(this.part);
    });
    return this.ACTION(() => {
      const end = part?.span ?? type?.span ?? name.span;
      const span = joinSpans(this.spanOf(keyword), end);
      return { kind: "output", name, type, value: part?.node ?? null, span };
    });
  });

  readonly penaltyStatement = this.RULE("penaltyStatement", (): Statement => {
    const keyword = this.CONSUME(T.Penalty);
    const part = this.SUBRULE(this.part);
    return this.ACTION(() => {
      const span = joinSpans(this.spanOf(keyword), part.span);
      return { kind: "penalty", value: part.node, span };
    });
  });

  /** `assert c, "message"`, `assert c, warning = "message"` */
  readonly assertStatement = this.RULE("assertStatement", (): Statement => {
    const keyword = this.CONSUME(T.Assert);
    const condition = this.SUBRULE(this.expression);
    this.CONSUME(T.Comma);
    let severity: AssertStatement["severity"] = "error";
    this.OPTION(() => {
      const word = this.CONSUME(T.Identifier);
      this.ACTION(() => {
        if (word.image !== "warning") this.failAt(word, "`warning` or a string");
      });
      this.CONSUME(T.Assign);
      severity = "warning";
    });
    const message: StringLiteral = this.SUBRULE(this.string);
    return this.ACTION(() => {
      const span = joinSpans(this.spanOf(keyword), message.span);
      return { kind: "assert", severity, condition, message, span };
    });
  });

  /** `if c { … } else if d { … } else { … }` */
  readonly ifStatement = this.RULE("ifStatement", (): Statement => {
    const branches: IfBranch[] = [];
    const keyword = this.CONSUME(T.If);
    this.SUBRULE(this.branch, { ARGS: [branches] });
    this.MANY(() => {
      this.CONSUME(T.Else);
      this.CONSUME2(T.If);
      this.SUBRULE2(this.branch, { ARGS: [branches] });
    });
    const otherwise = this.OPTION(() => {
      this.CONSUME2(T.Else);
      return this.SUBRULE(this.block);
    });
    return this.ACTION(() => {
      const span = spanOfTokens(this.file, keyword, this.LA(0));
      return { kind: "if", branches, otherwise: otherwise ?? null, span };
    });
  });

  readonly branch = this.RULE("branch", (branches: IfBranch[]): void => {
    const condition: Expression = this.SUBRULE(this.expression);
    const body = this.SUBRULE(this.block);
    this.ACTION(() => branches.push({ condition, body }));
  });

  /** `for x in list { … }` */
  readonly forStatement = this.RULE("forStatement", (): Statement => {
    const keyword = this.CONSUME(T.For);
    const pattern = this.SUBRULE(this.pattern);
    this.CONSUME(T.In);
    const list = this.SUBRULE(this.expression);
    const body = this.SUBRULE(this.block);
    return this.ACTION(() => {
      const span = spanOfTokens(this.file, keyword, this.LA(0));
      return { kind: "for", pattern, list, body, span };
    });
  });

  readonly returnStatement = this.RULE("returnStatement", (): Statement => {
    const keyword = this.CONSUME(T.Return);
    const part = this.SUBRULE(this.part);
    return this.ACTION(() => {
      const span = joinSpans(this.spanOf(keyword), part.span);
      return { kind: "return", value: part.node, span };
    });
  });

  // ------------------------------------------------------------------------------------- recovery

  /** Reads one line; what fails is reported and skipped, and gives false. `separate`: the line must end. */
  protected line(read: () => void, separate = true): boolean {
    try {
      read();
      this.ACTION(() => {
        if (!separate || this.isNext(T.EndOfLine, T.RightBrace, EOF)) return;
        this.failAt(this.LA(1), "the end of the line");
      });
      return true;
    } catch (error) {
      this.reportFault(error);
      // Chevrotain kept it too; only what ends the whole declaration is left for `read` to find.
      this.errors = [];
      this.conditionDepth = 0;
      this.skipLine();
      return false;
    }
  }

  /** Reports what a rule gave up with; any other error is a bug and goes on its way. */
  protected reportFault(error: unknown): void {
    if (error instanceof SyntaxFault) this.sink.report(error.diagnostic);
    else if (error instanceof Error && isRecognitionException(error)) {
      this.sink.report(this.diagnosticOf(error as unknown as IRecognitionException));
    } else throw error;
  }

  protected failAt(token: IToken, expected: string): never {
    const found = describeToken(token);
    const previous = token === this.LA(1) ? this.LA(0) : this.LA(1);
    const hint = hintFor(token, previous, expected, []);
    return this.fail(diagnostics.unexpectedToken(this.spanOf(token), { expected, found, hint }));
  }

  private diagnosticOf(error: IRecognitionException): Diagnostic {
    const previous = (error as { previousToken?: IToken }).previousToken ?? this.LA(0);
    return diagnosticOf(this.file, error, previous);
  }

  /** To the end of this line or block, over the blocks that begin on it. */
  private skipLine(): void {
    for (let depth = 0; !this.isNext(EOF); this.SKIP_TOKEN()) {
      if (depth === 0 && this.isNext(T.EndOfLine, T.RightBrace)) return;
      if (this.isNext(T.LeftBrace)) depth++;
      if (this.isNext(T.RightBrace)) depth--;
    }
  }

  /** A line without `=` or `<-` that no keyword begins computes something nobody sees. */
  private refuseExpressionStatement(): void {
    const first = this.LA(1);
    if (!startsExpression(first)) return;
    let last = first;
    for (let at = 1, depth = 0; ; at++) {
      const token = this.LA(at);
      const type = token.tokenType;
      if (type === EOF || type === T.EndOfLine || (depth === 0 && type === T.RightBrace)) break;
      if (depth === 0 && endsTarget.has(type)) return;
      if (type === T.Arrow) {
        if (at === 2) return;
        const target = spanOfTokens(this.file, first, last);
        this.fail(diagnostics.invalidAssignmentTarget(target, {}));
      }
      if (opening.has(type)) depth++;
      if (closing.has(type)) depth--;
      last = token;
    }
    const span = spanOfTokens(this.file, first, last);
    this.fail(diagnostics.expressionStatement(span, {}));
  }
}

const afterName: ReadonlySet<TokenType> = new Set([T.Assign, T.Arrow, T.Colon, T.LeftBracket]);
const opening: ReadonlySet<TokenType> = new Set([T.LeftParenthesis, T.LeftBracket, T.LeftBrace]);
const closing: ReadonlySet<TokenType> = new Set([T.RightParenthesis, T.RightBracket, T.RightBrace]);
/** What shows that a line is more than an expression. */
const endsTarget: ReadonlySet<TokenType> = new Set([T.Assign, T.Colon, T.LeftBrace]);

function startsExpression(token: IToken): boolean {
  return (
    token.tokenType === T.Identifier || expressionStarts.some((type) => tokenMatcher(token, type))
  );
}

const expressionStarts: readonly TokenType[] = [
  T.NumberToken,
  T.StringToken,
  T.True,
  T.False,
  T.None,
  T.Minus,
  T.Not,
  T.LeftParenthesis,
  T.LeftBracket,
];
