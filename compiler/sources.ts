/** The files of one compilation: every text that was read, for showing places in it. */

import type { Span } from "./diagnostics/diagnostic.ts";
import { SourceText } from "./diagnostics/source-text.ts";
import { type SourceHost, stdPrefix } from "./semantics/modules.ts";

/** A host that remembers what it read. */
export class RecordedSources implements SourceHost {
  readonly #host: SourceHost;
  readonly #texts = new Map<string, string>();
  readonly #lines = new Map<string, SourceText>();

  constructor(host: SourceHost) {
    this.#host = host;
  }

  get texts(): ReadonlyMap<string, string> {
    return this.#texts;
  }

  readFile(path: string): string | undefined {
    return this.#remember(path, this.#host.readFile(path));
  }

  readStd(name: string): string | undefined {
    return this.#remember(`${stdPrefix}${name}`, this.#host.readStd(name));
  }

  keptStd(name: string, text: string): readonly string[] | undefined {
    return this.#host.keptStd?.(name, text);
  }

  filesBeside(path: string): readonly string[] {
    return this.#host.filesBeside?.(path) ?? [];
  }

  #remember(name: string, text: string | undefined): string | undefined {
    if (text !== undefined) this.#texts.set(name, text);
    return text;
  }

  /** `digits.nn:5:30`. */
  locate({ file, start }: Span): string {
    const text = this.#texts.get(file);
    if (text === undefined) return file;
    const lines = this.#lines.get(file) ?? new SourceText(text);
    this.#lines.set(file, lines);
    const { line, column } = lines.position(start);
    return `${file}:${line}:${column}`;
  }
}
