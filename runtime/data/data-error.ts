/**
 * The one error of the data layer. A file that is missing, cut short or says something impossible
 * is the user's mistake, not ours: the message names the file and the place, what was expected
 * there, what was found, and what to do about it.
 */

export interface DataProblem {
  /** As the user wrote it. */
  readonly file: string;
  /** `line 3, column "age"` or `byte 128`; left out where the file as a whole is meant. */
  readonly place?: string;
  readonly expected: string;
  readonly found: string;
  /** What to do, as a sentence without a full stop. */
  readonly hint: string;
}

export class DataError extends Error {
  override readonly name = "DataError";
  readonly problem: DataProblem;

  constructor(problem: DataProblem, options?: ErrorOptions) {
    const { file, place, expected, found, hint } = problem;
    const where = place === undefined ? file : `${file}: ${place}`;
    super(onOneLine(`${where}: expected ${expected}, found ${found} (${hint})`), options);
    this.problem = problem;
  }
}

/** Names out of a damaged file may hold anything, what moves a terminal's cursor included. */
function onOneLine(message: string): string {
  return message.replace(
    /[\p{Cc}\u2028\u2029]/gu,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A piece of foreign text as it may stand in a message: quoted, on one line, of bounded length. */
export function quoted(text: string): string {
  return JSON.stringify(shortened(text));
}

/** A foreign value as JSON, likewise bounded; what is not there is `nothing`. */
export function shown(value: unknown): string {
  return value === undefined ? "nothing" : shortened(JSON.stringify(value));
}

/** Of bounded length. */
export function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
