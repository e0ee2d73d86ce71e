/**
 * Chevrotain's own lookahead, each choice of the grammar being analysed when it is first met: a program meets few of
 * them, and to analyse all takes longer than to parse it.
 */

import { type BaseParser, type ILookaheadStrategy, LLkLookaheadStrategy } from "chevrotain";

type Alternation = Parameters<ILookaheadStrategy["buildLookaheadForAlternation"]>[0];
type Optional = Parameters<ILookaheadStrategy["buildLookaheadForOptional"]>[0];

export class LazyLookahead extends LLkLookaheadStrategy {
  override buildLookaheadForAlternation(options: Alternation) {
    return whenMet(() => super.buildLookaheadForAlternation(options));
  }

  override buildLookaheadForOptional(options: Optional) {
    return whenMet(() => super.buildLookaheadForOptional(options));
  }
}

type Lookahead<Of, Result> = (this: BaseParser, of?: Of) => Result;

function whenMet<Of, Result>(build: () => Lookahead<Of, Result>): Lookahead<Of, Result> {
  let built: Lookahead<Of, Result> | undefined;
  return function (of) {
    built ??= build();
    return built.call(this, of);
  };
}
