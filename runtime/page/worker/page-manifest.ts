/** `page.json`: what `nnc build --page` put beside the page. */

import { fetchFile } from "./fetch-file.ts";

export interface ServedFile {
  /** As in the model. */
  readonly path: string;
  /** Relative to the page. */
  readonly url: string;
  readonly bytes: number;
}

export interface PageManifest {
  /** Of the model's file: names what is downloaded. */
  readonly name: string;
  readonly files: readonly ServedFile[];
}

export async function loadManifest(): Promise<PageManifest> {
  const bytes = await fetchFile(new URL("page.json", import.meta.url).href, () => {});
  return JSON.parse(new TextDecoder().decode(bytes)) as PageManifest;
}
