/** The rows of a model's summary: its inputs and the layers applied in its own body, as Keras lists them. */

import type { LayerSummary } from "../../runtime/plan.ts";
import { elementsAt, type Shape } from "../graph/extent.ts";
import type { Value as GraphValue, Node } from "../graph/node.ts";
import type { Instance } from "./instances.ts";
import type { PersistentEntry } from "./persistent.ts";
import type { TensorValue, Value } from "./values.ts";

interface Row {
  readonly name: string;
  readonly type: string;
  readonly path: string;
  readonly outputShape: readonly (number | null)[];
  readonly connectedTo: readonly string[];
}

export class SummaryRecorder {
  readonly #model: string;
  readonly #rows: Row[] = [];
  /** Which row made a node. */
  readonly #makers = new Map<Node, string>();

  constructor(model: string) {
    this.#model = model;
  }

  input(name: string, value: GraphValue): void {
    this.#makers.set(value.node, name);
    const outputShape = printedShape(value.shape);
    this.#rows.push({ name, type: "InputLayer", path: "", outputShape, connectedTo: [] });
  }

  /** A layer was applied by the instance at `owner`; only what the model itself applies is listed. */
  applied(
    owner: string,
    instance: Instance,
    path: string,
    inputs: readonly TensorValue[],
    result: Value,
  ): void {
    if (owner !== this.#model) return;
    const tensors = (result.kind === "list" ? result.items : [result]).filter(
      (item) => item.kind === "tensor",
    );
    const [first] = tensors;
    if (first === undefined) return;
    const name = path.slice(path.lastIndexOf("/") + 1);
    const connectedTo = [...new Set(inputs.flatMap(({ value }) => this.#makersOf(value)))];
    if (!this.#rows.some((row) => row.path === path)) {
      const type = instance.declaration.name.name;
      const outputShape = printedShape(first.value.shape);
      this.#rows.push({ name, type, path, outputShape, connectedTo });
    }
    for (const { value } of tensors) {
      if (!this.#makers.has(value.node)) this.#makers.set(value.node, name);
    }
  }

  /** The nearest listed layers and inputs that a value was computed from. */
  #makersOf(value: GraphValue): string[] {
    const found: string[] = [];
    const seen = new Set<Node>();
    const pending: Node[] = [value.node];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (seen.has(node)) continue;
      seen.add(node);
      const maker = this.#makers.get(node);
      if (maker !== undefined) found.push(maker);
      else if (node.kind === "compute") pending.push(...node.operands.map((o) => o.node).reverse());
    }
    return [...new Set(found)];
  }

  rows(persistent: readonly PersistentEntry[]): LayerSummary[] {
    return this.#rows.map(({ name, type, path, outputShape, connectedTo }) => {
      const own = persistent.filter(
        (entry) =>
          path !== "" &&
          entry.path.startsWith(`${path}/`) &&
          (entry.role === "param" || entry.role === "state"),
      );
      const parameters = own.reduce((sum, { leaf }) => sum + elementsAt(leaf.shape, 1), 0);
      return { name, type, outputShape, parameters, connectedTo };
    });
  }
}

function printedShape(shape: Shape): (number | null)[] {
  return shape.map(({ batch, constant }) => (batch === 0 ? constant : null));
}
