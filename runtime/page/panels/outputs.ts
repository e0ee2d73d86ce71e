/** What a model says: bars for classes, numbers for the rest. */

import { formatMetric } from "../../training/report/format.ts";
import { make } from "../elements.ts";
import { formatPercent, quantityName } from "../format.ts";
import type { OutputValues } from "../protocol.ts";
import { rankClasses } from "../rank-classes.ts";

/** More classes than this are not all shown, but the most likely ones. */
const MAXIMAL_BARS = 12;

/** The largest of each output with classes, in words; empty if there is none. */
export function describeVerdict(outputs: readonly OutputValues[]): readonly (Node | string)[] {
  const parts = outputs.flatMap((output) => {
    const ranking = rankClasses(output);
    const best = ranking?.classes[0];
    if (ranking === undefined || best === undefined) return [];
    const share = ranking.areShares ? ` with ${formatPercent(best.value)}` : "";
    const prefix = outputs.length > 1 ? `${quantityName(output.name)}: ` : "";
    return [[prefix, make("strong", "", String(best.index)), share]];
  });
  return parts.flatMap((part, index) => (index === 0 ? part : [", ", ...part]));
}

export function renderOutputs(holder: HTMLElement, outputs: readonly OutputValues[]): void {
  holder.replaceChildren(...outputs.map((output) => renderOutput(output, outputs.length > 1)));
}

function renderOutput(output: OutputValues, isOneOfSeveral: boolean): HTMLElement {
  const head = isOneOfSeveral ? make("h3", "", quantityName(output.name)) : null;
  const ranking = rankClasses(output);
  if (ranking === undefined) {
    const values = [...output.data.slice(0, MAXIMAL_BARS)].map(formatNumber).join(", ");
    const more = output.data.length > MAXIMAL_BARS ? ", …" : "";
    return make("div", "output", facts([[quantityName(output.name), `${values}${more}`]]));
  }
  const best = ranking.classes[0]!.index;
  const shown = ranking.classes.slice(0, MAXIMAL_BARS);
  // As many as fit stand in their own order, so that a bar keeps its place.
  if (ranking.classes.length <= MAXIMAL_BARS) shown.sort((a, b) => a.index - b.index);
  const list = make("ul", "bars");
  list.setAttribute("aria-label", `Classes by ${ranking.areShares ? "probability" : "score"}`);
  for (const { index, value, length } of shown) {
    list.append(
      make(
        "li",
        index === best ? "best" : "",
        make("span", "class", String(index)),
        bar(length),
        make("span", "value", ranking.areShares ? formatPercent(value) : formatMetric(value)),
      ),
    );
  }
  return make("div", "output", head, list);
}

const SVG = "http://www.w3.org/2000/svg";

function bar(length: number): Node {
  const svg = document.createElementNS(SVG, "svg");
  const fill = document.createElementNS(SVG, "rect");
  svg.setAttribute("aria-hidden", "true");
  fill.setAttribute("class", "bar-fill");
  fill.setAttribute("height", "100%");
  fill.setAttribute("width", `${(100 * length).toFixed(2)}%`);
  svg.append(fill);
  return svg;
}

/** Names and values, side by side. */
export function facts(entries: readonly (readonly [name: string, value: string])[]): HTMLElement {
  const parts = entries.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]);
  return make("dl", "facts", ...parts);
}

/** Whole numbers as such, others with four digits that count. */
export function formatNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
