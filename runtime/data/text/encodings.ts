/** The vocabularies of text columns, and how their texts become rows. */

import type { ColumnSource } from "../../plan.ts";
import type { DataFile } from "../data-file.ts";
import {
  encodeTokens,
  numberWords,
  textOptions,
  tokensOf,
  type Vocabulary,
  WordCounter,
} from "./tokens.ts";

/** Makes a text the elements of a row. */
export type TextEncoding = (text: string) => Float64Array;

/** Encodings of those columns that are text. */
export type TextEncodings = ReadonlyMap<ColumnSource, TextEncoding>;

/** Hands each text of a column in a file to `visit`. */
export type ReadTexts = (
  file: DataFile,
  source: ColumnSource,
  visit: (text: string) => void,
) => void;

/**
 * @throws DataError if a vocabulary's file is missing or damaged, or an argument is wrong.
 */
export async function textEncodings(
  sources: readonly ColumnSource[],
  readFile: (path: string) => Promise<DataFile>,
  readTexts: ReadTexts,
): Promise<TextEncodings> {
  const encodings = new Map<ColumnSource, TextEncoding>();
  const known = new Map<string, Vocabulary>();
  for (const source of sources) {
    const options = textOptions(source);
    if (options === undefined) continue;
    const counted = source.vocabulary ?? source;
    const key = JSON.stringify([options, options.vocabulary === undefined && counted]);
    const vocabulary =
      known.get(key) ??
      numberWords(
        options.vocabulary === undefined
          ? await countWords(counted, readFile, readTexts)
          : await listedWords(options.vocabulary, readFile),
        options,
      );
    known.set(key, vocabulary);
    const [length] = source.column.shape;
    encodings.set(source, (text) =>
      encodeTokens(tokensOf(text, options), vocabulary, options, length!),
    );
  }
  return encodings;
}

async function countWords(
  source: ColumnSource,
  readFile: (path: string) => Promise<DataFile>,
  readTexts: ReadTexts,
): Promise<readonly string[]> {
  const options = textOptions(source);
  const counter = new WordCounter();
  if (options !== undefined) {
    const file = await readFile(source.path);
    readTexts(file, source, (text) => counter.add(tokensOf(text, options)));
  }
  return counter.words();
}

async function listedWords(
  path: string,
  readFile: (path: string) => Promise<DataFile>,
): Promise<readonly string[]> {
  const { bytes } = await readFile(path);
  return new TextDecoder()
    .decode(bytes)
    .split(/\r?\n/)
    .filter((word) => word !== "");
}
