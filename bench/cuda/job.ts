/**
 * What is measured, as data that every peer understands, nnc's worker in TypeScript and the others in Python: a training
 * step of a model, one product of matrices, or one pass over memory. `bench/peers/cuda/server.py` reads the same.
 */

/** What operands of products may be rounded to. Peers are set alike: `f32` is without tf32. */
export type Precision = "f32" | "tf32" | "bf16";

export const precisions: readonly Precision[] = ["f32", "tf32", "bf16"];

interface BasicJob {
  /** Unique among all jobs. */
  readonly id: string;
  /** File in bench/models. */
  readonly model: string;
  /** Constants of that file that have other values here. */
  readonly constants: Readonly<Record<string, number>>;
  readonly precision: Precision;
}

export interface StepJob extends BasicJob {
  readonly kind: "step";
  /** As peers know the model: `mlp`, `cnn`, `resnet`, `lstm`, `transformer`. */
  readonly network: string;
  readonly batch: number;
  /** Of a sample. */
  readonly input: readonly number[];
}

/** `forward` is a b, `inputs` a bᵀ, `weights` aᵀ b; y is rows × columns. */
export type ProductForm = "forward" | "inputs" | "weights";

export interface ProductJob extends BasicJob {
  readonly kind: "product";
  readonly form: ProductForm;
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

export type TrafficOperation = "copy" | "adam" | "softmax" | "layer-norm" | "bias-gelu";

export interface TrafficJob extends BasicJob {
  readonly kind: "traffic";
  readonly operation: TrafficOperation;
  readonly rows: number;
  readonly columns: number;
}

export type Job = StepJob | ProductJob | TrafficJob;

/** What the head comment of a model's file calls its constants, with some of them replaced. */
export function withConstants(text: string, constants: Readonly<Record<string, number>>): string {
  let replaced = text;
  for (const [name, value] of Object.entries(constants)) {
    const declaration = new RegExp(`^const ${name} = .*$`, "m");
    if (!declaration.test(replaced)) throw new Error(`the model has no constant ${name}`);
    replaced = replaced.replace(declaration, `const ${name} = ${value}`);
  }
  return replaced;
}
