/** The grammar of declarations: what a file consists of. `declaration` reads one, to the end of its tokens. */

import { EOF, type IToken } from "chevrotain";
import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { DiagnosticSink } from "../diagnostics/diagnostic.ts";
import { insteadOfWord } from "../diagnostics/habits.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type {
  GradientBlock,
  Identifier,
  ImportedName,
  OptimizerBase,
  OptimizerDeclaration,
  Parameter,
  Procedure,
  ProcedureName,
  SourceFile,
  Statement,
} from "./ast.ts";
import { describeToken } from "./expectations.ts";
import { ExpressionBuilder } from "./expression-builder.ts";
import { spanOfTokens } from "./spans.ts";
import * as T from "./tokens.ts";
import { TrainingGrammar, type Undocumented } from "./training-grammar.ts";

interface TwoLists {
  readonly config: readonly Parameter[];
  readonly inputs: readonly Parameter[];
}

export class DeclarationGrammar extends TrainingGrammar {
  constructor(checksItself = false) {
    super(checksItself);
    this.performSelfAnalysis();
  }

  /** Reads one declaration's tokens; null, with a diagnostic, if they are none. */
  read(file: SourceFile, tokens: readonly IToken[], sink: DiagnosticSink): Undocumented | null {
    this.file = file;
    this.sink = sink;
    this.builder = new ExpressionBuilder();
    this.conditionDepth = 0;
    this.input = [...tokens];
    try {
      const declaration = this.declaration();
      const [error] = this.errors;
      if (error === undefined) return declaration;
      // Faults of lines are reported where they were caught; this one ended the declaration.
      this.reportFault(error);
    } catch (error) {
      this.reportFault(error);
    }
    return null;
  }

  readonly declaration = this.RULE("declaration", (): Undocumented => {
    return this.OR<Undocumented>([
      { ALT: () => this.SUBRULE(this.importDeclaration) },
      { ALT: () => this.SUBRULE(this.constDeclaration) },
      { ALT: () => this.SUBRULE(this.fnDeclaration) },
      { ALT: () => this.SUBRULE(this.layerDeclaration) },
      { ALT: () => this.SUBRULE(this.modelDeclaration) },
      { ALT: () => this.SUBRULE(this.optimizerDeclaration) },
      { ALT: () => this.SUBRULE(this.metricDeclaration) },
      { ALT: () => this.SUBRULE(this.dataDeclaration) },
      { ALT: () => this.SUBRULE(this.trainDeclaration) },
      {
        ALT: () => {
          const token = this.CONSUME(T.AnyToken);
          return this.ACTION(() => this.failMissingDeclaration(token));
        },
        IGNORE_AMBIGUITIES: true,
      },
    ]);
  });

  readonly importDeclaration = this.RULE("importDeclaration", (): Undocumented => {
    const keyword = this.CONSUME(T.Import);
    let names: ImportedName[] | null = null;
    this.OPTION(() => {
      const list: ImportedName[] = [];
      this.CONSUME(T.LeftBrace);
      this.MANY_SEP({ SEP: T.Comma, DEF: () => list.push(this.SUBRULE(this.importedName)) });
      this.OPTION2(() => this.CONSUME(T.TrailingComma));
      this.CONSUME(T.RightBrace);
      this.SUBRULE(this.wordRule, { ARGS: ["from"] });
      names = list;
    });
    const path = this.SUBRULE(this.string);
    return this.ACTION(() => {
      return { kind: "import", path, names, ...this.spans({ keyword, last: this.LA(0) }) };
    });
  });

  readonly importedName = this.RULE("importedName", (): ImportedName => {
    const name = this.SUBRULE(this.identifier);
    const alias = this.OPTION(() => {
      this.SUBRULE(this.wordRule, { ARGS: ["as"] });
      return this.SUBRULE2(this.identifier);
    });
    return { name, alias: alias ?? name };
  });

  readonly constDeclaration = this.RULE("constDeclaration", (): Undocumented => {
    const keyword = this.CONSUME(T.Const);
    const name = this.SUBRULE(this.identifier);
    const type = this.SUBRULE(this.optionalType);
    const last = this.LA(0);
    this.CONSUME(T.Assign);
    const value = this.SUBRULE(this.expression);
    return this.ACTION(() => {
      return { kind: "const", name, type, value, ...this.spans({ keyword, last }) };
    });
  });

