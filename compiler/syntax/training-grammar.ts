/**
 * The grammar of data and train declarations, whose blocks hold settings instead of statements. Any key and any
 * name of a block parses; semantics knows which there are.
 */

import type { IToken } from "chevrotain";
import type { Span } from "../diagnostics/diagnostic.ts";
import type {
  Argument,
  DataBlock,
  DataColumn,
  Declaration,
  TrainEntry,
  TrainUpdate,
} from "./ast.ts";
import { joinSpans, spanOfTokens } from "./spans.ts";
import { StatementGrammar } from "./statement-grammar.ts";
import * as T from "./tokens.ts";

/** A declaration before its documentation is looked up. */
export type Undocumented = Declaration extends infer D
  ? D extends Declaration
    ? Omit<D, "doc">
    : never
  : never;

/** What every declaration begins with. */
interface Heading {
  readonly keyword: IToken;
  /** The last token before the body. */
  readonly last: IToken;
}

export class TrainingGrammar extends StatementGrammar {
  readonly dataDeclaration = this.RULE("dataDeclaration", (): Undocumented => {
    const keyword = this.CONSUME(T.Data);
    const name = this.SUBRULE(this.identifier);
    const last = this.LA(0);
    const blocks: DataBlock[] = [];
    this.CONSUME(T.LeftBrace);
    this.MANY(() => {
      this.line(() => {
        this.OR({
          // A name decides; what must follow it is said where it is missing.
          MAX_LOOKAHEAD: 1,
          DEF: [
            {
              ALT: () => {
                const block = this.SUBRULE(this.dataBlock);
                this.ACTION(() => blocks.push(block));
              },
            },
            {
              ALT: () => this.SUBRULE(this.unexpected, { ARGS: ["a block such as `train {`"] }),
              IGNORE_AMBIGUITIES: true,
            },
          ],
        });
      }, false);
      this.OPTION(() => this.CONSUME(T.EndOfLine));
    });
    this.CONSUME(T.RightBrace);
    return this.ACTION(() => ({ kind: "data", name, blocks, ...this.spans({ keyword, last }) }));
  });

  readonly dataBlock = this.RULE("dataBlock", (): DataBlock => {
    const name = this.SUBRULE(this.identifier);
    const columns: DataColumn[] = [];
    this.CONSUME(T.LeftBrace);
    this.MANY(() => {
      this.line(() => {
        this.OR({
          // A name decides; what must follow it is said where it is missing.
          MAX_LOOKAHEAD: 1,
          DEF: [
            {
              ALT: () => {
                const column = this.SUBRULE(this.dataColumn);
                this.ACTION(() => columns.push(column));
              },
            },
            {
              ALT: () => this.SUBRULE(this.unexpected, { ARGS: ["the name of a column"] }),
              IGNORE_AMBIGUITIES: true,
            },
          ],
        });
      });
      this.OPTION(() => this.CONSUME(T.EndOfLine));
    });
    this.CONSUME(T.RightBrace);
    return this.ACTION(() => {
      return {
        kind: "data-block",
        name,
        columns,
        span: joinSpans(name.span, this.spanOf(this.LA(0))),
      };
    });
  });

  /** `image: u8[28, 28] = idx("…")` */
  readonly dataColumn = this.RULE("dataColumn", (): DataColumn => {
    const name = this.SUBRULE(this.identifier);
    const type = this.SUBRULE(this.optionalType);
    this.CONSUME(T.Assign);
    const part = this.SUBRULE(this.part);
    return this.ACTION(() => {
      const span = joinSpans(name.span, part.span);
      return { kind: "data-column", name, type, value: part.node, span };
    });
  });

  readonly trainDeclaration = this.RULE("trainDeclaration", (): Undocumented => {
    const keyword = this.CONSUME(T.Train);
    const model = this.SUBRULE(this.postfix);
    this.SUBRULE(this.wordRule, { ARGS: ["on"] });
    const data = this.SUBRULE(this.identifier);
    const last = this.LA(0);
    const entries: TrainEntry[] = [];
    const updates: TrainUpdate[] = [];
    this.SUBRULE(this.trainBody, { ARGS: [entries, updates] });
    return this.ACTION(() => {
      return {
        kind: "train",
        model: model.node,
        data,
        entries,
        updates,
        ...this.spans({ keyword, last }),
      };
    });
  });

  /** `{ loss e  optimizer e  update d { … } }` */
  readonly trainBody = this.RULE(
    "trainBody",
    (entries: TrainEntry[], updates: TrainUpdate[]): void => {
      this.CONSUME(T.LeftBrace);
      this.MANY(() => {
        this.line(() => {
          this.OR({
            // A name decides; what must follow it is said where it is missing.
            MAX_LOOKAHEAD: 1,
            DEF: [
              {
                ALT: () => {
                  const update = this.SUBRULE(this.trainUpdate);
                  this.ACTION(() => updates.push(update));
                },
                // The layout makes `update` a keyword only where a block follows.
                IGNORE_AMBIGUITIES: true,
              },
              {
                ALT: () => {
                  const entry = this.SUBRULE(this.trainEntry);
                  this.ACTION(() => entries.push(entry));
                },
              },
              {
                ALT: () =>
                  this.SUBRULE(this.unexpected, { ARGS: ["a setting such as `epochs 5`"] }),
                IGNORE_AMBIGUITIES: true,
              },
            ],
          });
        }, false);
        this.OPTION(() => this.CONSUME(T.EndOfLine));
      });
      this.CONSUME(T.RightBrace);
    },
  );

  readonly trainUpdate = this.RULE("trainUpdate", (): TrainUpdate => {
    const keyword = this.CONSUME(T.Update);
    const target = this.SUBRULE(this.identifier);
    const entries: TrainEntry[] = [];
    this.SUBRULE(this.trainBody, { ARGS: [entries, []] });
    return this.ACTION(() => {
      const span = spanOfTokens(this.file, keyword, this.LA(0));
      return { kind: "train-update", target, entries, span };
    });
  });

  /** `metrics accuracy(a, b), top = top_5(a, b)` */
  readonly trainEntry = this.RULE("trainEntry", (): TrainEntry => {
    const key = this.SUBRULE(this.identifier);
    const values: Argument[] = [];
    values.push(this.SUBRULE(this.argument));
    this.MANY(() => {
      this.CONSUME(T.Comma);
      values.push(this.SUBRULE2(this.argument));
    });
    return this.ACTION(() => {
      const span = joinSpans(key.span, values.at(-1)!.span);
      return { kind: "train-entry", key, values, span };
    });
  });

  /** A word that is no keyword elsewhere: `from`, `as`, `on`. */
  readonly wordRule = this.RULE("wordRule", (word: string): void => {
    const token = this.CONSUME(T.Identifier);
    this.ACTION(() => {
      if (token.image !== word) this.failAt(token, `\`${word}\``);
    });
  });

  readonly unexpected = this.RULE("unexpected", (expected: string): void => {
    const token = this.CONSUME(T.AnyToken);
    this.ACTION(() => this.failAt(token, expected));
  });

  protected spans({ keyword, last }: Heading): { span: Span; header: Span } {
    return {
      span: spanOfTokens(this.file, keyword, this.LA(0)),
      header: spanOfTokens(this.file, keyword, last),
    };
  }
}
