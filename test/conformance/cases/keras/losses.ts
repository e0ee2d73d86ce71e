/**
 * Keras' losses, by the library's functions of the same names: classes with their configuration, their reduction and
 * weights; functions, which give a value a sample, as classes without a reduction.
 */

import { type CaseProgram, NotExpressible, type Tensor } from "../case-program.ts";
import { type RuleCase, shapeOf } from "../case-rules.ts";
import { literal } from "./literal.ts";

/** Keras' functions by the class that computes the same. */
const classOf: Readonly<Record<string, string>> = {
  binary_crossentropy: "BinaryCrossentropy",
  binary_focal_crossentropy: "BinaryFocalCrossentropy",
  categorical_crossentropy: "CategoricalCrossentropy",
  categorical_focal_crossentropy: "CategoricalFocalCrossentropy",
  categorical_generalized_cross_entropy: "CategoricalGeneralizedCrossEntropy",
  categorical_hinge: "CategoricalHinge",
  circle: "Circle",
  cosine_similarity: "CosineSimilarity",
  ctc: "CTC",
  ctc_loss: "CTC",
  dice: "Dice",
  hinge: "Hinge",
  huber: "Huber",
  kl_divergence: "KLDivergence",
  log_cosh: "LogCosh",
  mean_absolute_error: "MeanAbsoluteError",
  mean_absolute_percentage_error: "MeanAbsolutePercentageError",
  mean_squared_error: "MeanSquaredError",
  mean_squared_logarithmic_error: "MeanSquaredLogarithmicError",
  poisson: "Poisson",
  sparse_categorical_crossentropy: "SparseCategoricalCrossentropy",
  squared_hinge: "SquaredHinge",
  tversky: "Tversky",
};

/** What the library does not take: names and element types. */
const left: ReadonlySet<string> = new Set(["name", "dtype"]);

/** `key = value, …` of a configuration. */
export function namedArguments(config: RuleCase["config"]): string {
  return Object.entries(config)
    .filter(([key]) => !left.has(key))
    .map(([key, value]) => `${key} = ${literal(value)}`)
    .join(", ");
}

/** Columns of the batch, and what the call of a loss or a metric gives for each of its inputs. */
export interface Columns {
  readonly batches: ReadonlyMap<string, Tensor>;
  readonly arguments: readonly string[];
}

/** Inputs as columns of one length; weights that are one number stay a number, those of one row are repeated. */
export function columnsOf({ inputs }: RuleCase, names: readonly string[]): Columns {
  const rows = Math.max(...names.map((name) => inputs.get(name)!.shape[0] ?? 0));
  const batches = new Map<string, Tensor>();
  const given = names.map((name) => {
    const { dtype, shape, data } = inputs.get(name)!;
    if (shape.length === 0) return literal(data[0], true);
    const copies = shape[0] === 1 ? rows : 1;
    const repeated = Array.from({ length: copies }, () => Array.from(data)).flat();
    batches.set(name, { dtype, shape: [rows, ...shape.slice(1)], data: repeated });
    return name;
  });
  return { batches, arguments: given };
}

/**
 * Vectors as one row each: where the last axis is what is averaged, it is not the batch. Beside a column they are columns,
 * as Keras gives them a dimension of 1 then.
 */
export function asRow(c: RuleCase): RuleCase {
  const isBesideColumn = [...c.inputs.values()].some(({ shape }) => shape.length > 1);
  const inputs = [...c.inputs].map(([name, tensor]) => {
    const [size = 1] = tensor.shape;
    const shape = isBesideColumn ? [size, 1] : [1, size];
    return [name, tensor.shape.length === 1 ? { ...tensor, shape } : tensor] as const;
  });
  return { ...c, inputs: new Map(inputs) };
}

/** Whether labels of the loss or metric are class numbers. */
export const takesClassNumbers = (name: string): boolean =>
  /^(sparse|categorical_?generalized|circle|ctc)/i.test(name);

