/**
 * The words of the language. Only a few are reserved; the others that begin declarations and statements
 * (`layer`, `param`, `input`, …) are names until `layout.ts` finds them where they can only be keywords, so
 * that a tensor may be called `input` or `state`.
 */

import { createToken, Lexer, type TokenType } from "chevrotain";

/** Every token but `}` and the end of a line: what a line that is not a statement may begin with. */
export const AnyToken = createToken({ name: "AnyToken", pattern: Lexer.NA });
/** Operators between two operands. */
export const InfixOperator = createToken({
  name: "InfixOperator",
  pattern: Lexer.NA,
  categories: [AnyToken],
});

const reserved: TokenType[] = [];
const symbols: TokenType[] = [];
const contextual: TokenType[] = [];

export const Identifier = createToken({
  name: "Identifier",
  label: "a name",
  pattern: /[A-Za-z_]\w*'*/,
  categories: [AnyToken],
});

function word(text: string, ...categories: TokenType[]): TokenType {
  const token = createToken({
    name: text,
    label: `\`${text}\``,
    pattern: new RegExp(text),
    longer_alt: Identifier,
    categories: [...categories, AnyToken],
  });
  reserved.push(token);
  return token;
}

function symbol(text: string, ...categories: TokenType[]): TokenType {
  const token = createToken({
    name: text,
    label: `\`${text}\``,
    pattern: text,
    categories: [...categories, AnyToken],
  });
  symbols.push(token);
  return token;
}

function contextualWord(text: string): TokenType {
  const token = createToken({
    name: `${text}Keyword`,
    label: `\`${text}\``,
    pattern: Lexer.NA,
    categories: [Identifier],
  });
  contextual.push(token);
  return token;
}

export const If = word("if");
export const Then = word("then");
export const Else = word("else");
export const For = word("for");
export const In = word("in");
export const Return = word("return");
export const Penalty = word("penalty");
export const Assert = word("assert");
export const Scan = word("scan");
export const True = word("true");
export const False = word("false");
export const None = word("none");
export const And = word("and", InfixOperator);
export const Or = word("or", InfixOperator);
export const Not = word("not");

// Longer symbols first: the lexer takes the first that fits.
export const Ellipsis = symbol("...");
export const Range = symbol("..", InfixOperator);
/** Before the name of a part: `h.all`. */
export const Period = symbol(".");
export const Pipe = symbol("|>", InfixOperator);
/** Only a statement's arrow after `layout.ts`; elsewhere `a <-1` is `a < -1`. */
export const Arrow = symbol("<-");
export const ResultArrow = symbol("->");
export const Equal = symbol("==", InfixOperator);
export const NotEqual = symbol("!=", InfixOperator);
export const LessEqual = symbol("<=", InfixOperator);
export const GreaterEqual = symbol(">=", InfixOperator);
export const Less = symbol("<", InfixOperator);
export const Greater = symbol(">", InfixOperator);
export const Plus = symbol("+", InfixOperator);
export const Minus = symbol("-", InfixOperator);
export const Times = symbol("*", InfixOperator);
export const Divide = symbol("/", InfixOperator);
export const Modulo = symbol("%", InfixOperator);
export const MatMul = symbol("@", InfixOperator);
export const Power = symbol("^", InfixOperator);
export const Assign = symbol("=");
export const Colon = symbol(":");
export const Comma = symbol(",");
export const LeftParenthesis = symbol("(");
export const RightParenthesis = symbol(")");
export const LeftBracket = symbol("[");
export const RightBracket = symbol("]");
export const LeftBrace = symbol("{");
/** Alone outside of `AnyToken`: it ends every block. */
export const RightBrace = createToken({ name: "}", label: "`}`", pattern: "}" });

export const NumberToken = createToken({
  name: "Number",
  label: "a number",
  pattern: /\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d[\d_]*)?/,
  categories: [AnyToken],
});

/** `.5`, `1.`, `2x`: reported, and read as a number so that parsing goes on. */
export const MalformedNumber = createToken({
  name: "MalformedNumber",
  pattern:
    /\d[\d_]*\.(?![.\d])\w*|\.\d[\d_]*(?:[eE][+-]?\d+)?\w*|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d[\d_]*[A-Za-z]|(?![eE][+-]?\d)[A-Za-z])\w*/,
  categories: [NumberToken],
});

