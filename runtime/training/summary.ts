/** The table of Keras' `model.summary()`, from the plan alone. */

import { bytesPerElement, elementCount } from "../data/column.ts";
import type { LayerSummary, PersistentTensor, TrainerPlan } from "../plan.ts";
import { formatBytes, formatCount } from "./report/quantities.ts";
import { formatTable, type TableColumn } from "./report/table.ts";

export function formatSummary(plan: Pick<TrainerPlan, "model" | "layers" | "tensors">): string {
  const connected = !isChain(plan.layers);
  const columns: TableColumn[] = [
    { title: "Layer (type)", align: "left" },
    { title: "Output Shape", align: "left" },
    { title: "Param #", align: "right" },
    ...(connected ? ([{ title: "Connected to", align: "left" }] as const) : []),
  ];
  const rows = plan.layers.map((layer) => [
    `${layer.name} (${layer.type})`,
    formatShape(layer.outputShape),
    formatCount(layer.parameters),
    ...(connected ? [layer.connectedTo.join(",\n") || "-"] : []),
  ]);
  const size = (title: string, ...roles: PersistentTensor["role"][]) => {
    const tensors = plan.tensors.filter(({ role }) => roles.includes(role));
    const count = tensors.reduce((total, { shape }) => total + elementCount(shape), 0);
    const bytes = tensors.reduce(
      (total, { shape, dtype }) => total + elementCount(shape) * bytesPerElement(dtype),
      0,
    );
    return ` ${title} params: ${formatCount(count)} (${formatBytes(bytes)})`;
  };
  return [
    `Model: "${plan.model}"`,
    formatTable(columns, rows),
    size("Total", "param", "state"),
    size("Trainable", "param"),
    size("Non-trainable", "state"),
    size("Optimizer", "slot"),
  ].join("\n");
}

/** `(None, 32)`; null is the batch. */
function formatShape(shape: readonly (number | null)[]): string {
  const extents = shape.map((extent) => (extent === null ? "None" : String(extent)));
  return `(${extents.join(", ")}${extents.length === 1 ? "," : ""})`;
}

/** Where each layer reads the one before and nothing else, the column "Connected to" says nothing. */
function isChain(layers: readonly LayerSummary[]): boolean {
  return layers.every(({ connectedTo }, index) => {
    if (index === 0) return connectedTo.length <= 1;
    return connectedTo.length === 1 && connectedTo[0] === `${layers[index - 1]?.name}[0][0]`;
  });
}