/** The call of the loss, over a batch of the case's rows. */
export function kerasLossProgram(given: RuleCase): CaseProgram {
  const isNamed = given.inputs.has("y_true") && given.inputs.has("y_pred");
  const [t, p] = isNamed ? ["y_true", "y_pred"] : ([...given.inputs.keys()] as [string, string]);
  const isFunction = classOf[given.op] !== undefined;
  const name = classOf[given.op] ?? given.op;
  if (!Object.values(classOf).includes(name)) return eachSample(given, [t, p]);
  const isVector = shapeOf(given, p).length === 1 && !takesClassNumbers(name);
  const weight = given.inputs.get("sample_weight");
  const c = isVector && (weight?.shape.length ?? 0) === 0 ? asRow(given) : given;

  const [[outputName, shape]] = [...c.outputs] as [[string, readonly number[]]];
  const others = ["sample_weight", "target_length", "output_length"];
  const known = [t, p, ...others.filter((input) => c.inputs.has(input))];
  const { batches, arguments: list } = columnsOf(c, known);
  const references = [...c.inputs].filter(([key]) => !known.includes(key));
  const config = isFunction ? { ...c.config, reduction: null } : c.config;
  const expression =
    isFunction && c.reference.startsWith("keras.ops.binary")
      ? `binary_crossentropy_elements(${list.join(", ")}, ${c.config.from_logits === true})`
      : references.length > 0
        ? circleValues(c, list)
        : given.op === "ctc_loss"
          ? `ctc_values(${list.join(", ")}, ${literal(c.config.mask_index ?? 0)})`
          : `${name}(${namedArguments(config)})(${list.join(", ")})`;
  const isEach = config.reduction === null || config.reduction === "none";
  const rows = batches.get(p)!.shape[0];
  // Classes along the first axis are no batch.
  const isAcross = c.config.axis === 0 && shapeOf(c, p).length > 1;
  return {
    params: new Map(),
    inputs: new Map([...references, ...(isAcross ? batches : [])]),
    batches: isAcross ? new Map<string, Tensor>() : batches,
    statements: [],
    outputs: [
      {
        name: outputName,
        expression,
        shape,
        isBatch: isEach && !isAcross && (isVector || shape[0] === rows),
      },
    ],
  };
}

/**
 * A function of which the library has the mean over the samples, such as `binary_accuracy`: its value for a sample is
 * what it gives for a batch of that sample alone.
 */
function eachSample(c: RuleCase, names: readonly string[]): CaseProgram {
  if (!/^[a-z]/.test(c.op)) throw new NotExpressible(c.reference);
  const [[output, shape]] = [...c.outputs] as [[string, readonly number[]]];
  const given = namedArguments(c.config);
  const places = shape.reduce<string[]>(
    (outer, extent, axis) =>
      outer.flatMap((place) =>
        Array.from({ length: extent }, (_, i) => {
          const index = axis === shape.length - 1 ? `${i}:${i + 1}` : `${i}`;
          return [place, index].filter((text) => text !== "").join(", ");
        }),
      ),
    [""],
  );
  const values = places.map((place) => {
    const samples = names.map((name) => (place === "" ? name : `${name}[${place}]`));
    return `${c.op}(${[...samples, given].filter((text) => text !== "").join(", ")})`;
  });
  const expression =
    shape.length === 0
      ? values[0]!
      : `reshape(stack([${values.join(", ")}], axis = 0), [${shape.join(", ")}])`;
  return {
    params: new Map(),
    inputs: new Map([...c.inputs].filter(([name]) => names.includes(name))),
    statements: [],
    outputs: [{ name: output, expression, shape }],
  };
}

/** Circle against samples that are not of the batch. */
function circleValues({ op, inputs, config }: RuleCase, [t, p]: readonly string[]): string {
  if (op !== "circle") throw new NotExpressible(`${op} of more than labels and predictions`);
  const labels = inputs.has("ref_labels") ? "ref_labels" : t;
  const embeddings = inputs.has("ref_embeddings") ? "ref_embeddings" : p;
  const { remove_diagonal: without = true, gamma = 80, margin = 0.4 } = config;
  const settings = [without, gamma, margin].map((value) => literal(value));
  return `circle_values(${[t, p, labels, embeddings, ...settings].join(", ")})`;
}
