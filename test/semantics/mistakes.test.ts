/**
 * Mistakes that people make who know Keras: what they read, as the code, the place, the title and the hint (or
 * else the last note). Each is the tutorial's network with one passage replaced, and gives nothing else.
 */

import { describe, expect, it } from "vitest";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { lowerText } from "./lowering.ts";

const tutorial = `model Net {
  input image: u8[N, 28, 28]
  h = image / 255 |> Flatten |> Dense(32, relu)
  output digit = h |> Dense(10, softmax)
}
data mnist {
  train {
    image: u8[28, 28] = idx("images.gz")
    label: u8 = idx("labels.gz")
  }
}
train Net on mnist {
  loss sparse_categorical_crossentropy(label, digit)
  optimizer RMSprop(learning_rate = 0.001)
  metrics accuracy(label, digit)
  epochs 5
  batch_size 128
  validation 0.1
}
`;

function readBy(user: Diagnostic, text: string): string {
  const { code, primary, title, hint, notes } = user;
  const place = text.slice(primary.span.start, primary.span.end);
  const remark = hint ?? notes.at(-1);
  return `${code} at ${place}: ${title}${remark === undefined ? "" : ` (${remark})`}`;
}

function mistakes(...replacements: readonly (readonly [string, string])[]): string[] {
  let text = tutorial;
  for (const [from, to] of replacements) {
    expect(text).toContain(from);
    text = text.replaceAll(from, to);
  }
  return lowerText(text).diagnostics.map((found) => readBy(found, text));
}

const loss = "sparse_categorical_crossentropy(label, digit)";
const optimizer = "RMSprop(learning_rate = 0.001)";

