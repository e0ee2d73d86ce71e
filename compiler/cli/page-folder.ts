/**
 * What `nnc build --page` adds to a trainer's folder: the page that trains in the browser, the model's data files as far
 * as they are here, and the licences that lie beside them.
 */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { filesOf } from "../../runtime/data/source-files.ts";
import type { TrainerPlan } from "../../runtime/plan.ts";
import { formatBytes } from "../../runtime/training/report/quantities.ts";
import { CommandError } from "./failure.ts";
import type { PackageFiles } from "./package-files.ts";
import type { TrainerFolder } from "./trainer-folder.ts";

export interface PageFolder extends TrainerFolder {
  /** Paths of data files that are not here, as the model has them. */
  readonly missing: readonly string[];
  /** Of all data files that are copied. */
  readonly dataBytes: number;
}

/** `page.json`, which the page's worker reads: see `runtime/page/worker/page-manifest.ts`. */
interface Manifest {
  readonly name: string;
  readonly files: readonly {
    readonly path: string;
    readonly url: string;
    readonly bytes: number;
  }[];
}

/**
 * `name` is the model's file without its extension; `dataFolder` is where the paths of its data blocks start from.
 * @throws CommandError if the page was not built with nnc.
 */
export function pageFolder(
  plan: Pick<TrainerPlan, "model" | "data">,
  name: string,
  dataFolder: string,
  { root }: Pick<PackageFiles, "root">,
): PageFolder {
  const page = join(root, "dist", "page");
  const index = join(page, "index.html");
  if (!existsSync(index)) {
    throw new CommandError("the page is missing in this copy of nnc", "run `npm run build` in it");
  }
  const data = findData(plan, dataFolder);
  const manifest: Manifest = {
    name,
    files: data.present.map(({ path, url, bytes }) => ({ path, url, bytes })),
  };
  const assets = readdirSync(page).filter((file) => file !== "index.html");
  return {
    texts: {
      "index.html": readFileSync(index, "utf8").replaceAll("%MODEL%", plan.model),
      "page.json": `${JSON.stringify(manifest, null, 2)}\n`,
    },
    copies: {
      ...Object.fromEntries(assets.map((file) => [file, join(page, file)])),
      ...Object.fromEntries(data.present.map(({ url, from }) => [decodeURI(url), from])),
      ...findLicences(data.present, dataFolder),
    },
    missing: data.missing,
    dataBytes: data.present.reduce((total, { bytes }) => total + bytes, 0),
  };
}

/** Lines for people; `shown` is the folder as they gave it. */
export function describePage({ missing, dataBytes }: PageFolder, shown: string): string {
  const data = dataBytes === 0 ? "" : `, ${formatBytes(dataBytes)} of data beside it`;
  const absent =
    missing.length === 0 ? "" : `not here, so the page asks for them: ${missing.join(", ")}\n`;
  return `${shown}: page for any static server${data}; look at it with \`nnc serve-page ${shown}\`\n${absent}`;
}

interface PresentFile {
  readonly path: string;
  /** Absolute. */
  readonly from: string;
  /** Relative to the page, below `data/`. */
  readonly url: string;
  readonly bytes: number;
}

function findData(
  { data }: Pick<TrainerPlan, "data">,
  dataFolder: string,
): { readonly present: readonly PresentFile[]; readonly missing: readonly string[] } {
  const sources = Object.values(data?.blocks ?? {}).flat();
  const paths = [...new Set(sources.flatMap(filesOf))];
  const taken = new Set<string>();
  const present: PresentFile[] = [];
  const missing: string[] = [];
  for (const path of paths) {
    const from = resolve(dataFolder, path);
    const stats = statSync(from, { throwIfNoEntry: false });
    if (stats === undefined || !stats.isFile()) {
      missing.push(path);
      continue;
    }
    const file = placeOf(path, taken);
    taken.add(file);
    const url = file.split("/").map(encodeURIComponent).join("/");
    present.push({ path, from, url, bytes: stats.size });
  }
  return { present, missing };
}

/**
 * Where a data file lies beside the page: as in the model, below `data/`. Paths that lead out of the model's folder
 * keep their file's name only.
 */
export function placeOf(path: string, taken: ReadonlySet<string>): string {
  const parts = path.split(/[/\\]/).filter((part) => part !== "" && part !== ".");
  const isInside = !path.startsWith("/") && !parts.includes("..") && !/^[A-Za-z]:/.test(path);
  const kept = isInside ? parts : parts.slice(-1);
  const file = (kept[0] === "data" ? kept : ["data", ...kept]).join("/");
  if (!taken.has(file)) return file;
  const extension = extname(file);
  for (let number = 2; ; number++) {
    const other = `${file.slice(0, file.length - extension.length)}-${number}${extension}`;
    if (!taken.has(other)) return other;
  }
}

const LICENCE = /^(licen[cs]e|copying|copyright|notice|readme)([._-].*)?$/i;

/** Files that say whose the data is, from each data file's folder up to the model's. */
function findLicences(
  present: readonly PresentFile[],
  dataFolder: string,
): Readonly<Record<string, string>> {
  const licences: Record<string, string> = {};
  const top = resolve(dataFolder);
  for (const { from, url } of present) {
    let [folder, place] = [dirname(from), dirname(decodeURI(url))];
    // The model's own folder describes other things than the data.
    while (folder !== top && place !== ".") {
      for (const name of readdirSync(folder).filter((entry) => LICENCE.test(entry))) {
        const file = join(folder, name);
        if (statSync(file).isFile()) licences[`${place}/${basename(file)}`] = file;
      }
      [folder, place] = [dirname(folder), dirname(place)];
    }
  }
  return licences;
}