  readonly fnDeclaration = this.RULE("fnDeclaration", (): Undocumented => {
    const keyword = this.CONSUME(T.Fn);
    const name = this.SUBRULE(this.identifier);
    const first = this.SUBRULE(this.parameters);
    const second = this.OPTION(() => this.SUBRULE2(this.parameters));
    const result = this.OPTION2(() => {
      this.CONSUME(T.ResultArrow);
      return this.SUBRULE(this.type);
    });
    const last = this.LA(0);
    const body = this.SUBRULE(this.body);
    const gradient = this.OPTION3(() => {
      this.OPTION4(() => this.CONSUME(T.EndOfLine));
      return this.SUBRULE(this.gradientBlock);
    });
    return this.ACTION(() => ({
      kind: "fn",
      name,
      config: second === undefined ? null : first,
      parameters: second ?? first,
      result: result ?? null,
      body,
      gradient: gradient ?? null,
      ...this.spans({ keyword, last }),
    }));
  });

  /** `= e`, or a block that returns. */
  readonly body = this.RULE("body", (): Statement[] =>
    this.OR<Statement[]>([
      {
        ALT: () => {
          this.CONSUME(T.Assign);
          const part = this.SUBRULE(this.part);
          return this.ACTION(() => [{ kind: "return", value: part.node, span: part.span }]);
        },
      },
      { ALT: () => this.SUBRULE(this.block) },
    ]),
  );

  /** `gradient(d) { … }` */
  readonly gradientBlock = this.RULE("gradientBlock", (): GradientBlock => {
    const cotangents: Identifier[] = [];
    const keyword = this.CONSUME(T.Gradient);
    this.CONSUME(T.LeftParenthesis);
    this.MANY_SEP({
      SEP: T.Comma,
      DEF: () => cotangents.push(this.SUBRULE(this.identifier)),
    });
    this.OPTION(() => this.CONSUME(T.TrailingComma));
    const close = this.CONSUME(T.RightParenthesis);
    const body = this.SUBRULE(this.block);
    return this.ACTION(() => {
      const header = spanOfTokens(this.file, keyword, close);
      const span = spanOfTokens(this.file, keyword, this.LA(0));
      return { kind: "gradient", cotangents, body, header, span };
    });
  });

  readonly layerDeclaration = this.RULE("layerDeclaration", (): Undocumented => {
    const keyword = this.CONSUME(T.Layer);
    const name = this.SUBRULE(this.identifier);
    return this.OR<Undocumented>([
      { ALT: () => this.SUBRULE(this.layerBase, { ARGS: [keyword, name] }) },
      { ALT: () => this.SUBRULE(this.layerBody, { ARGS: [keyword, name] }) },
    ]);
  });

  readonly layerBase = this.RULE("layerBase", (keyword: IToken, name: Identifier): Undocumented => {
    this.CONSUME(T.Assign);
    const base = this.SUBRULE(this.expression);
    return this.ACTION(() => {
      return { kind: "derived-layer", name, base, ...this.spans({ keyword, last: this.LA(0) }) };
    });
  });

  readonly layerBody = this.RULE("layerBody", (keyword: IToken, name: Identifier): Undocumented => {
    const lists = this.SUBRULE(this.twoLists, { ARGS: ["layer", name, "inputs"] });
    const result = this.OPTION(() => {
      this.CONSUME(T.ResultArrow);
      return this.SUBRULE(this.type);
    });
    const last = this.LA(0);
    const body = this.SUBRULE(this.body);
    return this.ACTION(() => {
      const spans = this.spans({ keyword, last });
      return { kind: "layer", name, ...lists, result: result ?? null, body, ...spans };
    });
  });

  readonly metricDeclaration = this.RULE("metricDeclaration", (): Undocumented => {
    const keyword = this.CONSUME(T.Metric);
    const name = this.SUBRULE(this.identifier);
    const lists = this.SUBRULE(this.twoLists, { ARGS: ["metric", name, "y_true, y_pred"] });
    const last = this.LA(0);
    const body = this.SUBRULE(this.block);
    return this.ACTION(() => {
      return { kind: "metric", name, ...lists, body, ...this.spans({ keyword, last }) };
    });
  });

  readonly twoLists = this.RULE(
    "twoLists",
    (kind: string, name: Identifier, second: string): TwoLists => {
      const config = this.SUBRULE(this.parameters);
      const inputs = this.OPTION(() => this.SUBRULE2(this.parameters));
      return this.ACTION(() => {
        if (inputs !== undefined) return { config, inputs };
        const values = { kind, name: name.name, second };
        return this.fail(diagnostics.missingInputs(name.span, values));
      });
    },
  );

