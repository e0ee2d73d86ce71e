/** Short ways to the page's elements. */

/** The element of an id in `index.html`, which is of this class. */
export function find<Found extends HTMLElement>(id: string, type: new () => Found): Found {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`index.html has no ${type.name} #${id}`);
}

export const findButton = (id: string): HTMLButtonElement => find(id, HTMLButtonElement);
export const findInput = (id: string): HTMLInputElement => find(id, HTMLInputElement);
export const findAny = (id: string): HTMLElement => find(id, HTMLElement);

type Content = Node | string | null;

/** An element with a class and content. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  ...content: readonly Content[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  element.append(...content.filter((part) => part !== null));
  return element;
}

/** Writes only what changed: live regions speak whenever they are written to. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setHidden(element: HTMLElement, hidden: boolean): void {
  if (element.hidden !== hidden) element.hidden = hidden;
}

/** A button that is disabled while it has the focus would lose it; keyboards keep their place this way. */
export function setDisabled(button: HTMLButtonElement, disabled: boolean): void {
  button.setAttribute("aria-disabled", String(disabled));
}

/** Calls back unless the button says that it is disabled. */
export function onPress(button: HTMLButtonElement, action: () => void): void {
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") !== "true") action();
  });
}

/** A table head and body of text cells; `numeric` columns are aligned to the right. */
export function fillTable(
  table: HTMLTableElement,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numeric: ReadonlySet<number>,
): void {
  const cell = (tag: "th" | "td", text: string, column: number) =>
    make(tag, numeric.has(column) ? "number" : "", text);
  const headCells = head.map((text, column) => {
    const element = cell("th", text, column);
    element.scope = "col";
    return element;
  });
  const bodyRows = rows.map((row) =>
    make("tr", "", ...row.map((text, column) => cell("td", text, column))),
  );
  table.replaceChildren(
    make("thead", "", make("tr", "", ...headCells)),
    make("tbody", "", ...bodyRows),
  );
}
