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
  /** What each application reads, in order. */
  readonly connectedTo: string[];
  applications: number;
}

export class SummaryRecorder {
  readonly #model: string;
  readonly #rows: Row[] = [];
  /** Which row, application and output made a node: `encoder[1][0]`. */
  readonly #makers = new Map<Node, string>();
  /** The same of values: a layer that returns its input makes no node. */
  readonly #makersOfValues = new Map<TensorValue, string>();

  constructor(model: string) {
    this.#model = model;
  }

  input(name: string, value: GraphValue): void {
    this.#makers.set(value.node, `${name}[0][0]`);
    this.#add({ name, type: "InputLayer", path: "", outputShape: printedShape(value.shape) });
  }

  #add(row: Omit<Row, "connectedTo" | "applications">): Row {
    const added: Row = { ...row, connectedTo: [], applications: 0 };
    this.#rows.push(added);
    return added;
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
    const type = instance.declaration.name.name;
    const outputShape = printedShape(first.value.shape);
    const at = this.#rows.findIndex((known) => known.path === path);
    // A layer stands below all that it reads.
    const [known] = at < 0 ? [] : this.#rows.splice(at, 1);
    if (known !== undefined) this.#rows.push(known);
    const row = known ?? this.#add({ name, type, path, outputShape });
    row.connectedTo.push(...inputs.flatMap((tensor) => this.#makersOf(tensor)));
    const application = row.applications++;
    tensors.forEach((tensor, output) => {
      const maker = `${name}[${application}][${output}]`;
      this.#makersOfValues.set(tensor, maker);
      if (!this.#makers.has(tensor.value.node)) this.#makers.set(tensor.value.node, maker);
    });
  }

  /** The nearest listed layers and inputs that a value was computed from. */
  #makersOf(tensor: TensorValue): string[] {
    const own = this.#makersOfValues.get(tensor);
    if (own !== undefined) return [own];
    const found: string[] = [];
    const seen = new Set<Node>();
    const pending: Node[] = [tensor.value.node];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (seen.has(node)) continue;
      seen.add(node);
      const maker = this.#makers.get(node);
      if (maker !== undefined) found.push(maker);
      else if (node.kind !== "leaf") pending.push(...node.operands.map((o) => o.node).reverse());
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
      return { name, type, outputShape, parameters, connectedTo: [...new Set(connectedTo)] };
    });
  }
}

function printedShape(shape: Shape): (number | null)[] {
  return shape.map(({ batch, constant }) => (batch === 0 ? constant : null));
}