export const StringToken = createToken({
  name: "String",
  label: "a string",
  pattern: /"[^"\\\n\r]*(?:\\[^\n\r][^"\\\n\r]*)*"/,
  categories: [AnyToken],
});

/** A string without its closing quote: reported, and read as a string to the end of the line. */
export const UnterminatedString = createToken({
  name: "UnterminatedString",
  pattern: /"[^"\\\n\r]*(?:\\[^\n\r][^"\\\n\r]*)*\\?/,
  categories: [StringToken],
});

/** Raw line breaks; `layout.ts` turns those that end a statement into `EndOfLine`. */
export const LineBreak = createToken({
  name: "LineBreak",
  pattern: /\r\n|\n|\r/,
  line_breaks: true,
});
export const EndOfLine = createToken({
  name: "EndOfLine",
  label: "the end of the line",
  pattern: Lexer.NA,
});

/** A comma just before a closing bracket. */
export const TrailingComma = createToken({
  name: "TrailingComma",
  label: "`,`",
  pattern: Lexer.NA,
  categories: [AnyToken],
});

/** A reducer's name where `[` follows. */
export const Reducer = createToken({
  name: "Reducer",
  label: "a reducer",
  pattern: Lexer.NA,
  categories: [AnyToken],
});

export const Import = contextualWord("import");
export const Const = contextualWord("const");
export const Fn = contextualWord("fn");
export const Layer = contextualWord("layer");
export const Model = contextualWord("model");
export const Optimizer = contextualWord("optimizer");
export const Metric = contextualWord("metric");
export const Data = contextualWord("data");
export const Train = contextualWord("train");
export const Gradient = contextualWord("gradient");
export const Param = contextualWord("param");
export const State = contextualWord("state");
export const Statistic = contextualWord("statistic");
export const Input = contextualWord("input");
export const Output = contextualWord("output");
export const Scale = contextualWord("scale");
export const Prepare = contextualWord("prepare");
export const Update = contextualWord("update");

/** What may begin a declaration. */
export const declarationKeywords: ReadonlyMap<string, TokenType> = new Map([
  ["import", Import],
  ["const", Const],
  ["fn", Fn],
  ["layer", Layer],
  ["model", Model],
  ["optimizer", Optimizer],
  ["metric", Metric],
  ["data", Data],
  ["train", Train],
]);

/** What begins a procedure of an optimizer if its parameters follow. */
export const procedureKeywords: ReadonlyMap<string, TokenType> = new Map([
  ["scale", Scale],
  ["gradient", Gradient],
  ["prepare", Prepare],
  ["update", Update],
]);

/** What begins a statement if a name follows. */
export const statementKeywords: ReadonlyMap<string, TokenType> = new Map([
  ["param", Param],
  ["state", State],
  ["statistic", Statistic],
  ["input", Input],
  ["output", Output],
]);

/** Comments are dropped, but those that document a declaration are kept aside. */
export const documentationGroup = "documentation";

export const DocumentationComment = createToken({
  name: "DocumentationComment",
  pattern: /\/\/\/(?!\/)[^\n\r]*/,
  group: documentationGroup,
});

export const UnterminatedComment = createToken({
  name: "UnterminatedComment",
  pattern: /\/\*[\s\S]*/,
  line_breaks: true,
  group: "unterminated",
});

const dropped = [
  createToken({ name: "Blank", pattern: /[ \t\f\v\u00a0\ufeff]+/, group: Lexer.SKIPPED }),
  DocumentationComment,
  createToken({ name: "LineComment", pattern: /\/\/[^\n\r]*/, group: Lexer.SKIPPED }),
  createToken({
    name: "BlockComment",
    pattern: /\/\*[\s\S]*?\*\//,
    line_breaks: true,
    group: Lexer.SKIPPED,
  }),
  UnterminatedComment,
];

/** In the order in which the lexer tries them. */
export const allTokens: readonly TokenType[] = [
  ...dropped,
  LineBreak,
  StringToken,
  UnterminatedString,
  ...reserved,
  Identifier,
  Ellipsis,
  Range,
  MalformedNumber,
  NumberToken,
  ...symbols.filter((token) => token !== Ellipsis && token !== Range),
  RightBrace,
  ...contextual,
  EndOfLine,
  TrailingComma,
  Reducer,
  InfixOperator,
  AnyToken,
];