  readonly modelDeclaration = this.RULE("modelDeclaration", (): Undocumented => {
    const keyword = this.CONSUME(T.Model);
    const name = this.SUBRULE(this.identifier);
    const config = this.OPTION(() => this.SUBRULE(this.parameters));
    const last = this.LA(0);
    const body = this.SUBRULE(this.block);
    return this.ACTION(() => {
      return { kind: "model", name, config: config ?? [], body, ...this.spans({ keyword, last }) };
    });
  });

  readonly optimizerDeclaration = this.RULE("optimizerDeclaration", (): Undocumented => {
    const keyword = this.CONSUME(T.Optimizer);
    const name = this.SUBRULE(this.identifier);
    const config = this.OPTION(() => this.SUBRULE(this.parameters));
    const base = this.OPTION3(() => this.SUBRULE(this.optimizerBase));
    const last = this.LA(0);
    const body: Statement[] = [];
    const procedures: Procedure[] = [];
    let isComplete = true;
    this.CONSUME(T.LeftBrace);
    this.MANY(() => {
      const isRead = this.line(() => {
        this.OR([
          {
            ALT: () => {
              const procedure = this.SUBRULE(this.procedure);
              this.ACTION(() => procedures.push(procedure));
            },
          },
          {
            ALT: () => {
              const statement = this.SUBRULE(this.statement);
              this.ACTION(() => body.push(statement));
            },
            IGNORE_AMBIGUITIES: true,
          },
        ]);
      });
      isComplete &&= isRead;
      this.OPTION2(() => this.CONSUME(T.EndOfLine));
    });
    this.CONSUME(T.RightBrace);
    return this.ACTION((): OptimizerDeclaration | Undocumented => {
      const found = this.proceduresOf(name, procedures);
      if (found.update === null && base === undefined && isComplete) {
        this.sink.report(diagnostics.optimizerWithoutUpdate(name.span, { name: name.name }));
      }
      const parts = { config: config ?? [], base: base ?? null, body, procedures: found };
      return { kind: "optimizer", name, ...parts, ...this.spans({ keyword, last }) };
    });
  });

  /** `extends Base`, `around inner` */
  readonly optimizerBase = this.RULE("optimizerBase", (): OptimizerBase => {
    const word = this.CONSUME(T.Identifier);
    const name = this.SUBRULE(this.identifier);
    return this.ACTION((): OptimizerBase => {
      const relation = word.image;
      if (relation !== "extends" && relation !== "around") {
        this.failAt(word, "`extends`, `around` or `{`");
      }
      return { relation: relation === "around" ? "around" : "extends", name };
    });
  });

  /** `update(w, g, t) { … }` */
  readonly procedure = this.RULE("procedure", (): Procedure => {
    const keyword = this.OR<IToken>([
      { ALT: () => this.CONSUME(T.Scale) },
      { ALT: () => this.CONSUME(T.Gradient) },
      { ALT: () => this.CONSUME(T.Prepare) },
      { ALT: () => this.CONSUME(T.Update) },
    ]);
    const parameters = this.SUBRULE(this.parameters);
    const body = this.SUBRULE(this.block);
    return this.ACTION(() => {
      const span = spanOfTokens(this.file, keyword, this.LA(0));
      return { kind: "procedure", name: this.identifierOf(keyword), parameters, body, span };
    });
  });

  // ------------------------------------------------------------------------------------- for rules

  private proceduresOf(
    name: Identifier,
    procedures: readonly Procedure[],
  ): OptimizerDeclaration["procedures"] {
    const one = (word: ProcedureName): Procedure | null => {
      const [first, second] = procedures.filter((procedure) => procedure.name.name === word);
      if (second !== undefined) {
        const labels = [{ span: first!.name.span, text: "the first one" }];
        const values = { name: name.name, procedure: word };
        this.sink.report(diagnostics.duplicateProcedure(second.name.span, values, { labels }));
      }
      return first ?? null;
    };
    return {
      scale: one("scale"),
      gradient: one("gradient"),
      prepare: one("prepare"),
      update: one("update"),
    };
  }

  private failMissingDeclaration(token: IToken): never {
    const isWord = token.tokenType === T.Identifier && this.LA(1).tokenType !== EOF;
    const candidate = isWord ? nearest(token.image, T.declarationKeywords.keys()) : undefined;
    const instead = insteadOfWord(token.image);
    const values = { found: describeToken(token), instead, nearest: candidate };
    return this.fail(diagnostics.missingDeclaration(this.spanOf(token), values));
  }
}
