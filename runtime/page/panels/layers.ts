/** Keras' table of layers. */

import { bytesPerElement, elementCount } from "../../data/column.ts";
import type { PersistentTensor, TrainerPlan } from "../../plan.ts";
import { formatCount } from "../../training/report/quantities.ts";
import { fillTable, find, findAny, setText } from "../elements.ts";
import { formatSize } from "../format.ts";
import type { Render } from "./panel.ts";

export function createLayersPanel(): Render {
  const table = find("layers-table", HTMLTableElement);
  const totals = findAny("layers-totals");
  let shown: TrainerPlan | null = null;

  return ({ plan }) => {
    if (plan === null || plan === shown) return;
    shown = plan;
    const rows = plan.layers.map(({ name, type, outputShape, parameters, connectedTo }) => [
      name,
      type,
      outputShape.map((extent) => extent ?? "batch").join(" × "),
      formatCount(parameters),
      connectedTo.map((text) => text.replace("[0][0]", "")).join(", ") || "–",
    ]);
    fillTable(table, ["Layer", "Type", "Output", "Parameters", "Reads"], rows, new Set([3]));
    setText(totals, describeTotals(plan));
  };
}

function describeTotals({ tensors }: TrainerPlan): string {
  const total = (...roles: readonly PersistentTensor["role"][]) => {
    const chosen = tensors.filter(({ role }) => roles.includes(role));
    const count = chosen.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    const bytes = chosen.reduce(
      (sum, { shape, dtype }) => sum + elementCount(shape) * bytesPerElement(dtype),
      0,
    );
    return `${formatCount(count)} (${formatSize(bytes)})`;
  };
  return `Trainable: ${total("param")}. Not trainable: ${total("state")}. Optimizer: ${total("slot")}.`;
}
