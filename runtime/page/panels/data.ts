/** The files that the model reads: which are there, and ways to give others. */

import { find, findAny, findInput, make, setHidden, setText } from "../elements.ts";
import { formatSize, plural } from "../format.ts";
import { matchFiles } from "../match-files.ts";
import type { FileStatus, Notice } from "../protocol.ts";
import type { PageContext, Render } from "./panel.ts";

export function createDataPanel({ state, send, dispatch }: PageContext): Render {
  const about = findAny("data-about");
  const list = findAny("data-files");
  const drop = findAny("data-drop");
  const choose = findInput("data-choose");
  const form = find("data-url", HTMLFormElement);
  const more = findAny("data-more");
  const address = findInput("data-address");
  const as = find("data-as", HTMLSelectElement);
  const items = new Map<string, FileItem>();

  const take = (files: readonly File[]) => {
    const paths = state().files.map(({ path }) => path);
    const missing = state().files.filter(({ state: at }) => at === "missing" || at === "failed");
    const { matched, unknown } = matchFiles(
      files,
      paths,
      missing.map(({ path }) => path),
    );
    for (const [path, file] of matched)
      send({ kind: "use-file", path, source: { kind: "file", file } });
    if (unknown.length > 0) dispatch({ kind: "notice", notice: unknownFiles(unknown, paths) });
  };
  choose.addEventListener("change", () => {
    take([...(choose.files ?? [])]);
    choose.value = "";
  });
  acceptDrops(drop, take);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const url = address.value.trim();
    if (url === "") {
      address.focus();
      return;
    }
    send({ kind: "use-file", path: as.value, source: { kind: "url", url } });
  });

  return ({ files, plan }) => {
    if (plan === null) return;
    for (const part of [list, drop, more]) setHidden(part, files.length === 0);
    setText(about, files.length === 0 ? "This model has no data block." : describeFiles(files));
    for (const file of files) {
      const item = items.get(file.path) ?? createItem(file.path);
      if (!items.has(file.path)) {
        items.set(file.path, item);
        list.append(item.element);
        as.append(new Option(fileName(file.path), file.path));
      }
      setText(item.state, describeFile(file));
      item.state.className = `state ${file.state}`;
    }
  };
}

interface FileItem {
  readonly element: HTMLElement;
  readonly state: HTMLElement;
}

function createItem(path: string): FileItem {
  const state = make("span", "state");
  state.setAttribute("role", "status");
  const folder = path.slice(0, path.length - fileName(path).length);
  const name = make("span", "name", make("span", "folder", folder), fileName(path));
  return { element: make("li", "", name, state), state };
}

function describeFiles(files: readonly FileStatus[]): string {
  const missing = files.filter((file) => file.state === "missing").length;
  if (missing === 0)
    return "Read when training starts. Files of your own can take their place; they stay in this browser.";
  return `${plural(missing, "file")} ${missing === 1 ? "is" : "are"} not on the server: give ${missing === 1 ? "it" : "them"} below.`;
}

function describeFile({ state, bytes, loadedBytes, origin, rows, problem }: FileStatus): string {
  const size = bytes === null ? "" : formatSize(bytes);
  switch (state) {
    case "missing":
      return "Missing";
    case "available":
      return `On the server, ${size}`;
    case "loading": {
      const of = bytes === null || loadedBytes > bytes ? "" : ` of ${size}`;
      return loadedBytes === 0 ? "Loading…" : `Loading: ${formatSize(loadedBytes)}${of}`;
    }
    case "loaded": {
      const counts = Object.entries(rows).map(
        ([block, count]) => `${count.toLocaleString("en-US")} rows to ${verbs[block] ?? block}`,
      );
      return `✓ ${counts.join(", ")}${origin === null ? "" : `, from ${origin}`}`;
    }
    case "failed":
      return [`✗ ${problem?.title}.`, problem?.detail, problem?.advice].filter(Boolean).join(" ");
  }
}

const verbs: Readonly<Record<string, string>> = {
  train: "train on",
  validation: "validate on",
  test: "test on",
};

function unknownFiles(files: readonly File[], paths: readonly string[]): Notice {
  const names = files.map(({ name }) => name).join(", ");
  return {
    level: "error",
    action: null,
    problem: {
      title:
        files.length === 1
          ? "The model reads no file of that name"
          : "The model reads no files of those names",
      detail: `${names}: the model's data block names ${paths.map(fileName).join(", ")}.`,
      advice: "Rename the file as the model has it, then give it again.",
    },
  };
}

function fileName(path: string): string {
  return path.split("/").at(-1)!;
}

/** Files dropped on an element; what is dropped beside it must not replace the page. */
export function acceptDrops(target: HTMLElement, take: (files: readonly File[]) => void): void {
  const over = (on: boolean) => target.classList.toggle("over", on);
  target.addEventListener("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  target.addEventListener("dragleave", () => over(false));
  target.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    take([...(event.dataTransfer?.files ?? [])]);
  });
}
