/**
 * Paths of layers, params and states. A layer is named after its binding, else after its declaration in snake
 * case, with a counter by first application as in Keras. The same place of the source gets the same name in
 * every graph of the program and at every application of the layer around it.
 */

export class NameRegistry {
  readonly #bySite = new Map<string, string>();
  readonly #used = new Map<string, Set<string>>();

  /** The name, within `scope`, of what the source makes at `site`; `base` or `base_k`. */
  assign(scope: string, site: string, base: string): string {
    const key = `${scope} ${site}`;
    const known = this.#bySite.get(key);
    if (known !== undefined) return known;
    const used = this.#used.get(scope) ?? new Set();
    this.#used.set(scope, used);
    let name = base;
    for (let k = 1; used.has(name); k++) name = `${base}_${k}`;
    used.add(name);
    this.#bySite.set(key, name);
    return name;
  }
}

/** `GatedBlock` → `gated_block`, `Gated2D` → `gated2d`. Source: keras.src.utils.naming. */
export function snakeCase(name: string): string {
  return name
    .replace(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}

export function joinPath(scope: string, name: string): string {
  return scope === "" ? name : `${scope}/${name}`;
}
