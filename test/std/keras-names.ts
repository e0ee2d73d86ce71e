/** Keras' names by its groups, from `keras-names.txt`. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface KerasName {
  readonly group: string;
  readonly name: string;
  /** The name and its aliases. */
  readonly all: readonly string[];
  readonly arguments: readonly { readonly name: string; readonly default: string | null }[];
}

export function kerasNames(): KerasName[] {
  const text = readFileSync(join(import.meta.dirname, "keras-names.txt"), "utf8");
  let group = "";
  return text.split("\n").flatMap((line) => {
    if (line.startsWith("## ")) group = line.slice(3);
    if (line === "" || line.startsWith("#")) return [];
    const [names = "", list = ""] = line.split(/:(.*)/);
    const all = names.split("=").map((name) => name.trim());
    return [{ group, name: all[0]!, all, arguments: splitArguments(list) }];
  });
}

/** `strides=(1, 1), padding='valid'`: commas in parentheses separate nothing. */
export function splitArguments(list: string): KerasName["arguments"] {
  return (list.match(/(?:\([^()]*(?:\([^()]*\)[^()]*)*\)|[^,(])+/g) ?? []).flatMap((part) => {
    const [name = "", ...usual] = part.trim().split("=");
    return name === "" ? [] : [{ name, default: usual.length === 0 ? null : usual.join("=") }];
  });
}
