/**
 * Text as tokens, with the arguments of Keras' TextVectorization: a column is text where `split` is given. Words
 * are numbered by falling frequency, those of equal frequency in alphabetical order.
 */

import type { ColumnSource } from "../../plan.ts";
import { DataError } from "../data-error.ts";
import { choiceOption, countOption, givesOption, stringOption } from "../reader-options.ts";

const standardizations = [
  "lower_and_strip_punctuation",
  "lower",
  "strip_punctuation",
  "none",
] as const;
const splits = ["whitespace", "character"] as const;
const modes = ["int", "multi_hot", "count"] as const;
const sides = ["pre", "post"] as const;

/** What the reader's arguments say about a text. */
export interface TextOptions {
  readonly standardize: (typeof standardizations)[number];
  readonly split: (typeof splits)[number];
  /**
   * `int`: a sequence of numbers, 0 where the text has ended, 1 for words that are not in the vocabulary, its words
   * from 2; `multi_hot` and `count`: for each number whether or how often it occurs, 0 for words that are not in the
   * vocabulary, its words from 1.
   */
  readonly mode: (typeof modes)[number];
  /** Where a short text is filled with 0, and a long one cut. */
  readonly padding: (typeof sides)[number];
  readonly truncating: (typeof sides)[number];
  /** The numbers there are at most, those of no word included. */
  readonly limit: number | undefined;
  /** A file of words, one a line. */
  readonly vocabulary: string | undefined;
}

/** Undefined for a column of numbers. */
export function textOptions(source: ColumnSource): TextOptions | undefined {
  if (!givesOption(source, "split")) return undefined;
  const given = givesOption(source, "vocabulary");
  const mode = choiceOption(source, "output_mode", modes, "int");
  const { shape } = source.column;
  if (shape.length !== 1) {
    throw new DataError({
      file: source.path,
      place: `column ${source.column.name}`,
      expected: "one dimension, for the numbers of a text's words",
      found: `${shape.length} dimensions`,
      hint: "declare it as i32[length], or as f32[words] for multi_hot and count",
    });
  }
  const limit = countOption(source, "max_tokens");
  return {
    standardize: choiceOption(source, "standardize", standardizations, standardizations[0]),
    split: choiceOption(source, "split", splits, "whitespace"),
    mode,
    padding: choiceOption(source, "padding", sides, "post"),
    truncating: choiceOption(source, "truncating", sides, "post"),
    limit: limit ?? (mode === "int" ? undefined : shape[0]),
    vocabulary: given ? stringOption(source, "vocabulary", "") : undefined,
  };
}

/** Keras' set of punctuation: that of ASCII. */
const punctuation = /[!-/:-@[-`{-~]/g;

export function tokensOf(text: string, { standardize, split }: TextOptions): readonly string[] {
  const lower = standardize === "lower" || standardize === "lower_and_strip_punctuation";
  const strip = standardize.endsWith("strip_punctuation");
  const cased = lower ? text.toLowerCase() : text;
  const plain = strip ? cased.replace(punctuation, "") : cased;
  return split === "character" ? [...plain] : plain.split(/\s+/).filter((word) => word !== "");
}

/** Numbers before the first word: those of padding and of unknown words. */
export function reservedNumbers({ mode }: Pick<TextOptions, "mode">): number {
  return mode === "int" ? 2 : 1;
}

/** Words by number, from the first that is no reserved one. */
export type Vocabulary = ReadonlyMap<string, number>;

export function numberWords(words: Iterable<string>, options: TextOptions): Vocabulary {
  const first = reservedNumbers(options);
  const numbers = new Map<string, number>();
  for (const word of words) {
    const number = first + numbers.size;
    if (options.limit !== undefined && number >= options.limit) break;
    if (!numbers.has(word)) numbers.set(word, number);
  }
  return numbers;
}

/** Counts words, to number them by how common they are. */
export class WordCounter {
  readonly #counts = new Map<string, number>();

  add(tokens: readonly string[]): void {
    for (const token of tokens) this.#counts.set(token, (this.#counts.get(token) ?? 0) + 1);
  }

  /** The commonest first. */
  words(): readonly string[] {
    const byCount = [...this.#counts].sort(
      ([a, m], [b, n]) => n - m || (a < b ? -1 : a > b ? 1 : 0),
    );
    return byCount.map(([word]) => word);
  }
}

/** The elements of a row: as many as `length`. */
export function encodeTokens(
  tokens: readonly string[],
  vocabulary: Vocabulary,
  options: TextOptions,
  length: number,
): Float64Array {
  const { mode, padding, truncating } = options;
  const row = new Float64Array(length);
  const unknown = reservedNumbers(options) - 1;
  if (mode === "int") {
    const kept = truncating === "post" ? tokens.slice(0, length) : tokens.slice(-length);
    const start = padding === "post" ? 0 : length - kept.length;
    kept.forEach((token, i) => {
      row[start + i] = vocabulary.get(token) ?? unknown;
    });
    return row;
  }
  for (const token of tokens) {
    const number = vocabulary.get(token) ?? unknown;
    row[number] = mode === "count" ? row[number]! + 1 : 1;
  }
  return row;
}