describe("a mistake in labels and losses", () => {
  it.each<[string, string, string, string]>([
    [
      "float labels",
      "label: u8",
      "label: f32",
      "dtype-mismatch at label: the argument `y_true` has elements of type f32, where i32 is needed (convert it: `i32(…)`)",
    ],
    [
      "class numbers where one-hot labels are needed",
      loss,
      "categorical_crossentropy(label, digit)",
      "assertion-failed at categorical_crossentropy(label, digit): labels must be one-hot, as predictions are; class numbers take a sparse loss (here `y_true` is f32[N], from the column `label`, `y_pred` is f32[N, 10], from `Dense`)",
    ],
    [
      "class numbers compared with probabilities",
      loss,
      "mse(label, digit)",
      "assertion-failed at mse(label, digit): predictions have a dimension more than labels; class numbers become one-hot by one_hot(labels, n) (here `y_true` is u8[N], from the column `label`, `y_pred` is f32[N, 10], from `Dense`)",
    ],
    [
      "a loss by its name",
      loss,
      '"mse"',
      'not-a-scalar at "mse": the loss must be a single number, not the string "mse" (call it: `mse(y_true, y_pred)`)',
    ],
    [
      "a loss without its arguments",
      loss,
      "mse",
      "not-a-scalar at mse: the loss must be a single number, not the function `mse` (call it: `mse(y_true, y_pred)`)",
    ],
    [
      "a loss for each element",
      loss,
      "(one_hot(label, 10) - digit)^2",
      "not-a-scalar at (one_hot(label, 10) - digit)^2: the loss must be a single number, not f32[N, 10] (take the mean: `mean(…)`)",
    ],
    [
      "a value inside the model",
      loss,
      "sparse_categorical_crossentropy(label, h)",
      "unknown-name at h: `h` is not defined (it is bound inside the model; write `output h = …` there to use it here)",
    ],
    [
      "metrics in brackets",
      "metrics accuracy(label, digit)",
      "metrics [accuracy(label, digit)]",
      "not-a-scalar at [accuracy(label, digit)]: the metric `metric` must be a single number, not a list (several are written without brackets: `metrics a, b`)",
    ],
  ])("%s", (_, from, to, expected) => {
    expect(mistakes([from, to])).toEqual([expected]);
  });

  it("a single class, in the loss", () => {
    const [found] = mistakes(["Dense(10, softmax)", "Dense(1, softmax)"]);
    expect(found).toBe(
      `advice-not-followed at ${loss}: of a single class the probability is always 1; one probability takes binary_crossentropy (here \`y_pred\` is f32[N, 1], from \`Dense\`, \`axis\` is 1)`,
    );
  });

  it("labels that are no one-hot labels of the model's classes", () => {
    const [found] = mistakes(
      ["label: u8", "label: f32[3]"],
      [loss, "categorical_crossentropy(label, digit)"],
      ["  metrics accuracy(label, digit)\n", ""],
    );
    expect(found).toBe(
      "assertion-failed at categorical_crossentropy(label, digit): labels must be one-hot, as predictions are: as many classes in each (here `y_true` is f32[N, 3], from the column `label`, `y_pred` is f32[N, 10], from `Dense`)",
    );
  });

  it("two labels for one prediction, which only regression broadcasts", () => {
    const changed = [
      ["label: u8", "label: f32[2]"],
      ["Dense(10, softmax)", "Dense(1, sigmoid)"],
      ["  metrics accuracy(label, digit)\n", ""],
    ] as const;
    expect(mistakes(...changed, [loss, "binary_crossentropy(label, digit)"])).toEqual([
      "assertion-failed at binary_crossentropy(label, digit): labels and predictions must have the same shape (here `y_true` is f32[N, 2], from the column `label`, `y_pred` is f32[N, 1], from `Dense`)",
    ]);
    expect(mistakes(...changed, [loss, "mse(label, digit)"])).toEqual([
      "advice-not-followed at mse(label, digit): labels and predictions have different shapes, so elements of one side meet several of the other (here `y_true` is f32[N, 2], from the column `label`, `y_pred` is f32[N, 1], from `Dense`)",
    ]);
  });

  it("rows that meet all others, for want of a dimension", () => {
    expect(
      mistakes(
        ["label: u8", "label: f32"],
        ["Dense(10, softmax)", "Dense(1)"],
        ["  metrics accuracy(label, digit)\n", ""],
        [loss, "mean((label - digit)^2)"],
      ),
    ).toEqual([
      "rows-meet-rows at -: - pairs every row of the batch with every other (for a row with itself, the shapes must agree: `a[:, 0]` drops a dimension of 1, `b[:, none]` adds one; pairs are written in index notation: `d[n, m < N] = a[n] - b[m]`)",
    ]);
  });

  it("a model or data misspelt, among those that there are", () => {
    expect(mistakes(["train Net on", "train Nat on"])).toEqual([
      "unknown-name at Nat: `Nat` is not defined (did you mean `Net`?)",
    ]);
    expect(mistakes(["on mnist", "on mnst"])[0]).toBe(
      "unknown-data at mnst: there are no data `mnst` (did you mean `mnist`?)",
    );
  });

  it("one-hot labels for a sparse loss, and in the metric that follows them", () => {
    expect(mistakes(["label: u8", "label: u8[10]"])).toEqual([
      `assertion-failed at ${loss}: labels must be class numbers; one-hot labels take categorical_crossentropy (here \`label\` is i32[N, 10], from the column \`label\`, \`y_pred\` is f32[N, 10], from \`Dense\`)`,
    ]);
  });

  it("no column of labels, at each use", () => {
    const hint = "the model `Net` has image, digit; the data `mnist` image";
    const message = `unknown-name at label: \`label\` is not defined (${hint})`;
    expect(mistakes(['    label: u8 = idx("labels.gz")\n', ""])).toEqual([message, message]);
  });

  it("a layer misspelt, of which what a callback monitors depends", () => {
    const callbacks = "  callbacks EarlyStopping(patience = 2)\n  validation 0.1";
    expect(mistakes(["Dense(10,", "Dens(10,"], ["  validation 0.1", callbacks])).toEqual([
      "unknown-name at Dens: `Dens` is not defined (did you mean `Dense`?)",
    ]);
  });

  it("what a model gives returned, as functions do", () => {
    const [found, ...others] = mistakes(["output digit = h |> Dense(10, softmax)", "return h"]);
    expect(found).toMatch(/^misplaced-statement at return h: .* \(mark what the model gives: `out/);
    expect(others).toEqual([]);
  });

  it("a forgotten Flatten, in loss and metric", () => {
    const found = mistakes(["|> Flatten ", ""]);
    expect(found).toHaveLength(2);
    expect(found[0]).toContain("is a Flatten missing?");
    expect(found[0]).toContain("`y_pred` is f32[N, 28, 10], from `Dense`");
  });
});

describe("logits and probabilities", () => {
  const withLogits = [loss, loss.replace(")", ", from_logits = true)")] as const;

  it("are told apart by what is known of the values", () => {
    const probabilities = mistakes(withLogits);
    expect(probabilities).toHaveLength(1);
    expect(probabilities[0]).toContain("advice-not-followed");
    expect(probabilities[0]).toContain("before a softmax, and these are probabilities");
    const logits = mistakes(["Dense(10, softmax)", "Dense(10)"]);
    expect(logits).toHaveLength(1);
    expect(logits[0]).toContain("is a softmax missing, or from_logits = true?");
    expect(mistakes(withLogits, ["Dense(10, softmax)", "Dense(10)"])).toEqual([]);
  });

  it("are told apart through other functions, and not where nothing is known", () => {
    for (const activation of ["sigmoid", "softmax", "hard_sigmoid"]) {
      expect(mistakes(withLogits, ["Dense(10, softmax)", `Dense(10, ${activation})`])).toHaveLength(
        1,
      );
    }
    for (const activation of ["softmax", "exponential", "relu", "tanh", "silu"]) {
      expect(mistakes(["Dense(10, softmax)", `Dense(10, ${activation})`])).toEqual([]);
    }
    expect(mistakes(["Dense(10, softmax)", "Dense(10, use_bias = false)"])).toHaveLength(1);
  });
});

describe("a mistake in layers", () => {
  it.each<[string, string, string, string]>([
    [
      "a misspelt activation",
      "relu",
      "rleu",
      "unknown-name at rleu: `rleu` is not defined (did you mean `relu`?)",
    ],
    [
      "a misspelt activation in a string",
      "relu",
      '"reluu"',
      'unknown-name at "reluu": `reluu` is not defined (did you mean `relu`?)',
    ],
    [
      "an activation that is called",
      "relu",
      "relu()",
      "missing-argument at relu(): `relu` needs `x` (to pass the function itself, write `relu`)",
    ],
    [
      "a float for a size",
      "32",
      "32.0",
      "wrong-type at 32.0: the argument `units` must be an int, not the float 32.0",
    ],
    [
      "a negative size",
      "Dense(32, relu)",
      "Dense(-32, relu)",
      "assertion-failed at Dense(-32, relu): units must be a positive integer (here `units` is -32)",
    ],
    [
      "Python's constants",
      "32, relu",
      "32, relu, use_bias = False",
      "unknown-name at False: `False` is not defined (did you mean `false`?)",
    ],
    [
      "a percentage for a rate",
      "Dense(32, relu)",
      "Dense(32, relu) |> Dropout(20)",
      "assertion-failed at Dropout(20): rate must be at least 0 and less than 1 (here `rate` is 20)",
    ],
    [
      "None for the batch",
      "[N, 28, 28]",
      "[None, 28, 28]",
      "unknown-name at None: `None` is not defined (the batch size is called `N`)",
    ],
    [
      "NumPy's element types",
      "u8[N, 28, 28]",
      "uint8[N, 28, 28]",
      "unknown-type at uint8: there is no type `uint8` (write `u8`)",
    ],
    [
      "NumPy's element types for a column",
      "label: u8",
      "label: int64",
      "unknown-type at int64: there is no type `int64` (write `i32`)",
    ],
    [
      "an abbreviated name",
      "image / 255",
      "img / 255",
      "unknown-name at img: `img` is not defined (did you mean `image`?)",
    ],
  ])("%s", (_, from, to, expected) => {
    const errors = mistakes([from, to]).filter((found) => !found.startsWith("unused-binding"));
    expect(errors).toEqual([expected]);
  });

  it("branches whose sizes do not fit", () => {
    const branches =
      "a = image / 255 |> Flatten |> Dense(32)\n  b = image / 255 |> Flatten |> Dense(64)\n  h = a + b";
    expect(mistakes(["h = image / 255 |> Flatten |> Dense(32, relu)", branches])).toEqual([
      "shape-mismatch at +: the shapes of + do not fit (dimensions are compared from the last to the first; dimension -1 is neither equal nor 1)",
    ]);
  });

  it("a rank that is one less, and how to pair the first dimensions", () => {
    const layer = "h = image / 255 |> Flatten |> Dense(32, relu)";
    const scaled = "h = f32(image[:, 0, 0]) * image[:, 1, :]";
    expect(mistakes([layer, scaled])).toEqual([
      "shape-mismatch at *: the shapes of * do not fit (where f32[N] belongs to the first dimensions, write `[..., none]` after it)",
    ]);
    expect(mistakes([layer, scaled.replace(") *", ")[..., none] *")])).toEqual([]);
  });
});

describe("a mistake in a train block", () => {
  it.each<[string, string, string, string]>([
    [
      "a misspelt argument",
      "learning_rate",
      "learningrate",
      "unknown-argument at learningrate: `RMSprop` has no argument `learningrate` (did you mean `learning_rate`?)",
    ],
    [
      "an abbreviated argument",
      "learning_rate",
      "lr",
      "unknown-argument at lr: `RMSprop` has no argument `lr` (did you mean `learning_rate`?)",
    ],
    [
      "a misspelt optimizer",
      "RMSprop",
      "Adm",
      "unknown-name at Adm: `Adm` is not defined (did you mean `Adam`?)",
    ],
    [
      "an optimizer in lower case",
      optimizer,
      '"rmsprop"',
      'unknown-name at "rmsprop": `rmsprop` is not defined (did you mean `RMSprop`?)',
    ],
    [
      "no rows for training",
      "validation 0.1",
      "validation 1.5",
      "wrong-type at 1.5: `validation` must be a share of the training rows, between 0 and 1, not the float 1.5",
    ],
    [
      "no rows in a batch",
      "batch_size 128",
      "batch_size 0",
      "wrong-type at 0: `batch_size` must be an int of at least 1, not the int 0",
    ],
    [
      "Keras' argument of fit",
      "validation 0.1",
      "validation_split 0.1",
      "unknown-train-key at validation_split: a train block has no `validation_split` (did you mean `validation`?)",
    ],
    [
      "Keras' name of a metric",
      "epochs 5",
      'epochs 5\n  callbacks EarlyStopping(monitor = "val_acc")',
      'unknown-monitor at EarlyStopping(monitor = "val_acc"): EarlyStopping monitors `val_acc`, which this training does not report (did you mean `val_accuracy`?)',
    ],
    [
      "a value that an argument of a callback does not know",
      "epochs 5",
      'epochs 5\n  callbacks EarlyStopping(mode = "minimum")',
      'wrong-type at "minimum": the argument `mode` of `EarlyStopping` must be one of "auto", "min", "max", not the string "minimum"',
    ],
    [
      "class weights of no column",
      "epochs 5",
      "epochs 5\n  class_weight [1.0, 2.0]",
      "weight-column at [1.0, 2.0]: `class_weight` does not name a column of the data (write `class_weight label = […]`)",
    ],
  ])("%s", (_, from, to, expected) => {
    expect(mistakes([from, to])).toEqual([expected]);
  });

  it("several in one run, each in its place", () => {
    const found = mistakes(
      ["Dense(32", "Dens(32"],
      ["RMSprop", "Adm"],
      ["accuracy(", "acuracy("],
      ["epochs", "epoch"],
    );
    expect(found.map((message) => message.split(":")[0])).toEqual([
      "unknown-name at Dens",
      "unknown-name at Adm",
      "unknown-name at acuracy",
      "unknown-train-key at epoch",
    ]);
  });

  it("a setting in Python's or JSON's way", () => {
    for (const setting of ["epochs = 5", "epochs: 5"]) {
      const [first] = mistakes(["epochs 5", setting]);
      expect(first).toContain("a setting is a key and its value, with nothing between: `epochs 5`");
    }
  });
});

describe("what an error keeps from being known", () => {
  it("is not reported: outputs of a model that stopped", () => {
    const loop = "h = image / 255 |> Flatten\n  for _k in 3 {\n    h = h |> Dense(32)\n  }";
    expect(mistakes(["h = image / 255 |> Flatten |> Dense(32, relu)", loop])).toEqual([
      "wrong-type at 3: what `for` goes over must be a static list, not the int 3",
    ]);
  });

  it("is not reported: names and entries of a file that does not parse", () => {
    expect(mistakes(["image / 255", "(image / 255) ** 2"])).toEqual([
      "unexpected-token at *: expected an expression, found `*` (a power is written `x^2`)",
    ]);
    expect(mistakes(["(label, digit)\n  optimizer", "(label, digit\n  optimizer"])).toHaveLength(1);
  });
});

it("says which output reads params that the loss does not", () => {
  const second = "output digit = h |> Dense(10, softmax)\n  output other = h |> Dense(2)";
  expect(mistakes(["output digit = h |> Dense(10, softmax)", second])).toEqual([
    "untrained-parameter at sparse_categorical_crossentropy(label, digit): the loss does not depend on `Net/dense_2/kernel`, `Net/dense_2/bias` (add the output to the loss, or leave it out of the model)",
  ]);
});

it("points at the argument where a model is used as a layer", () => {
  const text = `model Encoder {
  input x: f32[N, 8]
  output y = x |> Dense(2)
}
model Whole {
  input z: f32[N, 4]
  output y = z |> Encoder
}
`;
  const [found, ...others] = lowerText(text).diagnostics;
  expect(others).toEqual([]);
  expect(found?.title).toBe("the input `x` has a dimension of 4 where 8 is declared");
  expect(text.slice(found!.primary.span.start, found!.primary.span.end + 10)).toBe(
    "z |> Encoder".slice(0, 11),
  );
  expect(found?.primary.text).toBe("f32[N, 4], from `input z`");
});

it("takes functions by their names in strings, and regularizers bare, as Keras does", () => {
  const options = 'Dense(32, "relu", kernel_initializer = "he_normal", kernel_regularizer = "l2")';
  expect(mistakes(["Dense(32, relu)", options])).toEqual([]);
  expect(mistakes(["Dense(32, relu)", "Dense(32, relu, kernel_regularizer = L2)"])).toEqual([]);
});
