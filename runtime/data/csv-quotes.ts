/** Where a quoted field of a CSV file goes wrong, for the message: a parser notices it lines, or a file, later. */

export interface OpenQuote {
  /** Lines count from 1. */
  readonly line: number;
  /** What ends the quoted text too soon, and its line; undefined where nothing ends it. */
  readonly end: { readonly text: string; readonly line: number } | undefined;
}

/** The first quoted field that no quote ends before a delimiter or the end of a line. */
export function findOpenQuote(
  text: string,
  quote: string,
  delimiter: string,
): OpenQuote | undefined {
  let line = 1;
  let opened: number | undefined;
  let startsField = true;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    const endsLine = char === "\n" || (char === "\r" && text[i + 1] !== "\n");
    if (opened !== undefined && char === quote) {
      const next = text[i + 1];
      if (next === quote) i++;
      else if (next === undefined || next === "\n" || next === "\r") opened = undefined;
      else if (text.startsWith(delimiter, i + 1)) opened = undefined;
      else return { line: opened, end: { text: next, line } };
    } else if (opened === undefined && startsField && char === quote) {
      opened = line;
    } else if (opened === undefined && text.startsWith(delimiter, i)) {
      i += delimiter.length - 1;
      startsField = true;
      continue;
    }
    startsField = endsLine;
    if (endsLine) line++;
  }
  return opened === undefined ? undefined : { line: opened, end: undefined };
}
