/** Lines, columns and widths of source text: what a renderer or an editor needs of an offset. */

/** Both from 1; columns count code points. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One file's text, with its lines found once. Lines end with \n, \r\n or \r. */
export class SourceText {
  readonly text: string;
  readonly #starts: readonly number[];

  constructor(text: string) {
    this.text = text;
    const starts = [0];
    for (const match of text.matchAll(/\r\n|\n|\r/g)) starts.push(match.index + match[0].length);
    this.#starts = starts;
  }

  /** The line number, from 1, of an offset; offsets beyond the text count as its end. */
  lineOf(offset: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  startOf(line: number): number {
    return this.#starts[line - 1] ?? this.text.length;
  }

  /** The line without its end. */
  line(line: number): string {
    return this.text.slice(this.startOf(line), this.startOf(line + 1)).replace(/[\r\n]+$/, "");
  }

  position(offset: number): Position {
    const inside = Math.max(0, Math.min(offset, this.text.length));
    const line = this.lineOf(inside);
    const before = this.text.slice(this.startOf(line), inside);
    return { line, column: [...before].length + 1 };
  }
}

const tabWidth = 2;

/** Control characters, which would move the cursor, and marks that reverse the writing's direction. */
const invisible = /[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** A line as it can be shown on a terminal: tabs as spaces, control characters replaced. */
export function printable(text: string): string {
  return text.replaceAll("\t", " ".repeat(tabWidth)).replace(invisible, "\ufffd");
}

/** Cells that a text takes in a terminal, by the ranges of Unicode's East Asian Width and emoji. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of printable(text)) width += cellsOf(character);
  return width;
}

function cellsOf(character: string): number {
  if (/^(?:\p{Mark}|\u200b|\u200c|\u200d)$/u.test(character)) return 0;
  const isWide =
    /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]$/u;
  return isWide.test(character) || /^\p{Emoji_Presentation}$/u.test(character) ? 2 : 1;
}
