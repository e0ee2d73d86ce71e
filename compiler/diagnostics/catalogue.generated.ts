// Generated from compiler/diagnostics/*.md by generate.mjs; do not edit.

import type { Diagnostic } from "./diagnostic.ts";
import { type CatalogueEntry, makeDiagnostic, type Occurrence, type Place } from "./template.ts";

export type DiagnosticCode =
  | "wrong-derivative"
  | "wrong-gradient"
  | "unknown-data-block"
  | "duplicate-data-block"
  | "missing-train-block"
  | "duplicate-column"
  | "unknown-column"
  | "column-types"
  | "column-with-batch"
  | "column-dtype"
  | "column-without-type"
  | "column-for-input"
  | "input-without-column"
  | "column-named-as-output"
  | "unused-column"
  | "block-without-column"
  | "column-count"
  | "cotangent-count"
  | "gradient-count"
  | "gradient-type"
  | "gradient-of-integer"
  | "gradient-of-element"
  | "gradient-without-float"
  | "gradient-of-unrelated"
  | "gradient-out-of-reach"
  | "duplicate-input"
  | "duplicate-output"
  | "input-without-batch"
  | "output-without-batch"
  | "output-row-of-batch"
  | "model-without-output"
  | "persistent-batch"
  | "duplicate-parameter"
  | "shared-shape"
  | "missing-type"
  | "initial-value"
  | "initial-value-reads"
  | "state-rebound"
  | "state-never-assigned"
  | "no-such-param"
  | "scan-with-type"
  | "loop-length"
  | "carry-without-next"
  | "next-without-carry"
  | "carry-changes"
  | "no-name-of-loop"
  | "unknown-member"
  | "unstacked-name"
  | "name-of-loop"
  | "assigned-in-loop"
  | "penalty-in-loop"
  | "statistic-in-loop"
  | "unknown-name"
  | "duplicate-declaration"
  | "file-not-found"
  | "unknown-import"
  | "cyclic-definition"
  | "endless-recursion"
  | "too-much-work"
  | "rebound-unread"
  | "unused-binding"
  | "unused-parameter"
  | "not-an-optimizer"
  | "optimizer-of-nothing"
  | "return-on-some-steps"
  | "beside-updates"
  | "repeated-update"
  | "unknown-update-key"
  | "unknown-part"
  | "optimizers-of-parts"
  | "shape-mismatch"
  | "rows-meet-rows"
  | "rank-mismatch"
  | "dimension-mismatch"
  | "undetermined-dimension"
  | "not-a-dimension"
  | "inner-dimensions"
  | "matrix-operand"
  | "batch-arithmetic"
  | "slice-of-batch"
  | "index-out-of-range"
  | "bad-index"
  | "data-dependent-slice"
  | "index-type"
  | "too-many-indices"
  | "missing-indices"
  | "duplicate-axis"
  | "axis-without-extent"
  | "axis-list-without-sizes"
  | "axis-extent-conflict"
  | "axis-escapes"
  | "axis-out-of-range"
  | "reshape-mismatch"
  | "batch-must-lead"
  | "join-mismatch"
  | "open-shape"
  | "assigned-shape"
  | "tensor-too-large"
  | "empty-tensor"
  | "unexpected-token"
  | "unexpected-character"
  | "malformed-number"
  | "unterminated-string"
  | "unknown-escape"
  | "unterminated-comment"
  | "unclosed-bracket"
  | "mismatched-bracket"
  | "too-deeply-nested"
  | "expression-statement"
  | "invalid-assignment-target"
  | "parentheses-needed"
  | "chained-comparison"
  | "positional-after-named"
  | "missing-declaration"
  | "missing-inputs"
  | "optimizer-without-update"
  | "duplicate-procedure"
  | "missing-initial-value"
  | "unknown-train-key"
  | "duplicate-train-key"
  | "single-train-value"
  | "missing-train-key"
  | "several-train-blocks"
  | "unknown-data"
  | "unknown-named"
  | "unknown-precision"
  | "unknown-monitor"
  | "weight-column"
  | "loss-not-weightable"
  | "loss-without-parameters"
  | "untrained-parameter"
  | "metric-not-a-mean"
  | "metric-outside-training"
  | "update-never-assigns"
  | "procedure-parameters"
  | "prepared-gradients"
  | "wrong-type"
  | "unknown-type"
  | "narrow-float"
  | "dtype-mismatch"
  | "not-a-number"
  | "operand-types"
  | "dynamic-condition"
  | "division-by-zero"
  | "not-callable"
  | "not-indexable"
  | "list-index"
  | "slice-bound"
  | "too-many-arguments"
  | "repeated-argument"
  | "unknown-argument"
  | "missing-argument"
  | "missing-return"
  | "pattern-length"
  | "not-assignable"
  | "misplaced-statement"
  | "assertion-failed"
  | "advice-not-followed"
  | "range-too-long"
  | "not-a-scalar";

/** Every diagnostic nnc can give. */
export const catalogue: { readonly [K in DiagnosticCode]: CatalogueEntry } = {
  "wrong-derivative": {
    "code": "wrong-derivative",
    "area": "check",
    "severity": "error",
    "title": "the derivative of `{name}` by `{by}` is {found} where it should be {expected}",
    "label": "this block gives it",
    "notes": [
      "both are slopes along one random direction at a random point, in float64"
    ],
    "hints": [
      "the body without the block has the symbolic derivative; where another one is meant, `stop_gradient` says so: `b + stop_gradient(a - b)` is a, with the derivative of b"
    ],
    "why": "`nnc check` compares what a `gradient` block returns with differences of the function's values, and with the symbolic derivative of its body.",
    "wrong": "fn soft(x) = log(1 + exp(x)) gradient(d) {\n  return d * sigmoid(2 * x)\n}\n\nmodel M {\n  input x: f32[N, 4]\n  output y = soft(x)\n}\n",
    "right": "fn soft(x) = log(1 + exp(x)) gradient(d) {\n  return d * sigmoid(x)\n}\n\nmodel M {\n  input x: f32[N, 4]\n  output y = soft(x)\n}\n",
    "files": {}
  },
  "wrong-gradient": {
    "code": "wrong-gradient",
    "area": "check",
    "severity": "error",
    "title": "the derivative of {of} by `{by}` is {found} where it should be {expected}",
    "label": "computed here",
    "notes": [
      "both are slopes along one random direction at a random point, in float64"
    ],
    "hints": [
      "a `gradient` block it uses is wrong for the values it meets here; if there is none, please report this"
    ],
    "why": "`nnc check --gradients` compares the derivatives of every loss by what it trains, and those of every layer, with differences of their values.",
    "wrong": "fn capped(x) = if x > 100 then 100 + 0.5 * (x - 100) else x gradient(d) {\n  return d\n}\n\nmodel M {\n  input image: u8[N, 4]\n  scale = f32(image) |> Dense(1, kernel_initializer = ones)\n  output y = capped(scale)\n}\n\ndata d {\n  train {\n    image: u8[4] = npy(\"image.npy\")\n    t: f32[1] = npy(\"t.npy\")\n  }\n}\n\ntrain M on d {\n  loss mean_squared_error(t, y)\n  optimizer SGD()\n}\n",
    "right": "fn capped(x) = if x > 100 then 100 + 0.5 * (x - 100) else x gradient(d) {\n  return if x > 100 then 0.5 * d else d\n}\n\nmodel M {\n  input image: u8[N, 4]\n  scale = f32(image) |> Dense(1, kernel_initializer = ones)\n  output y = capped(scale)\n}\n\ndata d {\n  train {\n    image: u8[4] = npy(\"image.npy\")\n    t: f32[1] = npy(\"t.npy\")\n  }\n}\n\ntrain M on d {\n  loss mean_squared_error(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "unknown-data-block": {
    "code": "unknown-data-block",
    "area": "data",
    "severity": "error",
    "title": "data have no block `{name}`",
    "label": "no such block",
    "notes": [],
    "hints": [
      "did you mean `{nearest?}`?",
      "the blocks are train, validation and test"
    ],
    "why": "The blocks of data are train, validation and test.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n  tests {\n    x = csv(\"e.csv\", columns = 0..4)\n    t = csv(\"e.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n  test {\n    x = csv(\"e.csv\", columns = 0..4)\n    t = csv(\"e.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "duplicate-data-block": {
    "code": "duplicate-data-block",
    "area": "data",
    "severity": "error",
    "title": "the block `{name}` is given twice",
    "label": "given again",
    "notes": [],
    "hints": [],
    "why": "Each block of data is given once.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "missing-train-block": {
    "code": "missing-train-block",
    "area": "data",
    "severity": "error",
    "title": "the data `{name}` have no train block",
    "label": "nothing to train on",
    "notes": [],
    "hints": [],
    "why": "The train block declares the columns; the others say where the same columns are.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  test {\n    x: f32[4] = csv(\"e.csv\", columns = 0..4)\n    t: f32[1] = csv(\"e.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "duplicate-column": {
    "code": "duplicate-column",
    "area": "data",
    "severity": "error",
    "title": "the column `{name}` is given twice",
    "label": "given again",
    "notes": [],
    "hints": [],
    "why": "Columns of a block have names of their own.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n    t: f32[1] = csv(\"d.csv\", columns = 5..6)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "unknown-column": {
    "code": "unknown-column",
    "area": "data",
    "severity": "error",
    "title": "the train block has no column `{name}`",
    "label": "not in the train block",
    "notes": [
      "the {block} block gives other rows of the columns that the train block declares"
    ],
    "hints": [
      "did you mean `{nearest?}`?"
    ],
    "why": "The train block declares every column; {block} gives other rows of them.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n  test {\n    x = csv(\"e.csv\", columns = 0..4)\n    t = csv(\"e.csv\", columns = 4..5)\n    u = csv(\"e.csv\", column = 6)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n  test {\n    x = csv(\"e.csv\", columns = 0..4)\n    t = csv(\"e.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "column-types": {
    "code": "column-types",
    "area": "data",
    "severity": "error",
    "title": "the column `{name}` is {first} in the train block and {second} here",
    "label": "another type",
    "notes": [],
    "hints": [],
    "why": "A column has one type in all blocks; outside the train block it may be left out.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n  test {\n    x: f32[5] = csv(\"e.csv\", columns = 0..5)\n    t = csv(\"e.csv\", columns = 5..6)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n  test {\n    x = csv(\"e.csv\", columns = 0..4)\n    t = csv(\"e.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "column-with-batch": {
    "code": "column-with-batch",
    "area": "data",
    "severity": "error",
    "title": "the type of the column `{name}` is that of one row",
    "label": "has N",
    "notes": [],
    "hints": [],
    "why": "A column's type says what one row holds; the batch is added by itself.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[N, 4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "column-dtype": {
    "code": "column-dtype",
    "area": "data",
    "severity": "error",
    "title": "the column `{name}` cannot be stored as {dtype}",
    "label": "{dtype}",
    "notes": [],
    "hints": [],
    "why": "Columns of data, and outputs, are f32, i32, u8 or bool.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f16[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "column-without-type": {
    "code": "column-without-type",
    "area": "data",
    "severity": "error",
    "title": "the column `{name}` has no type",
    "label": "no type",
    "notes": [],
    "hints": [],
    "why": "A column that is no input of the model says what a row holds: `label: u8 = …`.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "column-for-input": {
    "code": "column-for-input",
    "area": "data",
    "severity": "error",
    "title": "the column `{name}` has rows of {column}, but the model takes {input}",
    "label": "{column}",
    "notes": [],
    "hints": [],
    "why": "A column feeds the input of its name, so a row must have the input's shape, and elements that become the input's without loss.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[5] = csv(\"d.csv\", columns = 0..5)\n    t: f32[1] = csv(\"d.csv\", columns = 5..6)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "input-without-column": {
    "code": "input-without-column",
    "area": "data",
    "severity": "error",
    "title": "the data `{data}` have no column for the input `{name}`",
    "label": "nothing feeds it",
    "notes": [],
    "hints": [
      "name a column `{name}`"
    ],
    "why": "The columns of the data feed the inputs of their names.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "column-named-as-output": {
    "code": "column-named-as-output",
    "area": "data",
    "severity": "error",
    "title": "the column `{name}` has the name of an output of the model",
    "label": "also an output",
    "notes": [],
    "hints": [
      "rename the column or the output"
    ],
    "why": "In a loss both are meant by name, so the names must differ.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    y: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(y, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "unused-column": {
    "code": "unused-column",
    "area": "data",
    "severity": "warning",
    "title": "neither the model nor the loss uses the column `{name}`",
    "label": "not used",
    "notes": [],
    "hints": [],
    "why": "A column is an input of the model, or a name in the loss, a metric or the weights.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n    id: i32 = csv(\"d.csv\", column = 6)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "block-without-column": {
    "code": "block-without-column",
    "area": "data",
    "severity": "error",
    "title": "the {block} block has no column `{name}`",
    "label": "not given here",
    "notes": [],
    "hints": [],
    "why": "Every block gives all columns that the model and the loss use.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n  test {\n    x = csv(\"e.csv\", columns = 0..4)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n  test {\n    x = csv(\"e.csv\", columns = 0..4)\n    t = csv(\"e.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "column-count": {
    "code": "column-count",
    "area": "data",
    "severity": "error",
    "title": "`{name}` reads {count} columns of the file into {shape}, which takes {size}",
    "label": "{count} columns",
    "notes": [],
    "hints": [],
    "why": "Each listed column of the file is one element of a row.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..3)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "cotangent-count": {
    "code": "cotangent-count",
    "area": "derivatives",
    "severity": "error",
    "title": "`{name}` has {results}, but its `gradient` names {found}",
    "label": "one name for each result",
    "notes": [],
    "hints": [],
    "why": "`gradient(d)` names the derivative of the loss by the function's result; a function that returns a tuple has one for each of its values.",
    "wrong": "fn halves(x) {\n  (a, b) = split(x, 2)\n  return (a, b)\n} gradient(d) {\n  return d\n}\n\nmodel M {\n  input x: f32[N, 4]\n  (a, b) = halves(x)\n  output y = a * b\n}\n",
    "right": "fn halves(x) {\n  (a, b) = split(x, 2)\n  return (a, b)\n} gradient(da, db) {\n  return concat([da, db])\n}\n\nmodel M {\n  input x: f32[N, 4]\n  (a, b) = halves(x)\n  output y = a * b\n}\n",
    "files": {}
  },
  "gradient-count": {
    "code": "gradient-count",
    "area": "derivatives",
    "severity": "error",
    "title": "`{name}` has {parameters}, but its `gradient` returns {found}",
    "label": "one derivative for each parameter",
    "notes": [],
    "hints": [
      "return `none` for a parameter that is not a float"
    ],
    "why": "The block returns the derivative by each parameter, in order, as a tuple.",
    "wrong": "fn scaled(x, k) = x * k gradient(d) {\n  return d * k\n}\n\nmodel M {\n  input x: f32[N, 4]\n  input k: f32[N, 4]\n  output y = scaled(x, k)\n}\n",
    "right": "fn scaled(x, k) = x * k gradient(d) {\n  return (d * k, d * x)\n}\n\nmodel M {\n  input x: f32[N, 4]\n  input k: f32[N, 4]\n  output y = scaled(x, k)\n}\n",
    "files": {}
  },
  "gradient-type": {
    "code": "gradient-type",
    "area": "derivatives",
    "severity": "error",
    "title": "the derivative by `{name}` must be {expected}, not {found}",
    "label": "returned here",
    "notes": [],
    "hints": [
      "a number stands for that number everywhere"
    ],
    "why": "A derivative has an element for each element of the parameter.",
    "wrong": "fn scaled(x) = 3 * x gradient(d) {\n  return sum(3 * d)\n}\n\nmodel M {\n  input x: f32[N, 4]\n  output y = scaled(x)\n}\n",
    "right": "fn scaled(x) = 3 * x gradient(d) {\n  return 3 * d\n}\n\nmodel M {\n  input x: f32[N, 4]\n  output y = scaled(x)\n}\n",
    "files": {}
  },
  "gradient-of-integer": {
    "code": "gradient-of-integer",
    "area": "derivatives",
    "severity": "error",
    "title": "`{name}` is {found} and has no derivative",
    "label": "must be `none`",
    "notes": [],
    "hints": [
      "return `none` in its place"
    ],
    "why": "Only floats can change a little.",
    "wrong": "fn chosen(x, keep: bool[N, 4]) = if keep then x else 0 gradient(d) {\n  return (if keep then d else 0, d)\n}\n\nmodel M {\n  input x: f32[N, 4]\n  output y = chosen(x, x > 1)\n}\n",
    "right": "fn chosen(x, keep: bool[N, 4]) = if keep then x else 0 gradient(d) {\n  return (if keep then d else 0, none)\n}\n\nmodel M {\n  input x: f32[N, 4]\n  output y = chosen(x, x > 1)\n}\n",
    "files": {}
  },
  "gradient-of-element": {
    "code": "gradient-of-element",
    "area": "derivatives",
    "severity": "error",
    "title": "`{name}` has a derivative of its own and takes whole tensors",
    "label": "given an element",
    "notes": [],
    "hints": [
      "call it outside of the index notation"
    ],
    "why": "In index notation functions take single elements, of which no derivative is kept.",
    "wrong": "fn soft(x) = x / (1 + abs(x)) gradient(d) {\n  return d / (1 + abs(x))^2\n}\n\nmodel M {\n  input x: f32[N, 4]\n  y[n, i] = soft(x[n, i])\n  output y\n}\n",
    "right": "fn soft(x) = x / (1 + abs(x)) gradient(d) {\n  return d / (1 + abs(x))^2\n}\n\nmodel M {\n  input x: f32[N, 4]\n  output y = soft(x)\n}\n",
    "files": {}
  },
  "gradient-without-float": {
    "code": "gradient-without-float",
    "area": "derivatives",
    "severity": "error",
    "title": "`{name}` has no parameter with a derivative",
    "label": "nothing to derive by",
    "notes": [],
    "hints": [
      "leave the block out"
    ],
    "why": "Every parameter is declared with a type that has no derivative: an integer, a truth value, or one known at build time.",
    "wrong": "fn next(token: i32[N]) = token + 1 gradient(_d) {\n  return none\n}\n\nmodel M {\n  input token: i32[N]\n  output y = next(token)\n}\n",
    "right": "fn next(token: i32[N]) = token + 1\n\nmodel M {\n  input token: i32[N]\n  output y = next(token)\n}\n",
    "files": {}
  },
  "gradient-of-unrelated": {
    "code": "gradient-of-unrelated",
    "area": "derivatives",
    "severity": "error",
    "title": "the first argument of `gradient` is not computed from the second",
    "label": "nothing to differentiate by",
    "notes": [],
    "hints": [
      "give the very value that it is computed from: a name is bound again with another one, and parts of a tensor are others than the tensor"
    ],
    "why": "Of a value that does not enter into another there is no derivative to compute: more often than not another one was meant.",
    "wrong": "model M {\n  input x: f32[N, 2]\n  y = x |> Dense(8, tanh) |> Dense(1)\n  place = x[:, 0]\n  output slope = gradient(y, place)\n}\n",
    "right": "model M {\n  input x: f32[N, 2]\n  place = x[:, 0]\n  y = stack([place, x[:, 1]], axis = -1) |> Dense(8, tanh) |> Dense(1)\n  output slope = gradient(y, place)\n}\n",
    "files": {}
  },
  "gradient-out-of-reach": {
    "code": "gradient-out-of-reach",
    "area": "derivatives",
    "severity": "error",
    "title": "this derivative goes through {what}, where there is none",
    "label": "the derivative asked for",
    "notes": [],
    "hints": [
      "derive by a value that is computed in the same step"
    ],
    "why": "In a loop's body `gradient(y, x)` is a derivative within one step: what the loop carries is given there, whatever it was computed from in the steps before.",
    "wrong": "model M {\n  input x: f32[N, 5]\n  z = tanh(x)\n  h = scan t in 5 from x[:, 0] {\n    energy = (h - z[:, t])^4\n    h' = h - 0.1 * sum(gradient(energy, z), axis = 1)\n  }\n  output y = h\n}\n",
    "right": "model M {\n  input x: f32[N, 5]\n  z = tanh(x)\n  h = scan t in 5 from x[:, 0] {\n    energy = (h - z[:, t])^4\n    h' = h - 0.1 * gradient(energy, h)\n  }\n  output y = h\n}\n",
    "files": {}
  },
  "duplicate-input": {
    "code": "duplicate-input",
    "area": "layers",
    "severity": "error",
    "title": "the input `{name}` is named twice",
    "label": "named again",
    "notes": [],
    "hints": [],
    "why": "Inputs and bindings of a model share their names.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  input x: f32[N, 3]\n  output y = x * 2\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  input z: f32[N, 4]\n  output y = x * z\n}\n",
    "files": {}
  },
  "duplicate-output": {
    "code": "duplicate-output",
    "area": "layers",
    "severity": "error",
    "title": "the output `{name}` is given twice",
    "label": "given again",
    "notes": [],
    "hints": [],
    "why": "Each output is given once, on every static path.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x * 2\n  output y = x * 3\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x * 2\n  output z = x * 3\n}\n",
    "files": {}
  },
  "input-without-batch": {
    "code": "input-without-batch",
    "area": "layers",
    "severity": "error",
    "title": "the input `{name}` does not begin with N",
    "label": "no batch",
    "notes": [],
    "hints": [
      "write `{type}`"
    ],
    "why": "The first dimension of an input is the batch size, N; no other may be.",
    "wrong": "model M {\n  input x: f32[4]\n  output y = x * 2\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x * 2\n}\n",
    "files": {}
  },
  "output-without-batch": {
    "code": "output-without-batch",
    "area": "layers",
    "severity": "error",
    "title": "the output `{name}` is {found}, which is not one row for each of the inputs",
    "label": "its first dimension is not N",
    "notes": [],
    "hints": [],
    "why": "An output has one row for each row of the inputs.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = mean(x)\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = mean(x, axis = -1)\n}\n",
    "files": {}
  },
  "output-row-of-batch": {
    "code": "output-row-of-batch",
    "area": "layers",
    "severity": "error",
    "title": "a row of the output `{name}`, {found}, has a length that depends on the batch",
    "label": "N stands behind the first dimension",
    "notes": [],
    "hints": [
      "compare rows of the batch in a function that the loss calls with the outputs"
    ],
    "why": "Rows of predictions, which come from many batches, have the same shape whatever the batch. What compares rows of a batch with each other, as contrastive losses do, is part of the loss.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  s[n, m < N] = sum[k] x[n, k] * x[m, k]\n  output s\n}\n",
    "right": "fn contrast(a, b) {\n  s[n, m < N] = sum[k] a[n, k] * b[m, k]\n  rows[n < N] = n\n  return sparse_categorical_crossentropy(rows, s, from_logits = true)\n}\nmodel M {\n  input x: f32[N, 4]\n  input y: f32[N, 4]\n  output a = x |> Dense(2)\n  output b = y |> Dense(2)\n}\ndata pairs {\n  train {\n    x = npz(\"pairs.npz\", key = \"x\")\n    y = npz(\"pairs.npz\", key = \"y\")\n  }\n}\ntrain M on pairs {\n  loss      contrast(a, b)\n  optimizer Adam()\n}\n",
    "files": {}
  },
  "model-without-output": {
    "code": "model-without-output",
    "area": "layers",
    "severity": "error",
    "title": "the model `{name}` has no output",
    "label": "no `output`",
    "notes": [],
    "hints": [
      "mark one: `output name = …`"
    ],
    "why": "A model is what its outputs say.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  _h = x * 2\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output h = x * 2\n}\n",
    "files": {}
  },
  "persistent-batch": {
    "code": "persistent-batch",
    "area": "layers",
    "severity": "error",
    "title": "the {role} `{name}` cannot depend on the batch size",
    "label": "has N in its shape",
    "notes": [
      "{meaning?}"
    ],
    "hints": [
      "leave N out"
    ],
    "why": "What lasts from batch to batch has a fixed size.",
    "wrong": "layer Shift()(x: f32[N, C]) {\n  param shift: f32[N, C] = zeros\n  return x + shift\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Shift\n}\n",
    "right": "layer Shift()(x: f32[N, C]) {\n  param shift: f32[C] = zeros\n  return x + shift\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Shift\n}\n",
    "files": {}
  },
  "duplicate-parameter": {
    "code": "duplicate-parameter",
    "area": "layers",
    "severity": "error",
    "title": "the {role} `{name}` is declared twice in one layer",
    "label": "declared again",
    "notes": [],
    "hints": [
      "put it into a layer of its own and make that several times"
    ],
    "why": "A layer has each of its params once; for several alike, make several layers.",
    "wrong": "layer Twice()(x) {\n  for i in 0..2 {\n    param w: f32[1] = ones\n    x = x * w + i\n  }\n  return x\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Twice\n}\n",
    "right": "layer Once()(x) {\n  param w: f32[1] = ones\n  return x * w\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Once |> Once\n}\n",
    "files": {}
  },
  "shared-shape": {
    "code": "shared-shape",
    "area": "layers",
    "severity": "error",
    "title": "`{path}` is {first} where the layer was first applied, and would be {second} here",
    "label": "applied to another shape",
    "notes": [],
    "hints": [
      "make a layer for each: their params are then their own"
    ],
    "why": "A layer applied twice uses the same params, so the inputs must have the same sizes.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  shared = Dense(3)\n  a = x |> shared\n  output y = a |> shared\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  shared = Dense(4)\n  a = x |> shared\n  output y = a |> shared\n}\n",
    "files": {}
  },
  "missing-type": {
    "code": "missing-type",
    "area": "layers",
    "severity": "error",
    "title": "the {role} `{name}` has no type",
    "label": "no shape",
    "notes": [],
    "hints": [
      "write `{role} {name}: f32[…]`"
    ],
    "why": "A param or state says its shape: `param kernel: f32[I, units]`. An optimizer's slots take that of the param.",
    "wrong": "layer Shift()(x: f32[N, C]) {\n  param shift = zeros\n  return x + shift / C\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Shift\n}\n",
    "right": "layer Shift()(x: f32[N, C]) {\n  param shift: f32[C] = zeros\n  return x + shift\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Shift\n}\n",
    "files": {}
  },
  "initial-value": {
    "code": "initial-value",
    "area": "layers",
    "severity": "error",
    "title": "the initial value of {what} must be {expected}, not {found}",
    "label": "{found}",
    "notes": [],
    "hints": [],
    "why": "An initializer is a number, a function of the shape, or a tensor that broadcasts to it.",
    "wrong": "layer Shift()(x: f32[N, C]) {\n  param shift: f32[C] = full([C + 1], 0.5)\n  return x + shift\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Shift\n}\n",
    "right": "layer Shift()(x: f32[N, C]) {\n  param shift: f32[C] = full([C], 0.5)\n  return x + shift\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Shift\n}\n",
    "files": {}
  },
  "initial-value-reads": {
    "code": "initial-value-reads",
    "area": "layers",
    "severity": "error",
    "title": "the initial value of `{name}` reads `{path}`",
    "label": "needs data or params",
    "notes": [],
    "hints": [
      "for statistics of the training data, declare a `statistic`"
    ],
    "why": "Initial values are computed before there are any.",
    "wrong": "layer Shift()(x: f32[N, C]) {\n  param shift: f32[C] = mean(x, axis = 0)\n  return x + shift\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Shift\n}\n",
    "right": "layer Shift()(x: f32[N, C]) {\n  param shift: f32[C] = zeros\n  return x + shift\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Shift\n}\n",
    "files": {}
  },
  "state-rebound": {
    "code": "state-rebound",
    "area": "layers",
    "severity": "warning",
    "title": "`=` does not assign the state `{name}`",
    "label": "another value for the rest of the body",
    "notes": [],
    "hints": [
      "write `{name} <- …` to keep the value, or use another name"
    ],
    "why": "A state keeps what `<-` assigns until the next step; `=` only gives its name another meaning below.",
    "wrong": "layer Center()(x: f32[N, C]) {\n  state seen: f32[C] = zeros\n  seen = 0.9 * seen + 0.1 * mean(x, axis = 0)\n  return x - seen\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Center\n}\n",
    "right": "layer Center()(x: f32[N, C]) {\n  state seen: f32[C] = zeros\n  seen <- 0.9 * seen + 0.1 * mean(x, axis = 0)\n  return x - seen\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Center\n}\n",
    "files": {}
  },
  "state-never-assigned": {
    "code": "state-never-assigned",
    "area": "layers",
    "severity": "warning",
    "title": "the state `{name}` is never assigned",
    "label": "keeps its initial value",
    "notes": [],
    "hints": [
      "write `{name} <- …`, or bind a value with `{name} = …`"
    ],
    "why": "A state that nothing assigns is a constant.",
    "wrong": "layer Shift()(x: f32[N, C]) {\n  state shift: f32[C] = ones\n  return x + shift\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Shift\n}\n",
    "right": "layer Shift()(x: f32[N, C]) {\n  shift = full([C], 1.0)\n  return x + shift\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Shift\n}\n",
    "files": {}
  },
  "no-such-param": {
    "code": "no-such-param",
    "area": "layers",
    "severity": "error",
    "title": "the layer `{layer}` has no param `{name}`",
    "label": "applied here",
    "notes": [],
    "hints": [],
    "why": "`read_through` names a param that the layer's own body declares.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  dense = Dense(3)\n  output y = read_through(dense, \"weights\", abs)(x)\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  dense = Dense(3)\n  output y = read_through(dense, \"kernel\", abs)(x)\n}\n",
    "files": {}
  },
  "scan-with-type": {
    "code": "scan-with-type",
    "area": "loops",
    "severity": "error",
    "title": "a name that a loop carries is declared without a type",
    "label": "leave the type out",
    "notes": [],
    "hints": [
      "give the type to the first value instead"
    ],
    "why": "What is carried has the shape and type of its first value.",
    "wrong": "model M {\n  input x: f32[N, 5]\n  h: f32[N] = scan t in 5 from x[:, 0] { h' = 0.5 * h + x[:, t] }\n  output y = h\n}\n",
    "right": "model M {\n  input x: f32[N, 5]\n  first: f32[N] = x[:, 0]\n  h = scan t in 5 from first { h' = 0.5 * h + x[:, t] }\n  output y = h\n}\n",
    "files": {}
  },
  "loop-length": {
    "code": "loop-length",
    "area": "loops",
    "severity": "error",
    "title": "{what} is {found}, where an int of at least 1 is needed",
    "label": "not a number of steps",
    "notes": [],
    "hints": [],
    "why": "A loop's steps are counted when the program is built.",
    "wrong": "model M {\n  input x: f32[N, 5]\n  h = scan t in N from x[:, 0] { h' = 0.5 * h + x[:, t] }\n  output y = h\n}\n",
    "right": "model M {\n  input x: f32[N, 5]\n  h = scan t in shape(x)[1] from x[:, 0] { h' = 0.5 * h + x[:, t] }\n  output y = h\n}\n",
    "files": {}
  },
  "carry-without-next": {
    "code": "carry-without-next",
    "area": "loops",
    "severity": "error",
    "title": "the loop does not say what becomes of `{name}`",
    "label": "carried from step to step",
    "notes": [],
    "hints": [
      "bind `{name}'` in the loop's body: it is `{name}` in the next step"
    ],
    "why": "The body of a loop gives the next value of everything that the loop carries.",
    "wrong": "model M {\n  input x: f32[N, 5]\n  h = scan t in 5 from x[:, 0] { _next = 0.5 * h + x[:, t] }\n  output y = h\n}\n",
    "right": "model M {\n  input x: f32[N, 5]\n  h = scan t in 5 from x[:, 0] { h' = 0.5 * h + x[:, t] }\n  output y = h\n}\n",
    "files": {}
  },
  "next-without-carry": {
    "code": "next-without-carry",
    "area": "loops",
    "severity": "error",
    "title": "`{name}` is the next value of nothing that the loop carries",
    "label": "bound here",
    "notes": [],
    "hints": [
      "in a loop a prime says what a carried name becomes; this loop has {known}"
    ],
    "why": "A name with a prime that the loop does not carry is most likely a slip.",
    "wrong": "model M {\n  input x: f32[N, 5]\n  h = scan t in 5 from x[:, 0] {\n    z' = 0.5 * x[:, t]\n    h' = h + z'\n  }\n  output y = h\n}\n",
    "right": "model M {\n  input x: f32[N, 5]\n  h = scan t in 5 from x[:, 0] {\n    z = 0.5 * x[:, t]\n    h' = h + z\n  }\n  output y = h\n}\n",
    "files": {}
  },
  "carry-changes": {
    "code": "carry-changes",
    "area": "loops",
    "severity": "error",
    "title": "the loop begins with {expected} for `{name}`, and goes on with {found}",
    "label": "its next value",
    "notes": [],
    "hints": [
      "{advice?}"
    ],
    "why": "What a loop carries keeps its shape and its element type.",
    "wrong": "model M {\n  input x: f32[N, 5]\n  h = scan t in 5 from 0.0 { h' = 0.5 * h + x[:, t] }\n  output y = h\n}\n",
    "right": "model M {\n  input x: f32[N, 5]\n  h = scan t in 5 from zeros([N]) { h' = 0.5 * h + x[:, t] }\n  output y = h\n}\n",
    "files": {}
  },
  "no-name-of-loop": {
    "code": "no-name-of-loop",
    "area": "loops",
    "severity": "error",
    "title": "no loop bound `{name}`",
    "label": "`.all` and `.last` belong to names of loops",
    "notes": [],
    "hints": [
      "write `{call?}`"
    ],
    "why": "After a loop `z.all` holds the values of a name of its body in all steps, and `z.last` that in the last step.",
    "wrong": "model M {\n  input x: f32[N, 5]\n  h = 0.5 * x\n  output y = h.all\n}\n",
    "right": "model M {\n  input x: f32[N, 5]\n  _h = scan t in 5 from x[:, 0] { _h' = 0.5 * _h + x[:, t] }\n  output y = _h.all\n}\n",
    "files": {}
  },
  "unknown-member": {
    "code": "unknown-member",
    "area": "loops",
    "severity": "error",
    "title": "`{name}` is nothing that a name of a loop has",
    "label": "not known here",
    "notes": [],
    "hints": [
      "did you mean `{nearest?}`?",
      "`.all` holds the values of all steps, `.last` that of the last one"
    ],
    "why": "After a loop its names have two parts.",
    "wrong": "model M {\n  input x: f32[N, 5]\n  _h = scan t in 5 from x[:, 0] { _h' = 0.5 * _h + x[:, t] }\n  output y = _h.states\n}\n",
    "right": "model M {\n  input x: f32[N, 5]\n  _h = scan t in 5 from x[:, 0] { _h' = 0.5 * _h + x[:, t] }\n  output y = _h.all\n}\n",
    "files": {}
  },
  "unstacked-name": {
    "code": "unstacked-name",
    "area": "loops",
    "severity": "error",
    "title": "`{name}` is {found} in the loop, and not a tensor",
    "label": "nothing to stack",
    "notes": [],
    "hints": [],
    "why": "What a loop keeps of its steps are tensors.",
    "wrong": "model M {\n  input x: f32[N, 5]\n  h = scan t in 5 from x[:, 0] {\n    rate = 0.5\n    h' = rate * h + x[:, t]\n  }\n  output y = h * rate.last\n}\n",
    "right": "model M {\n  input x: f32[N, 5]\n  rate = 0.5\n  h = scan t in 5 from x[:, 0] { h' = rate * h + x[:, t] }\n  output y = h * rate\n}\n",
    "files": {}
  },
  "name-of-loop": {
    "code": "name-of-loop",
    "area": "loops",
    "severity": "error",
    "title": "`{name}` is bound in a loop, and ends with it",
    "label": "read after the loop",
    "notes": [],
    "hints": [
      "`{name}.last` is its value in the last step, `{name}.all` holds those of all steps"
    ],
    "why": "The body of a loop is a scope of its own.",
    "wrong": "model M {\n  input x: f32[N, 5]\n  h = scan t in 5 from x[:, 0] {\n    z = 0.5 * x[:, t]\n    h' = h + z\n  }\n  output y = h + z\n}\n",
    "right": "model M {\n  input x: f32[N, 5]\n  h = scan t in 5 from x[:, 0] {\n    z = 0.5 * x[:, t]\n    h' = h + z\n  }\n  output y = h + z.last\n}\n",
    "files": {}
  },
  "assigned-in-loop": {
    "code": "assigned-in-loop",
    "area": "loops",
    "severity": "error",
    "title": "the state `{name}` is assigned in a loop",
    "label": "once a step of training, not once a step of the loop",
    "notes": [],
    "hints": [
      "carry the value through the loop, and assign it after the loop"
    ],
    "why": "A state has one new value at the end of a step of training.",
    "wrong": "layer Counting()(x: f32[N, T]) {\n  state total: f32[] = 0.0\n  h = scan t in T from x[:, 0] {\n    total <- total + mean(x[:, t])\n    h' = h + x[:, t] + total\n  }\n  return h\n}\n\nmodel M {\n  input x: f32[N, 5]\n  output y = x |> Counting\n}\n",
    "right": "layer Counting()(x: f32[N, T]) {\n  state total: f32[] = 0.0\n  (h, sum) = scan t in T from (x[:, 0], total) {\n    sum' = sum + mean(x[:, t])\n    h' = h + x[:, t] + sum\n  }\n  total <- sum\n  return h\n}\n\nmodel M {\n  input x: f32[N, 5]\n  output y = x |> Counting\n}\n",
    "files": {}
  },
  "penalty-in-loop": {
    "code": "penalty-in-loop",
    "area": "loops",
    "severity": "error",
    "title": "this penalty depends on the step of a loop",
    "label": "one for each step",
    "notes": [],
    "hints": [
      "bind it to a name, and add `penalty sum(name.all)` after the loop"
    ],
    "why": "A penalty is one number in a step of training.",
    "wrong": "layer Bounded()(x: f32[N, T]) {\n  h = scan t in T from x[:, 0] {\n    penalty mean(h^2)\n    h' = h + x[:, t]\n  }\n  return h\n}\n\nmodel M {\n  input x: f32[N, 5]\n  output y = x |> Bounded\n}\n",
    "right": "layer Bounded()(x: f32[N, T]) {\n  h = scan t in T from x[:, 0] {\n    size = mean(h^2)\n    h' = h + x[:, t]\n  }\n  penalty sum(size.all)\n  return h\n}\n\nmodel M {\n  input x: f32[N, 5]\n  output y = x |> Bounded\n}\n",
    "files": {}
  },
  "statistic-in-loop": {
    "code": "statistic-in-loop",
    "area": "loops",
    "severity": "error",
    "title": "the statistic `{name}` depends on the step of a loop",
    "label": "another value in each step",
    "notes": [],
    "hints": [],
    "why": "A statistic is one value for the training data.",
    "wrong": "layer Centred()(x: f32[N, T]) {\n  h = scan t in T from x[:, 0] {\n    statistic centre: f32[] = mean(x[:, t])\n    h' = h + x[:, t] - centre\n  }\n  return h\n}\n\nmodel M {\n  input x: f32[N, 5]\n  output y = x |> Centred\n}\n",
    "right": "layer Centred()(x: f32[N, T]) {\n  statistic centre: f32[] = mean(x)\n  h = scan t in T from x[:, 0] {\n    h' = h + x[:, t] - centre\n  }\n  return h\n}\n\nmodel M {\n  input x: f32[N, 5]\n  output y = x |> Centred\n}\n",
    "files": {}
  },
  "unknown-name": {
    "code": "unknown-name",
    "area": "names",
    "severity": "error",
    "title": "`{name}` is not defined",
    "label": "no such name here",
    "notes": [],
    "hints": [
      "names are in no module: write `{member?}` by itself",
      "{instead?}",
      "did you mean `{nearest?}`?",
      "{dimension?}"
    ],
    "why": "A name means what the body binds before it, what the file declares or imports, or what the library has.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dence(3)\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(3)\n}\n",
    "files": {}
  },
  "duplicate-declaration": {
    "code": "duplicate-declaration",
    "area": "names",
    "severity": "error",
    "title": "`{name}` is declared twice",
    "label": "declared again",
    "notes": [],
    "hints": [
      "rename one of them"
    ],
    "why": "Declarations of one file have names of their own; one of the file hides one of the library without more ado.",
    "wrong": "const width = 3\nconst width = 4\n",
    "right": "const width = 3\nconst height = 4\n",
    "files": {}
  },
  "file-not-found": {
    "code": "file-not-found",
    "area": "names",
    "severity": "error",
    "title": "there is no file `{path}`",
    "label": "imported here",
    "notes": [],
    "hints": [
      "did you mean `{nearest?}`?",
      "{advice}"
    ],
    "why": "An import names a file by its path from the importing file.",
    "wrong": "import \"block.nn\"\n",
    "right": "import \"blocks.nn\"\n",
    "files": {
      "blocks.nn": "const width = 3\n"
    }
  },
  "unknown-import": {
    "code": "unknown-import",
    "area": "names",
    "severity": "error",
    "title": "`{path}` declares no `{name}`",
    "label": "not declared there",
    "notes": [],
    "hints": [
      "did you mean `{nearest?}`?"
    ],
    "why": "An import in braces names declarations of the imported file.",
    "wrong": "import { Resnet } from \"blocks.nn\"\n",
    "right": "import { Residual } from \"blocks.nn\"\n",
    "files": {
      "blocks.nn": "fn Residual(x) = x + x\n"
    }
  },
  "cyclic-definition": {
    "code": "cyclic-definition",
    "area": "names",
    "severity": "error",
    "title": "`{name}` is defined by itself",
    "label": "needs its own value",
    "notes": [],
    "hints": [],
    "why": "A constant is computed once, before everything that uses it.",
    "wrong": "const a = b + 1\nconst b = a - 1\n",
    "right": "const a = 1\nconst b = a - 1\n",
    "files": {}
  },
  "endless-recursion": {
    "code": "endless-recursion",
    "area": "names",
    "severity": "error",
    "title": "`{name}` calls itself {depth} levels deep",
    "label": "this call",
    "notes": [],
    "hints": [],
    "why": "Functions and layers are inlined where they are called, so recursion must end at build time, by a static `if`.",
    "wrong": "fn f(n: int) = f(n + 1)\nconst a = f(0)\n",
    "right": "fn f(n: int) = if n > 9 then n else f(n + 1)\nconst a = f(0)\n",
    "files": {}
  },
  "too-much-work": {
    "code": "too-much-work",
    "area": "names",
    "severity": "error",
    "title": "the program takes more than {limit} steps to expand",
    "label": "given up here",
    "notes": [],
    "hints": [],
    "why": "Loops and calls run at build time; this limit keeps a mistake from running for ever.",
    "wrong": "fn f(n: int) = if n == 0 then 0 else f(n - 1) + f(n - 1)\nconst a = f(40)\n",
    "right": "fn f(n: int) = if n == 0 then 0 else f(n - 1) + 1\nconst a = f(40)\n",
    "files": {}
  },
  "rebound-unread": {
    "code": "rebound-unread",
    "area": "names",
    "severity": "error",
    "title": "`{name}` is bound again before its value was used",
    "label": "bound again",
    "notes": [],
    "hints": [
      "use another name, or remove the first"
    ],
    "why": "A name may be given a new value once the old one has been read; otherwise one of the two is a mistake.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  y = x * 2\n  y = x * 3\n  output z = y\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  y = x * 2\n  y = y * 3\n  output z = y\n}\n",
    "files": {}
  },
  "unused-binding": {
    "code": "unused-binding",
    "area": "names",
    "severity": "warning",
    "title": "`{name}` is never used",
    "label": "bound here",
    "notes": [],
    "hints": [
      "remove it, or call it `{rename?}`",
      "use it, or remove it"
    ],
    "why": "What nothing reads is left out of the graph; most often another name was meant.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  h = x * 2\n  output y = x * 3\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  h = x * 2\n  output y = h * 3\n}\n",
    "files": {}
  },
  "unused-parameter": {
    "code": "unused-parameter",
    "area": "names",
    "severity": "warning",
    "title": "the parameter `{name}` is never used",
    "label": "declared here",
    "notes": [],
    "hints": [
      "remove it, or call it `_{name}`"
    ],
    "why": "An argument given for it would change nothing.",
    "wrong": "fn scale(x, factor) = x * 2\nmodel M {\n  input x: f32[N, 4]\n  output y = scale(x, 3)\n}\n",
    "right": "fn scale(x, factor) = x * factor\nmodel M {\n  input x: f32[N, 4]\n  output y = scale(x, 3)\n}\n",
    "files": {}
  },
  "not-an-optimizer": {
    "code": "not-an-optimizer",
    "area": "optimizers",
    "severity": "error",
    "title": "`{name}` is no optimizer",
    "label": "not an optimizer",
    "notes": [
      "it is {found?}"
    ],
    "hints": [
      "`extends` takes the name of an optimizer, `around` that of a parameter which gets one"
    ],
    "why": "`extends Base` puts an optimizer's procedures inside those of another; `around p` puts them around those of the optimizer given as `p`. A chain of them has an end.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\n\noptimizer Mine(learning_rate = 0.1) extends relu {\n  update(w, g, t) {\n    w <- w - learning_rate * g\n  }\n}\n\ntrain M on d {\n  loss mse(t, y)\n  optimizer Mine()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\n\noptimizer Mine(learning_rate = 0.1) extends Optimizer {\n  update(w, g, t) {\n    w <- w - learning_rate * g\n  }\n}\n\ntrain M on d {\n  loss mse(t, y)\n  optimizer Mine()\n}\n",
    "files": {}
  },
  "optimizer-of-nothing": {
    "code": "optimizer-of-nothing",
    "area": "optimizers",
    "severity": "error",
    "title": "`{name}` says nothing about how a parameter changes",
    "label": "no `update` in it or in what it extends",
    "notes": [],
    "hints": [
      "it is for other optimizers to extend: `SGD()`, `Adam()`"
    ],
    "why": "Some optimizers only hold what others share.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\n\noptimizer Slower() extends Optimizer {\n  gradient(w, g, t) {\n    return 0.5 * g\n  }\n}\n\ntrain M on d {\n  loss mse(t, y)\n  optimizer Slower()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\n\noptimizer Slower() extends SGD {\n  gradient(w, g, t) {\n    return 0.5 * g\n  }\n}\n\ntrain M on d {\n  loss mse(t, y)\n  optimizer Slower()\n}\n",
    "files": {}
  },
  "return-on-some-steps": {
    "code": "return-on-some-steps",
    "area": "optimizers",
    "severity": "error",
    "title": "a procedure cannot return only on some steps",
    "label": "known only while training",
    "notes": [],
    "hints": [
      "bind a name before the `if`, give it another value inside, and return it after"
    ],
    "why": "An `if` on a number of the step computes both of its sides; what they assign takes the one or the other.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\n\noptimizer Late(learning_rate = 0.1) {\n  prepare(gs, t) {\n    if t > 10 {\n      return gs\n    }\n    return gs\n  }\n  update(w, g, t) {\n    w <- w - learning_rate * g\n  }\n}\n\ntrain M on d {\n  loss mse(t, y)\n  optimizer Late()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\n\noptimizer Late(learning_rate = 0.1) {\n  update(w, g, t) {\n    if t > 10 {\n      w <- w - learning_rate * g\n    }\n  }\n}\n\ntrain M on d {\n  loss mse(t, y)\n  optimizer Late()\n}\n",
    "files": {}
  },
  "beside-updates": {
    "code": "beside-updates",
    "area": "optimizers",
    "severity": "error",
    "title": "`{name}` belongs in an update here",
    "label": "not beside `update`",
    "notes": [],
    "hints": [
      "each `update` has its own loss and optimizer"
    ],
    "why": "A train block has a loss and an optimizer, or several updates that have them.",
    "wrong": "model Critic {\n  input x: f32[N, 4]\n  output score = x |> Dense(1)\n}\n\nmodel Pair {\n  input x: f32[N, 4]\n  made = x |> Dense(4)\n  output real = Critic(x)\n  output fake = Critic(made)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n  }\n}\n\ntrain Pair on d {\n  loss mean(fake)\n  update Critic {\n    loss mean(fake) - mean(real)\n    optimizer RMSprop()\n    steps 5\n  }\n  update dense {\n    loss -mean(fake)\n    optimizer RMSprop()\n  }\n}\n",
    "right": "model Critic {\n  input x: f32[N, 4]\n  output score = x |> Dense(1)\n}\n\nmodel Pair {\n  input x: f32[N, 4]\n  made = x |> Dense(4)\n  output real = Critic(x)\n  output fake = Critic(made)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n  }\n}\n\ntrain Pair on d {\n  update Critic {\n    loss mean(fake) - mean(real)\n    optimizer RMSprop()\n    steps 5\n  }\n  update dense {\n    loss -mean(fake)\n    optimizer RMSprop()\n  }\n}\n",
    "files": {}
  },
  "repeated-update": {
    "code": "repeated-update",
    "area": "optimizers",
    "severity": "error",
    "title": "`{name}` is updated twice",
    "label": "again",
    "notes": [],
    "hints": [
      "`steps 2` makes an update twice for each batch"
    ],
    "why": "Updates are named after what they train, and so are their losses.",
    "wrong": "model Critic {\n  input x: f32[N, 4]\n  output score = x |> Dense(1)\n}\n\nmodel Pair {\n  input x: f32[N, 4]\n  made = x |> Dense(4)\n  output real = Critic(x)\n  output fake = Critic(made)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n  }\n}\n\ntrain Pair on d {\n  update Critic {\n    loss mean(fake) - mean(real)\n    optimizer RMSprop()\n    steps 5\n  }\n  update dense {\n    loss -mean(fake)\n    optimizer RMSprop()\n  }\n  update Critic {\n    loss mean(fake) - mean(real)\n    optimizer RMSprop()\n    steps 5\n  }\n}\n",
    "right": "model Critic {\n  input x: f32[N, 4]\n  output score = x |> Dense(1)\n}\n\nmodel Pair {\n  input x: f32[N, 4]\n  made = x |> Dense(4)\n  output real = Critic(x)\n  output fake = Critic(made)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n  }\n}\n\ntrain Pair on d {\n  update Critic {\n    loss mean(fake) - mean(real)\n    optimizer RMSprop()\n    steps 5\n  }\n  update dense {\n    loss -mean(fake)\n    optimizer RMSprop()\n  }\n}\n",
    "files": {}
  },
  "unknown-update-key": {
    "code": "unknown-update-key",
    "area": "optimizers",
    "severity": "error",
    "title": "an update has no `{name}`",
    "label": "no such entry",
    "notes": [],
    "hints": [
      "it has {known}; what concerns the whole training stands outside"
    ],
    "why": "An update says what it minimizes, by which optimizer, and how often for each batch.",
    "wrong": "model Critic {\n  input x: f32[N, 4]\n  output score = x |> Dense(1)\n}\n\nmodel Pair {\n  input x: f32[N, 4]\n  made = x |> Dense(4)\n  output real = Critic(x)\n  output fake = Critic(made)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n  }\n}\n\ntrain Pair on d {\n  update Critic {\n    loss mean(fake) - mean(real)\n    optimizer RMSprop()\n    epochs 5\n  }\n  update dense {\n    loss -mean(fake)\n    optimizer RMSprop()\n  }\n}\n",
    "right": "model Critic {\n  input x: f32[N, 4]\n  output score = x |> Dense(1)\n}\n\nmodel Pair {\n  input x: f32[N, 4]\n  made = x |> Dense(4)\n  output real = Critic(x)\n  output fake = Critic(made)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n  }\n}\n\ntrain Pair on d {\n  update Critic {\n    loss mean(fake) - mean(real)\n    optimizer RMSprop()\n    steps 5\n  }\n  update dense {\n    loss -mean(fake)\n    optimizer RMSprop()\n  }\n}\n",
    "files": {}
  },
  "unknown-part": {
    "code": "unknown-part",
    "area": "optimizers",
    "severity": "error",
    "title": "the model has no part `{name}` with parameters",
    "label": "no such part",
    "notes": [],
    "hints": [
      "did you mean `{nearest?}`?",
      "its parts are {known}"
    ],
    "why": "A part is a layer or a parameter of the model by its name in it, or a model that it uses.",
    "wrong": "model Critic {\n  input x: f32[N, 4]\n  output score = x |> Dense(1)\n}\n\nmodel Pair {\n  input x: f32[N, 4]\n  made = x |> Dense(4)\n  output real = Critic(x)\n  output fake = Critic(made)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n  }\n}\n\ntrain Pair on d {\n  update critics {\n    loss mean(fake) - mean(real)\n    optimizer RMSprop()\n    steps 5\n  }\n  update dense {\n    loss -mean(fake)\n    optimizer RMSprop()\n  }\n}\n",
    "right": "model Critic {\n  input x: f32[N, 4]\n  output score = x |> Dense(1)\n}\n\nmodel Pair {\n  input x: f32[N, 4]\n  made = x |> Dense(4)\n  output real = Critic(x)\n  output fake = Critic(made)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n  }\n}\n\ntrain Pair on d {\n  update Critic {\n    loss mean(fake) - mean(real)\n    optimizer RMSprop()\n    steps 5\n  }\n  update dense {\n    loss -mean(fake)\n    optimizer RMSprop()\n  }\n}\n",
    "files": {}
  },
  "optimizers-of-parts": {
    "code": "optimizers-of-parts",
    "area": "optimizers",
    "severity": "error",
    "title": "only the first of several optimizers stands without a name",
    "label": "which part is it for?",
    "notes": [],
    "hints": [
      "`optimizer Adam(), trunk = SGD(0.1)`: the first is for all that the others are not for"
    ],
    "why": "Further optimizers are named after the part of the model that they train.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\n\ntrain M on d {\n  loss mse(t, y)\n  optimizer Adam(), SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\n\ntrain M on d {\n  loss mse(t, y)\n  optimizer Adam(), dense = SGD()\n}\n",
    "files": {}
  },
  "shape-mismatch": {
    "code": "shape-mismatch",
    "area": "shapes",
    "severity": "error",
    "title": "the shapes of {operation} do not fit",
    "label": "these do not broadcast",
    "notes": [],
    "hints": [],
    "why": "Operands are broadcast by NumPy's rules: dimensions are compared from the last, and each pair must be equal or contain a 1.",
    "wrong": "model M {\n  input a: f32[N, 3]\n  input b: f32[N, 4]\n  output y = a + b\n}\n",
    "right": "model M {\n  input a: f32[N, 4]\n  input b: f32[N, 4]\n  output y = a + b\n}\n",
    "files": {}
  },
  "rows-meet-rows": {
    "code": "rows-meet-rows",
    "area": "shapes",
    "severity": "warning",
    "title": "{operation} pairs every row of the batch with every other",
    "label": "gives {found}",
    "notes": [],
    "hints": [
      "for a row with itself, the shapes must agree: `a[:, 0]` drops a dimension of 1, `b[:, none]` adds one; pairs are written in index notation: `d[n, m < N] = a[n] - b[m]`"
    ],
    "why": "By the rules of broadcasting f32[N] and f32[N, 1] make f32[N, N], of which a mean means nothing.",
    "wrong": "fn distance(a, b) = mean(abs(a - b))\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\ndata points {\n  train {\n    x = npz(\"points.npz\", key = \"x\")\n    target: f32 = npz(\"points.npz\", key = \"y\")\n  }\n}\ntrain M on points {\n  loss      distance(target, y)\n  optimizer SGD()\n}\n",
    "right": "fn distance(a, b) = mean(abs(a - b))\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\ndata points {\n  train {\n    x = npz(\"points.npz\", key = \"x\")\n    target: f32 = npz(\"points.npz\", key = \"y\")\n  }\n}\ntrain M on points {\n  loss      distance(target, y[:, 0])\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "rank-mismatch": {
    "code": "rank-mismatch",
    "area": "shapes",
    "severity": "error",
    "title": "{what} has {found}, where {expected} are declared",
    "label": "the value",
    "notes": [],
    "hints": [],
    "why": "A type lists all dimensions; `...` stands for any number of them.",
    "wrong": "fn f(m: f32[A, B]) = sum(m) / (A * B)\nmodel M {\n  input x: f32[N]\n  output y = x * f(x)\n}\n",
    "right": "fn f(m: f32[A]) = sum(m) / A\nmodel M {\n  input x: f32[N]\n  output y = x * f(x)\n}\n",
    "files": {}
  },
  "dimension-mismatch": {
    "code": "dimension-mismatch",
    "area": "shapes",
    "severity": "error",
    "title": "{what} has a dimension of {found} where {expected} is declared",
    "label": "the value",
    "notes": [],
    "hints": [],
    "why": "A name used for several dimensions means the same size everywhere.",
    "wrong": "fn pair(a: f32[N, C], b: f32[N, C]) = a * b\nmodel M {\n  input a: f32[N, 3]\n  input b: f32[N, 1]\n  output y = pair(a, b)\n}\n",
    "right": "fn pair(a: f32[N, C], b: f32[N, D]) = a * b / (C * D)\nmodel M {\n  input a: f32[N, 3]\n  input b: f32[N, 1]\n  output y = pair(a, b)\n}\n",
    "files": {}
  },
  "undetermined-dimension": {
    "code": "undetermined-dimension",
    "area": "shapes",
    "severity": "error",
    "title": "the dimension does not determine {names}",
    "label": "cannot be solved",
    "notes": [],
    "hints": [],
    "why": "A dimension may be arithmetic on names that others determine, or have one unknown name that it determines exactly.",
    "wrong": "fn halves(x: f32[N, A + B]) = x / (A + B)\nmodel M {\n  input x: f32[N, 4]\n  output y = halves(x)\n}\n",
    "right": "fn halves(x: f32[N, 2*A]) = x / A\nmodel M {\n  input x: f32[N, 4]\n  output y = halves(x)\n}\n",
    "files": {}
  },
  "not-a-dimension": {
    "code": "not-a-dimension",
    "area": "shapes",
    "severity": "error",
    "title": "a dimension is an int of at least 1, not {found}",
    "label": "not a size",
    "notes": [],
    "hints": [],
    "why": "Sizes are known at build time, but for the batch size N.",
    "wrong": "model M {\n  input x: f32[N, 4.5]\n  output y = x * 2\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x * 2\n}\n",
    "files": {}
  },
  "inner-dimensions": {
    "code": "inner-dimensions",
    "area": "shapes",
    "severity": "error",
    "title": "the inner dimensions of @ differ",
    "label": "{left} and {right}",
    "notes": [
      "the last axis of the left side ({left}) must equal the first of the right side ({right})"
    ],
    "hints": [],
    "why": "The matrix product sums over the last axis of its left side and the first of its right.",
    "wrong": "layer Map()(x: f32[N, 4]) {\n  param w: f32[3, 2] = zeros\n  return x @ w\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Map\n}\n",
    "right": "layer Map()(x: f32[N, 4]) {\n  param w: f32[4, 2] = zeros\n  return x @ w\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Map\n}\n",
    "files": {}
  },
  "matrix-operand": {
    "code": "matrix-operand",
    "area": "shapes",
    "severity": "error",
    "title": "@ takes tensors of at least one dimension, not {found}",
    "label": "{found}",
    "notes": [],
    "hints": [
      "use `*`"
    ],
    "why": "The matrix product sums over an axis; a number is multiplied with `*`.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x @ 3\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x * 3\n}\n",
    "files": {}
  },
  "batch-arithmetic": {
    "code": "batch-arithmetic",
    "area": "shapes",
    "severity": "error",
    "title": "{operation} is not possible with the batch size",
    "label": "depends on N",
    "notes": [],
    "hints": [],
    "why": "N is known only when a batch arrives. Sizes may be sums and multiples of it, and quotients that come out even.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = reshape(x, [shape(x)[0] / 3, 12])\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = reshape(x, [shape(x)[0], 2, 2])\n}\n",
    "files": {}
  },
  "slice-of-batch": {
    "code": "slice-of-batch",
    "area": "shapes",
    "severity": "error",
    "title": "the batch dimension cannot be sliced",
    "label": "of size {extent}",
    "notes": [],
    "hints": [],
    "why": "How many rows a batch has is known only when it arrives.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x[0:2]\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x[:, 0:2]\n}\n",
    "files": {}
  },
  "index-out-of-range": {
    "code": "index-out-of-range",
    "area": "shapes",
    "severity": "error",
    "title": "index {index} is outside {what}, which has {extent}",
    "label": "outside",
    "notes": [],
    "hints": [],
    "why": "A constant index is checked at build time; negative ones count from the end.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x[:, 4]\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x[:, 3]\n}\n",
    "files": {}
  },
  "bad-index": {
    "code": "bad-index",
    "area": "shapes",
    "severity": "error",
    "title": "{found} is no index",
    "label": "not an index",
    "notes": [],
    "hints": [],
    "why": "An index is an int, an axis of an index notation, a slice, `none` for a new dimension, or `...`.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x[:, \"a\"]\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x[:, 0]\n}\n",
    "files": {}
  },
  "data-dependent-slice": {
    "code": "data-dependent-slice",
    "area": "shapes",
    "severity": "error",
    "title": "a slice cannot begin where data say",
    "label": "a tensor as index",
    "notes": [],
    "hints": [
      "in index notation its elements are indexes, `y[n, d] = x[i[n], d]`; `take(x, i)` takes slices of the first axis"
    ],
    "why": "Outside of index notation an index is known when the program is built.",
    "wrong": "model M {\n  param x: f32[4, 3] = zeros\n  input i: i32[N]\n  output y = x[i]\n}\n",
    "right": "model M {\n  param x: f32[4, 3] = zeros\n  input i: i32[N]\n  output y = take(x, i)\n}\n",
    "files": {}
  },
  "index-type": {
    "code": "index-type",
    "area": "shapes",
    "severity": "error",
    "title": "an index is an integer",
    "label": "{found}",
    "notes": [],
    "hints": [
      "`i32(…)` makes integers of other numbers, towards zero"
    ],
    "why": "Elements of type `i32` and `u8` are indexes, and what is computed from them in integers. Where one is out of range, 0 is read.",
    "wrong": "model M {\n  param table: f32[8, 3] = zeros\n  input place: f32[N]\n  y[n, d] = table[place[n], d]\n  output y\n}\n",
    "right": "model M {\n  param table: f32[8, 3] = zeros\n  input place: f32[N]\n  y[n, d] = table[i32(place[n]), d]\n  output y\n}\n",
    "files": {}
  },
  "too-many-indices": {
    "code": "too-many-indices",
    "area": "shapes",
    "severity": "error",
    "title": "{found} for {shape}",
    "label": "has {rank} dimensions",
    "notes": [],
    "hints": [],
    "why": "Each dimension takes one index; `...` stands for the ones left out, once.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x[:, 0, 0]\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x[:, 0]\n}\n",
    "files": {}
  },
  "missing-indices": {
    "code": "missing-indices",
    "area": "shapes",
    "severity": "error",
    "title": "{shape} needs an index for each of its {rank} dimensions",
    "label": "a whole tensor",
    "notes": [],
    "hints": [],
    "why": "In an index notation every term is a single number, so every tensor of it is fully indexed.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  z[n] = sum[i] x[n, i] * x\n  output y = z\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  z[n] = sum[i] x[n, i] * x[n, i]\n  output y = z\n}\n",
    "files": {}
  },
  "duplicate-axis": {
    "code": "duplicate-axis",
    "area": "shapes",
    "severity": "error",
    "title": "`{name}` is an axis already",
    "label": "taken",
    "notes": [],
    "hints": [],
    "why": "Every axis of an index notation has a name of its own.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  z[n, n] = x[n, n]\n  output y = z\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  z[n, i] = x[n, i]\n  output y = z\n}\n",
    "files": {}
  },
  "axis-without-extent": {
    "code": "axis-without-extent",
    "area": "shapes",
    "severity": "error",
    "title": "the axis `{name}` has no range",
    "label": "stands alone in no dimension",
    "notes": [],
    "hints": [
      "give it: `{name} < …`"
    ],
    "why": "An axis that stands alone in some dimension takes its size; any other is given one.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  z[n, i] = x[n, i + 1]\n  output y = z\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  z[n, i < 3] = x[n, i + 1]\n  output y = z\n}\n",
    "files": {}
  },
  "axis-list-without-sizes": {
    "code": "axis-list-without-sizes",
    "area": "shapes",
    "severity": "error",
    "title": "the list of axes `{name}` has no sizes",
    "label": "",
    "notes": [],
    "hints": [
      "give them: `{name}... < sizes`"
    ],
    "why": "A list of axes has as many as there are sizes for it.",
    "wrong": "model M {\n  input x: f32[N, 4, 5]\n  z[n, p...] = 2 * x[n, p...]\n  output y = z\n}\n",
    "right": "model M {\n  input x: f32[N, 4, 5]\n  z[n, p... < shape(x)[1:]] = 2 * x[n, p...]\n  output y = z\n}\n",
    "files": {}
  },
  "axis-extent-conflict": {
    "code": "axis-extent-conflict",
    "area": "shapes",
    "severity": "error",
    "title": "the axis `{name}` has two sizes, {first} and {second}",
    "label": "{second} here",
    "notes": [],
    "hints": [
      "give a range: `{name} < {first}`"
    ],
    "why": "An axis that stands alone in several dimensions needs them equal; give a range where they are not.",
    "wrong": "model M {\n  input a: f32[N, 3]\n  input b: f32[N, 4]\n  z[n, i] = a[n, i] * b[n, i]\n  output y = z\n}\n",
    "right": "model M {\n  input a: f32[N, 3]\n  input b: f32[N, 4]\n  z[n, i < 3] = a[n, i] * b[n, i]\n  output y = z\n}\n",
    "files": {}
  },
  "axis-escapes": {
    "code": "axis-escapes",
    "area": "shapes",
    "severity": "error",
    "title": "an axis of an outer index notation is used inside another",
    "label": "used in here",
    "notes": [],
    "hints": [],
    "why": "A tensor made by an index notation depends on its own axes only.",
    "wrong": "fn row(x, i) {\n  z[j] = x[i, j]\n  return z\n}\nmodel M {\n  input x: f32[N, 4]\n  z[n < N] = sum[k < 4] row(x, n)[k]\n  output y = z\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  z[n] = sum[k < 4] x[n, k]\n  output y = z\n}\n",
    "files": {}
  },
  "axis-out-of-range": {
    "code": "axis-out-of-range",
    "area": "shapes",
    "severity": "error",
    "title": "there is no axis {axis}",
    "label": "of {rank} dimensions",
    "notes": [],
    "hints": [],
    "why": "Axes are counted from 0, or from -1 backwards.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = sum(x, axis = 2)\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = sum(x, axis = 1)\n}\n",
    "files": {}
  },
  "reshape-mismatch": {
    "code": "reshape-mismatch",
    "area": "shapes",
    "severity": "error",
    "title": "{from} cannot take the shape {to}",
    "label": "{count} elements",
    "notes": [],
    "hints": [],
    "why": "Reshaping keeps every element; a leading N keeps its place, and one size may be -1.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = reshape(x, [shape(x)[0], 3])\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = reshape(x, [shape(x)[0], 2, 2])\n}\n",
    "files": {}
  },
  "batch-must-lead": {
    "code": "batch-must-lead",
    "area": "shapes",
    "severity": "error",
    "title": "N would not lead {found} any more",
    "label": "moves the batch",
    "notes": [],
    "hints": [
      "index notation compares rows with each other: `s[n, m < N] = sum[k] a[n, k] * b[m, k]`"
    ],
    "why": "The batch is the first dimension of whatever has it, on every target.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = transpose(x)\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = transpose(x, [0, 1])\n}\n",
    "files": {}
  },
  "join-mismatch": {
    "code": "join-mismatch",
    "area": "shapes",
    "severity": "error",
    "title": "{operation} takes tensors of one shape, not {first} and {second}",
    "label": "do not fit",
    "notes": [],
    "hints": [],
    "why": "All dimensions but the one that is joined must agree.",
    "wrong": "model M {\n  input a: f32[N, 3]\n  input b: f32[N, 4, 2]\n  output y = concat([a, b])\n}\n",
    "right": "model M {\n  input a: f32[N, 3]\n  input b: f32[N, 4]\n  output y = concat([a, b])\n}\n",
    "files": {}
  },
  "open-shape": {
    "code": "open-shape",
    "area": "shapes",
    "severity": "error",
    "title": "a declared shape has no `...`",
    "label": "unknown sizes",
    "notes": [],
    "hints": [],
    "why": "What is declared, an input, a param, a column, has a shape of its own; only types that are checked may be open.",
    "wrong": "model M {\n  input x: f32[N, ...]\n  output y = x * 2\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x * 2\n}\n",
    "files": {}
  },
  "assigned-shape": {
    "code": "assigned-shape",
    "area": "shapes",
    "severity": "error",
    "title": "`{name}` is {expected} and cannot be assigned {found}",
    "label": "{found}",
    "notes": [],
    "hints": [
      "{advice?}"
    ],
    "why": "A state keeps its type; smaller shapes are broadcast to it.",
    "wrong": "layer Last()(x: f32[N, C]) {\n  state seen: f32[2] = zeros\n  seen <- mean(x, axis = 0)\n  return x + sum(seen) / C\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Last\n}\n",
    "right": "layer Last()(x: f32[N, C]) {\n  state seen: f32[C] = zeros\n  seen <- mean(x, axis = 0)\n  return x + seen\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Last\n}\n",
    "files": {}
  },
  "tensor-too-large": {
    "code": "tensor-too-large",
    "area": "shapes",
    "severity": "error",
    "title": "{found} has more than 2³¹ elements",
    "label": "too large",
    "notes": [],
    "hints": [],
    "why": "Elements are numbered with 31 bits. The batch counts with its maximum.",
    "wrong": "layer Wide()(x) {\n  param w: f32[50000, 50000] = zeros\n  return x + sum(w)\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Wide\n}\n",
    "right": "layer Wide()(x) {\n  param w: f32[50, 50] = zeros\n  return x + sum(w)\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Wide\n}\n",
    "files": {}
  },
  "empty-tensor": {
    "code": "empty-tensor",
    "area": "shapes",
    "severity": "error",
    "title": "{found} has no elements",
    "label": "nothing is in it",
    "notes": [],
    "hints": [],
    "why": "A slice or part may come out empty by mistake; a tensor that something is computed from has elements.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = sum(x[:, 4:9], axis = 1)\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = sum(x[:, 3:9], axis = 1)\n}\n",
    "files": {}
  },
  "unexpected-token": {
    "code": "unexpected-token",
    "area": "syntax",
    "severity": "error",
    "title": "expected {expected}, found {found}",
    "label": "unexpected",
    "notes": [],
    "hints": [
      "{hint?}"
    ],
    "why": "The text does not follow the grammar here. The statement is skipped; what follows is still checked.",
    "wrong": "const width = 3 +\n",
    "right": "const width = 3 + 1\n",
    "files": {}
  },
  "unexpected-character": {
    "code": "unexpected-character",
    "area": "syntax",
    "severity": "error",
    "title": "{character} is not part of the language",
    "label": "unknown character",
    "notes": [],
    "hints": [
      "write `{replacement?}`",
      "{advice?}"
    ],
    "why": "Names consist of ASCII letters, digits and `_`, and may end with `'`.",
    "wrong": "const width = 3 ? 4\n",
    "right": "const width = 3 * 4\n",
    "files": {}
  },
  "malformed-number": {
    "code": "malformed-number",
    "area": "syntax",
    "severity": "error",
    "title": "`{text}` is not a number",
    "label": "malformed number",
    "notes": [],
    "hints": [
      "write `{replacement?}`"
    ],
    "why": "A number has digits before and after its point; underscores may group digits; a name never begins with a digit.",
    "wrong": "const rate = .5\n",
    "right": "const rate = 0.5\n",
    "files": {}
  },
  "unterminated-string": {
    "code": "unterminated-string",
    "area": "syntax",
    "severity": "error",
    "title": "the string does not end on its line",
    "label": "begins here",
    "notes": [],
    "hints": [
      "close it with `\"`"
    ],
    "why": "Strings stand in double quotes on one line; `\\\"`, `\\\\`, `\\n` and `\\t` are the escapes.",
    "wrong": "import \"blocks.nn\n",
    "right": "const path = \"blocks.nn\"\n",
    "files": {}
  },
  "unknown-escape": {
    "code": "unknown-escape",
    "area": "syntax",
    "severity": "error",
    "title": "`{escape}` is not an escape",
    "label": "in this string",
    "notes": [],
    "hints": [
      "the escapes are `\\\"`, `\\\\`, `\\n` and `\\t`; a backslash itself is `\\\\`"
    ],
    "why": "A backslash in a string begins an escape.",
    "wrong": "const path = \"data\\train\"\nconst other = \"data\\images\"\n",
    "right": "const path = \"data/images\"\n",
    "files": {}
  },
  "unterminated-comment": {
    "code": "unterminated-comment",
    "area": "syntax",
    "severity": "error",
    "title": "the comment does not end",
    "label": "begins here",
    "notes": [],
    "hints": [
      "close it with `*/`"
    ],
    "why": "`/*` begins a comment that lasts to the next `*/`; such comments do not nest.",
    "wrong": "const a = 1\n/* and so on\n",
    "right": "const a = 1\n/* and so on */\n",
    "files": {}
  },
  "unclosed-bracket": {
    "code": "unclosed-bracket",
    "area": "syntax",
    "severity": "error",
    "title": "`{open}` is never closed",
    "label": "opens here",
    "notes": [],
    "hints": [
      "{comment?}",
      "add `{close}`"
    ],
    "why": "Every bracket needs its partner. A declaration that begins at the start of a line ends whatever is still open.",
    "wrong": "fn double(x) = (2 * x\n\nfn triple(x) = 3 * x\n",
    "right": "fn double(x) = (2 * x)\n\nfn triple(x) = 3 * x\n",
    "files": {}
  },
  "mismatched-bracket": {
    "code": "mismatched-bracket",
    "area": "syntax",
    "severity": "error",
    "title": "`{close}` closes nothing",
    "label": "no bracket is open that this could close",
    "notes": [],
    "hints": [
      "{hint?}"
    ],
    "why": "Brackets close in the order opposite to that in which they open.",
    "wrong": "fn double(x) = (2 * x]\n",
    "right": "fn double(x) = (2 * x)\n",
    "files": {}
  },
  "too-deeply-nested": {
    "code": "too-deeply-nested",
    "area": "syntax",
    "severity": "error",
    "title": "the {what} is nested more than {limit} levels deep",
    "label": "here",
    "notes": [],
    "hints": [
      "bind parts of it to names"
    ],
    "why": "The compiler bounds the depth of what it reads, so that no input can exhaust its stack. Real programs stay far below the bound.",
    "wrong": "const deep =\n  (((((((((((((((((((((((((((((((((((((((((((((((((((\n  (((((((((((((((((((((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))))))))))))))))))))))\n  )))))))))))))))))))))))))))))))))))))))))))))))))))\n",
    "right": "const shallow = (((1)))\n",
    "files": {}
  },
  "expression-statement": {
    "code": "expression-statement",
    "area": "syntax",
    "severity": "error",
    "title": "the value of this expression is not used",
    "label": "computed and thrown away",
    "notes": [],
    "hints": [
      "bind it (`y = …`), return it, or delete it"
    ],
    "why": "Expressions have no effects, so one that stands alone as a statement does nothing.",
    "wrong": "fn double(x) {\n  x + x\n  return 2 * x\n}\n",
    "right": "fn double(x) {\n  y = x + x\n  return y\n}\n",
    "files": {}
  },
  "invalid-assignment-target": {
    "code": "invalid-assignment-target",
    "area": "syntax",
    "severity": "error",
    "title": "`<-` assigns to a whole state or parameter",
    "label": "not a name",
    "notes": [],
    "hints": [
      "assign a tensor made from the old value, or bind a new name with `=`"
    ],
    "why": "States change as a whole at the end of the step; parts of tensors and tuples are not assigned.",
    "wrong": "optimizer Half() {\n  update(w, g, t) {\n    w[0] <- 0.5 * g\n  }\n}\n",
    "right": "optimizer Half() {\n  update(w, g, t) {\n    w <- w - 0.5 * g\n  }\n}\n",
    "files": {}
  },
  "parentheses-needed": {
    "code": "parentheses-needed",
    "area": "syntax",
    "severity": "error",
    "title": "`{prefix}` needs parentheses after `{operator}`",
    "label": "binds looser than `{operator}`",
    "notes": [],
    "hints": [
      "write `({prefix} …)`"
    ],
    "why": "`if … then … else` and `not` bind looser than the operator before them, so that it is unclear how far they reach.",
    "wrong": "fn step(x) = 1 + if x > 0 then x else 0\n",
    "right": "fn step(x) = 1 + (if x > 0 then x else 0)\n",
    "files": {}
  },
  "chained-comparison": {
    "code": "chained-comparison",
    "area": "syntax",
    "severity": "error",
    "title": "comparisons do not chain",
    "label": "compares the result of the comparison before it",
    "notes": [],
    "hints": [
      "write `a < b and b < c`"
    ],
    "why": "`a < b < c` would compare a truth value with `c`.",
    "wrong": "fn inside(x) = 0 < x < 1\n",
    "right": "fn inside(x) = 0 < x and x < 1\n",
    "files": {}
  },
  "positional-after-named": {
    "code": "positional-after-named",
    "area": "syntax",
    "severity": "error",
    "title": "a positional argument follows a named one",
    "label": "needs a name, or belongs before the named arguments",
    "notes": [],
    "hints": [],
    "why": "Positional arguments come first, so that it is clear which parameter each one fills.",
    "wrong": "fn power(x, n) = x^n\nfn cube(x) = power(n = 3, x)\n",
    "right": "fn power(x, n) = x^n\nfn cube(x) = power(x, n = 3)\n",
    "files": {}
  },
  "missing-declaration": {
    "code": "missing-declaration",
    "area": "syntax",
    "severity": "error",
    "title": "expected a declaration, found {found}",
    "label": "declarations begin with import, const, fn, layer, model, optimizer, metric, data or train",
    "notes": [],
    "hints": [
      "{instead?}",
      "did you mean `{nearest?}`?"
    ],
    "why": "A file consists of declarations; statements stand inside of them.",
    "wrong": "lyer Twice()(x) {\n  return 2 * x\n}\n",
    "right": "layer Twice()(x) {\n  return 2 * x\n}\n",
    "files": {}
  },
  "missing-inputs": {
    "code": "missing-inputs",
    "area": "syntax",
    "severity": "error",
    "title": "{kind} `{name}` has one list of parameters but needs two",
    "label": "the list of {second} is missing",
    "notes": [],
    "hints": [
      "write `{kind} {name}(…configuration…)(…{second}…)`; either list may be empty"
    ],
    "why": "Layers and metrics are configured first and applied later, so they have two lists.",
    "wrong": "layer Twice(x) {\n  return 2 * x\n}\n",
    "right": "layer Twice()(x) {\n  return 2 * x\n}\n",
    "files": {}
  },
  "optimizer-without-update": {
    "code": "optimizer-without-update",
    "area": "syntax",
    "severity": "error",
    "title": "optimizer `{name}` has no `update`",
    "label": "says nothing about how a parameter changes",
    "notes": [],
    "hints": [
      "add `update(w, g, t) { w <- … }`"
    ],
    "why": "An optimizer is the rule by which a parameter `w` with gradient `g` changes at its step `t`.",
    "wrong": "optimizer Lazy(learning_rate = 0.1) {\n  prepare(gs, t) {\n    return gs\n  }\n}\n",
    "right": "optimizer Eager(learning_rate = 0.1) {\n  update(w, g, t) {\n    w <- w - learning_rate * g\n  }\n}\n",
    "files": {}
  },
  "duplicate-procedure": {
    "code": "duplicate-procedure",
    "area": "syntax",
    "severity": "error",
    "title": "optimizer `{name}` has `{procedure}` twice",
    "label": "the second one",
    "notes": [],
    "hints": [],
    "why": "An optimizer has at most one `scale`, `gradient`, `prepare` and `update`.",
    "wrong": "optimizer Twice() {\n  update(w, g, t) {\n    w <- w - g\n  }\n  update(w, g, t) {\n    w <- w - 2 * g\n  }\n}\n",
    "right": "optimizer Once() {\n  update(w, g, t) {\n    w <- w - 3 * g\n  }\n}\n",
    "files": {}
  },
  "missing-initial-value": {
    "code": "missing-initial-value",
    "area": "syntax",
    "severity": "error",
    "title": "{role} `{name}` has no initial value",
    "label": "how does it begin?",
    "notes": [],
    "hints": [
      "write `{role} {name} = …`"
    ],
    "why": "A parameter or state begins training with some value, and a statistic is what its expression says.",
    "wrong": "layer Scale()(x: f32[..., C]) -> f32[..., C] {\n  param gain: f32[C]\n  return gain * x\n}\n",
    "right": "layer Scale()(x: f32[..., C]) -> f32[..., C] {\n  param gain: f32[C] = ones\n  return gain * x\n}\n",
    "files": {}
  },
  "unknown-train-key": {
    "code": "unknown-train-key",
    "area": "training",
    "severity": "error",
    "title": "a train block has no `{name}`",
    "label": "no such entry",
    "notes": [],
    "hints": [
      "did you mean `{nearest?}`?",
      "it has {known}"
    ],
    "why": "The entries of a train block are fixed.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  epoch 3\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  epochs 3\n}\n",
    "files": {}
  },
  "duplicate-train-key": {
    "code": "duplicate-train-key",
    "area": "training",
    "severity": "error",
    "title": "`{name}` is given twice",
    "label": "given again",
    "notes": [],
    "hints": [],
    "why": "Every entry of a train block is given once.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  epochs 3\n  epochs 4\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  epochs 3\n}\n",
    "files": {}
  },
  "single-train-value": {
    "code": "single-train-value",
    "area": "training",
    "severity": "error",
    "title": "`{name}` takes one value",
    "label": "a second value",
    "notes": [],
    "hints": [],
    "why": "Only metrics and callbacks are lists; several losses are added, `a + 0.5 * b`.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y), mae(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y) + mae(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "missing-train-key": {
    "code": "missing-train-key",
    "area": "training",
    "severity": "error",
    "title": "the train block has no `{name}`",
    "label": "no `{name}` in here",
    "notes": [],
    "hints": [],
    "why": "To train, a loss and an optimizer are needed.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "several-train-blocks": {
    "code": "several-train-blocks",
    "area": "training",
    "severity": "error",
    "title": "the file has several train blocks",
    "label": "another one",
    "notes": [],
    "hints": [],
    "why": "A program trains one model; put the other into a file of its own and import what both share.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\ntrain M on d {\n  loss mae(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "unknown-data": {
    "code": "unknown-data",
    "area": "training",
    "severity": "error",
    "title": "there are no data `{name}`",
    "label": "no such data",
    "notes": [],
    "hints": [
      "did you mean `{nearest?}`?"
    ],
    "why": "`train Model on name` takes data declared in the file or imported.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on e {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "unknown-named": {
    "code": "unknown-named",
    "area": "training",
    "severity": "error",
    "title": "there is no {what} `{name}`",
    "label": "no such {what}",
    "notes": [],
    "hints": [
      "did you mean `{nearest?}`?",
      "there are {known}"
    ],
    "why": "Readers and callbacks are those the runtime has.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  callbacks EarlyStop(monitor = \"loss\")\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  callbacks EarlyStopping(monitor = \"loss\")\n}\n",
    "files": {}
  },
  "unknown-precision": {
    "code": "unknown-precision",
    "area": "training",
    "severity": "error",
    "title": "there is no precision `{name}`",
    "label": "no such precision",
    "notes": [],
    "hints": [
      "did you mean `{nearest?}`?",
      "there are {known}"
    ],
    "why": "The precision says to what operands of products may be rounded, where a target has units for it; sums, everything else, and what is kept are f32 in any case. It is a name: f32, tf32, bf16 or f16.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  precision fp16\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  precision f16\n}\n",
    "files": {}
  },
  "unknown-monitor": {
    "code": "unknown-monitor",
    "area": "training",
    "severity": "error",
    "title": "{callback} monitors `{monitor}`, which this training does not report",
    "label": "nothing of that name",
    "notes": [],
    "hints": [
      "{validation?}",
      "did you mean `{nearest?}`?",
      "it reports {known}"
    ],
    "why": "Callbacks see `loss` and the metrics by name, and with `val_` before them if there is validation.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  callbacks EarlyStopping(patience = 2)\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  validation 0.1\n  callbacks EarlyStopping(patience = 2)\n}\n",
    "files": {}
  },
  "weight-column": {
    "code": "weight-column",
    "area": "training",
    "severity": "error",
    "title": "`{key}` does not name a column of the data",
    "label": "names no column",
    "notes": [],
    "hints": [
      "write `class_weight {classes?} = […]`",
      "the columns are {known?}"
    ],
    "why": "`sample_weight w` names the column of weights, `class_weight label = [1.0, 2.0]` that of the classes.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  sample_weight w\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    w: f32 = csv(\"d.csv\", column = 5)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  sample_weight w\n}\n",
    "files": {}
  },
  "loss-not-weightable": {
    "code": "loss-not-weightable",
    "area": "training",
    "severity": "error",
    "title": "the loss cannot take sample weights",
    "label": "is weighted",
    "notes": [],
    "hints": [
      "leave the weights out, or write them into the loss"
    ],
    "why": "Weights enter a loss through its means over the batch, so it must be a sum of multiples of such means.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    w: f32 = csv(\"d.csv\", column = 5)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss sqrt(mse(t, y))\n  optimizer SGD()\n  sample_weight w\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    w: f32 = csv(\"d.csv\", column = 5)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  sample_weight w\n}\n",
    "files": {}
  },
  "loss-without-parameters": {
    "code": "loss-without-parameters",
    "area": "training",
    "severity": "error",
    "title": "the loss does not depend on any trainable parameter",
    "label": "no gradient to follow",
    "notes": [],
    "hints": [
      "is an output of the model missing in it?"
    ],
    "why": "Training moves parameters along the loss's gradient.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = sum(x, axis = 1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "untrained-parameter": {
    "code": "untrained-parameter",
    "area": "training",
    "severity": "warning",
    "title": "the loss does not depend on {paths}",
    "label": "does not read what these make",
    "notes": [],
    "hints": [
      "add the output to the loss, or leave it out of the model"
    ],
    "why": "A parameter without gradient stays as it was initialized.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n  output z = x |> Dense(2)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n  output z = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y) + mse(t, z)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "metric-not-a-mean": {
    "code": "metric-not-a-mean",
    "area": "training",
    "severity": "error",
    "title": "the metric `{name}` cannot be accumulated over batches",
    "label": "not an expression of means",
    "notes": [],
    "hints": [],
    "why": "A metric written as a function accumulates the means over the batch it is made of. For anything else, declare a `metric` with states.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  metrics top = max(y)\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  metrics top = mean(y)\n}\n",
    "files": {}
  },
  "metric-outside-training": {
    "code": "metric-outside-training",
    "area": "training",
    "severity": "error",
    "title": "the metric `{name}` is used outside a train block",
    "label": "applied here",
    "notes": [],
    "hints": [],
    "why": "A metric accumulates over the batches of an epoch.",
    "wrong": "metric Total()(y) {\n  state total = zeros\n  total <- total + sum(y)\n  return total\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x * Total()(x)\n}\n",
    "right": "metric Total()(y) {\n  state total = zeros\n  total <- total + sum(y)\n  return total\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n  metrics total = Total()(y)\n}\n",
    "files": {}
  },
  "update-never-assigns": {
    "code": "update-never-assigns",
    "area": "training",
    "severity": "error",
    "title": "the optimizer's update never assigns `{name}`",
    "label": "no `{name} <- …` in here",
    "notes": [],
    "hints": [
      "write `{name} <- …`"
    ],
    "why": "An update moves its parameter; without an assignment nothing would be trained.",
    "wrong": "optimizer Still(learning_rate = 0.1) {\n  update(w, g, t) {\n    _step = w - learning_rate * g\n  }\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer Still()\n}\n",
    "right": "optimizer Still(learning_rate = 0.1) {\n  update(w, g, t) {\n    w <- w - learning_rate * g\n  }\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer Still()\n}\n",
    "files": {}
  },
  "procedure-parameters": {
    "code": "procedure-parameters",
    "area": "training",
    "severity": "error",
    "title": "`{name}` has the wrong number of parameters",
    "label": "takes others",
    "notes": [],
    "hints": [
      "its signature is `{signature}`"
    ],
    "why": "An optimizer has `update(w, g, t)`, for a parameter, its gradient and the step from 1, and may have `prepare(gs, t)`.",
    "wrong": "optimizer Mine(learning_rate = 0.1) {\n  update(w, g, t, path, s) {\n    w <- w - learning_rate * g * s / t\n  }\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer Mine()\n}\n",
    "right": "optimizer Mine(learning_rate = 0.1) {\n  update(w, g, t) {\n    w <- w - learning_rate * g / t\n  }\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer Mine()\n}\n",
    "files": {}
  },
  "prepared-gradients": {
    "code": "prepared-gradients",
    "area": "training",
    "severity": "error",
    "title": "`prepare` must return a list of the gradients, not {found}",
    "label": "returns something else",
    "notes": [],
    "hints": [],
    "why": "`prepare(gs, t)` sees the gradients of all parameters and returns as many, of the same shapes.",
    "wrong": "optimizer Mine(learning_rate = 0.1) {\n  prepare(gs, t) {\n    return gs[0] / t\n  }\n  update(w, g) {\n    w <- w - learning_rate * g\n  }\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer Mine()\n}\n",
    "right": "optimizer Mine(learning_rate = 0.1) {\n  prepare(gs) {\n    return gs\n  }\n  update(w, g) {\n    w <- w - learning_rate * g\n  }\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mse(t, y)\n  optimizer Mine()\n}\n",
    "files": {}
  },
  "wrong-type": {
    "code": "wrong-type",
    "area": "types",
    "severity": "error",
    "title": "{what} must be {expected}, not {found}",
    "label": "{found}",
    "notes": [],
    "hints": [],
    "why": "Static values have types, given after a colon or told by the default.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(\"three\")\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(3)\n}\n",
    "files": {}
  },
  "unknown-type": {
    "code": "unknown-type",
    "area": "types",
    "severity": "error",
    "title": "there is no type `{name}`",
    "label": "no such type",
    "notes": [],
    "hints": [
      "write `{own?}`",
      "did you mean `{nearest?}`?"
    ],
    "why": "Element types are f32, f16, bf16, i32, u8 and bool; static types int, float, bool, string, fn, layer, list and tuple.",
    "wrong": "fn f(n: integer) = n + 1\nconst a = f(3)\n",
    "right": "fn f(n: int) = n + 1\nconst a = f(3)\n",
    "files": {}
  },
  "narrow-float": {
    "code": "narrow-float",
    "area": "types",
    "severity": "error",
    "title": "no target computes with {found} yet",
    "label": "this has elements of type {found}",
    "notes": [],
    "hints": [],
    "why": "The narrow float types are part of the language, but the cpu target computes with f32 alone.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = f32(f16(x)) |> Dense(3)\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(3)\n}\n",
    "files": {}
  },
  "dtype-mismatch": {
    "code": "dtype-mismatch",
    "area": "types",
    "severity": "error",
    "title": "{what} has elements of type {found}, where {expected} is needed",
    "label": "these are {found}",
    "notes": [],
    "hints": [
      "convert it: `{expected}(…)`"
    ],
    "why": "Integers become floats by themselves, as nothing is lost; floats become integers only where that is said.",
    "wrong": "fn class_names(label: i32[N]) = label + 1\nmodel M {\n  input x: f32[N]\n  output y = class_names(x)\n}\n",
    "right": "fn class_names(label: i32[N]) = label + 1\nmodel M {\n  input x: f32[N]\n  output y = class_names(i32(x))\n}\n",
    "files": {}
  },
  "not-a-number": {
    "code": "not-a-number",
    "area": "types",
    "severity": "error",
    "title": "{operation} takes numbers and tensors, not {found}",
    "label": "{found}",
    "notes": [],
    "hints": [],
    "why": "Arithmetic is of numbers, tensors, and elements inside an index notation.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x + relu\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x + relu(x)\n}\n",
    "files": {}
  },
  "operand-types": {
    "code": "operand-types",
    "area": "types",
    "severity": "error",
    "title": "{operation} does not take {found}",
    "label": "not defined for these",
    "notes": [],
    "hints": [],
    "why": "`and`, `or` and `not` take truth values, arithmetic takes numbers, a choice takes a truth value first.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = f32(x and x)\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = f32(x > 0 and x < 1)\n}\n",
    "files": {}
  },
  "dynamic-condition": {
    "code": "dynamic-condition",
    "area": "types",
    "severity": "error",
    "title": "this `if` needs a condition known at build time, not {found}",
    "label": "depends on data",
    "notes": [],
    "hints": [
      "write `if c then a else b` to choose for each element"
    ],
    "why": "A statement `if` chooses what is built. To choose element by element, use the expression `if c then a else b`.",
    "wrong": "fn f(x) {\n  if x > 0 {\n    return x\n  }\n  return -x\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = f(x)\n}\n",
    "right": "fn f(x) = if x > 0 then x else -x\nmodel M {\n  input x: f32[N, 4]\n  output y = f(x)\n}\n",
    "files": {}
  },
  "division-by-zero": {
    "code": "division-by-zero",
    "area": "types",
    "severity": "error",
    "title": "an integer is divided by zero",
    "label": "divides by 0",
    "notes": [],
    "hints": [],
    "why": "Integers have no infinity; of floats it is fine.",
    "wrong": "const a = 7 % 0\n",
    "right": "const a = 7 % 2\n",
    "files": {}
  },
  "not-callable": {
    "code": "not-callable",
    "area": "types",
    "severity": "error",
    "title": "{found} cannot be called",
    "label": "called here",
    "notes": [],
    "hints": [],
    "why": "Functions, layers and models can be called, and what is made from them.",
    "wrong": "const width = 3\nconst a = width(2)\n",
    "right": "const width = 3\nconst a = width * 2\n",
    "files": {}
  },
  "not-indexable": {
    "code": "not-indexable",
    "area": "types",
    "severity": "error",
    "title": "{found} has no elements to index",
    "label": "indexed here",
    "notes": [],
    "hints": [],
    "why": "Tensors, lists and tuples can be indexed.",
    "wrong": "const width = 3\nconst a = width[0]\n",
    "right": "const width = [3]\nconst a = width[0]\n",
    "files": {}
  },
  "list-index": {
    "code": "list-index",
    "area": "types",
    "severity": "error",
    "title": "a list is indexed by one int, not by {found}",
    "label": "not an int",
    "notes": [],
    "hints": [],
    "why": "Lists are static: which item is meant must be known at build time.",
    "wrong": "const sizes = [3, 4]\nconst a = sizes[\"first\"]\n",
    "right": "const sizes = [3, 4]\nconst a = sizes[0]\n",
    "files": {}
  },
  "slice-bound": {
    "code": "slice-bound",
    "area": "types",
    "severity": "error",
    "title": "a slice goes from int to int, not by {found}",
    "label": "not a bound",
    "notes": [],
    "hints": [],
    "why": "Slices are static, so that shapes are.",
    "wrong": "const sizes = [3, 4]\nconst a = sizes[0:\"end\"]\n",
    "right": "const sizes = [3, 4]\nconst a = sizes[0:1]\n",
    "files": {}
  },
  "too-many-arguments": {
    "code": "too-many-arguments",
    "area": "types",
    "severity": "error",
    "title": "`{name}` takes no more than {count}",
    "label": "one too many",
    "notes": [],
    "hints": [],
    "why": "Arguments by position fill the parameters from left to right.",
    "wrong": "fn double(x) = 2 * x\nconst a = double(3, 4)\n",
    "right": "fn double(x) = 2 * x\nconst a = double(3)\n",
    "files": {}
  },
  "repeated-argument": {
    "code": "repeated-argument",
    "area": "types",
    "severity": "error",
    "title": "the argument `{name}` is given twice",
    "label": "given again",
    "notes": [],
    "hints": [],
    "why": "An argument is given by position or by name, once.",
    "wrong": "fn double(x) = 2 * x\nconst a = double(3, x = 4)\n",
    "right": "fn double(x) = 2 * x\nconst a = double(x = 4)\n",
    "files": {}
  },
  "unknown-argument": {
    "code": "unknown-argument",
    "area": "types",
    "severity": "error",
    "title": "`{callee}` has no argument `{name}`",
    "label": "no such argument",
    "notes": [],
    "hints": [
      "did you mean `{nearest?}`?",
      "it takes {known?}"
    ],
    "why": "Arguments by name use the names of the declaration; the library's are those of Keras 3.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(3, bias = false)\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(3, use_bias = false)\n}\n",
    "files": {}
  },
  "missing-argument": {
    "code": "missing-argument",
    "area": "types",
    "severity": "error",
    "title": "`{callee}` needs {names}",
    "label": "not given here",
    "notes": [],
    "hints": [
      "to pass the function itself, write `{value?}`",
      "make it with its arguments, then apply it: `x |> {made?}`"
    ],
    "why": "A parameter without a default must be given.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(activation = relu)\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(3, activation = relu)\n}\n",
    "files": {}
  },
  "missing-return": {
    "code": "missing-return",
    "area": "types",
    "severity": "error",
    "title": "`{name}` ends without `return`",
    "label": "returns nothing",
    "notes": [],
    "hints": [],
    "why": "A function or layer is what it returns, on every static path.",
    "wrong": "fn double(x) {\n  _y = 2 * x\n}\nconst a = double(3)\n",
    "right": "fn double(x) {\n  y = 2 * x\n  return y\n}\nconst a = double(3)\n",
    "files": {}
  },
  "pattern-length": {
    "code": "pattern-length",
    "area": "types",
    "severity": "error",
    "title": "{names} names for {values} values",
    "label": "does not fit",
    "notes": [],
    "hints": [],
    "why": "A tuple on the left takes a tuple or list of as many values.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  (a, b) = split(x, 4)\n  output y = a + b\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  (a, b) = split(x, 2)\n  output y = a + b\n}\n",
    "files": {}
  },
  "not-assignable": {
    "code": "not-assignable",
    "area": "types",
    "severity": "error",
    "title": "`{name}` cannot be assigned",
    "label": "no state",
    "notes": [],
    "hints": [
      "declare it: `state {name}: f32[…] = zeros`"
    ],
    "why": "`<-` assigns states, and params in an optimizer's update; anything else is bound with `=`.",
    "wrong": "layer Count()(x) {\n  total = 0.0\n  total <- total + 1\n  return x + total\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Count\n}\n",
    "right": "layer Count()(x) {\n  state total: f32[1] = zeros\n  total <- total + 1\n  return x + total\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Count\n}\n",
    "files": {}
  },
  "misplaced-statement": {
    "code": "misplaced-statement",
    "area": "types",
    "severity": "error",
    "title": "`{statement}` may stand only in {places}",
    "label": "not here",
    "notes": [],
    "hints": [
      "{instead?}"
    ],
    "why": "Params and states belong to layers and models, inputs and outputs to models, and what returns a value is a function, a layer or a metric.",
    "wrong": "fn scale(x) {\n  param factor: f32[1] = ones\n  return x * factor\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = scale(x)\n}\n",
    "right": "layer Scale()(x) {\n  param factor: f32[1] = ones\n  return x * factor\n}\nmodel M {\n  input x: f32[N, 4]\n  output y = x |> Scale\n}\n",
    "files": {}
  },
  "assertion-failed": {
    "code": "assertion-failed",
    "area": "types",
    "severity": "error",
    "title": "{message}",
    "label": "required here",
    "notes": [],
    "hints": [],
    "why": "A layer or function states with `assert` what it asks of its arguments.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dropout(1.5)\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dropout(0.5)\n}\n",
    "files": {}
  },
  "advice-not-followed": {
    "code": "advice-not-followed",
    "area": "types",
    "severity": "warning",
    "title": "{message}",
    "label": "expected here",
    "notes": [],
    "hints": [],
    "why": "A layer or function states with `assert …, warning = \"…\"` what its arguments are most probably meant to be.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output p = x |> Dense(3)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: u8 = csv(\"d.csv\", column = 4)\n  }\n}\ntrain M on d {\n  loss sparse_categorical_crossentropy(t, p)\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output p = x |> Dense(3)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: u8 = csv(\"d.csv\", column = 4)\n  }\n}\ntrain M on d {\n  loss sparse_categorical_crossentropy(t, p, from_logits = true)\n  optimizer SGD()\n}\n",
    "files": {}
  },
  "range-too-long": {
    "code": "range-too-long",
    "area": "types",
    "severity": "error",
    "title": "the range has {length} items",
    "label": "too long",
    "notes": [
      "at most {limit} items"
    ],
    "hints": [],
    "why": "Ranges are lists that exist at build time, so there is a limit.",
    "wrong": "const a = 0..1000000\n",
    "right": "const a = 0..1000\n",
    "files": {}
  },
  "not-a-scalar": {
    "code": "not-a-scalar",
    "area": "types",
    "severity": "error",
    "title": "{what} must be a single number, not {found}",
    "label": "{found}",
    "notes": [],
    "hints": [
      "{advice?}"
    ],
    "why": "Losses, metrics, penalties and learning rates are scalars; `mean` or `sum` makes one of a tensor.",
    "wrong": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss (t - y)^2\n  optimizer SGD()\n}\n",
    "right": "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n\ndata d {\n  train {\n    x: f32[4] = csv(\"d.csv\", columns = 0..4)\n    t: f32[1] = csv(\"d.csv\", columns = 4..5)\n  }\n}\ntrain M on d {\n  loss mean((t - y)^2)\n  optimizer SGD()\n}\n",
    "files": {}
  },
};

/** One constructor for each code. */
export const diagnostics = {
  /** error: the derivative of `{name}` by `{by}` is {found} where it should be {expected} */
  wrongDerivative: (place: Place, values: { readonly name: string | number; readonly by: string | number; readonly found: string | number; readonly expected: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["wrong-derivative"], place, values, more),
  /** error: the derivative of {of} by `{by}` is {found} where it should be {expected} */
  wrongGradient: (place: Place, values: { readonly of: string | number; readonly by: string | number; readonly found: string | number; readonly expected: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["wrong-gradient"], place, values, more),
  /** error: data have no block `{name}` */
  unknownDataBlock: (place: Place, values: { readonly name: string | number; readonly nearest: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-data-block"], place, values, more),
  /** error: the block `{name}` is given twice */
  duplicateDataBlock: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["duplicate-data-block"], place, values, more),
  /** error: the data `{name}` have no train block */
  missingTrainBlock: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["missing-train-block"], place, values, more),
  /** error: the column `{name}` is given twice */
  duplicateColumn: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["duplicate-column"], place, values, more),
  /** error: the train block has no column `{name}` */
  unknownColumn: (place: Place, values: { readonly name: string | number; readonly block: string | number; readonly nearest: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-column"], place, values, more),
  /** error: the column `{name}` is {first} in the train block and {second} here */
  columnTypes: (place: Place, values: { readonly name: string | number; readonly first: string | number; readonly second: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["column-types"], place, values, more),
  /** error: the type of the column `{name}` is that of one row */
  columnWithBatch: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["column-with-batch"], place, values, more),
  /** error: the column `{name}` cannot be stored as {dtype} */
  columnDtype: (place: Place, values: { readonly name: string | number; readonly dtype: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["column-dtype"], place, values, more),
  /** error: the column `{name}` has no type */
  columnWithoutType: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["column-without-type"], place, values, more),
  /** error: the column `{name}` has rows of {column}, but the model takes {input} */
  columnForInput: (place: Place, values: { readonly name: string | number; readonly column: string | number; readonly input: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["column-for-input"], place, values, more),
  /** error: the data `{data}` have no column for the input `{name}` */
  inputWithoutColumn: (place: Place, values: { readonly data: string | number; readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["input-without-column"], place, values, more),
  /** error: the column `{name}` has the name of an output of the model */
  columnNamedAsOutput: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["column-named-as-output"], place, values, more),
  /** warning: neither the model nor the loss uses the column `{name}` */
  unusedColumn: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unused-column"], place, values, more),
  /** error: the {block} block has no column `{name}` */
  blockWithoutColumn: (place: Place, values: { readonly block: string | number; readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["block-without-column"], place, values, more),
  /** error: `{name}` reads {count} columns of the file into {shape}, which takes {size} */
  columnCount: (place: Place, values: { readonly name: string | number; readonly count: string | number; readonly shape: string | number; readonly size: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["column-count"], place, values, more),
  /** error: `{name}` has {results}, but its `gradient` names {found} */
  cotangentCount: (place: Place, values: { readonly name: string | number; readonly results: string | number; readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["cotangent-count"], place, values, more),
  /** error: `{name}` has {parameters}, but its `gradient` returns {found} */
  gradientCount: (place: Place, values: { readonly name: string | number; readonly parameters: string | number; readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["gradient-count"], place, values, more),
  /** error: the derivative by `{name}` must be {expected}, not {found} */
  gradientType: (place: Place, values: { readonly name: string | number; readonly expected: string | number; readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["gradient-type"], place, values, more),
  /** error: `{name}` is {found} and has no derivative */
  gradientOfInteger: (place: Place, values: { readonly name: string | number; readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["gradient-of-integer"], place, values, more),
  /** error: `{name}` has a derivative of its own and takes whole tensors */
  gradientOfElement: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["gradient-of-element"], place, values, more),
  /** error: `{name}` has no parameter with a derivative */
  gradientWithoutFloat: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["gradient-without-float"], place, values, more),
  /** error: the first argument of `gradient` is not computed from the second */
  gradientOfUnrelated: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["gradient-of-unrelated"], place, values, more),
  /** error: this derivative goes through {what}, where there is none */
  gradientOutOfReach: (place: Place, values: { readonly what: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["gradient-out-of-reach"], place, values, more),
  /** error: the input `{name}` is named twice */
  duplicateInput: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["duplicate-input"], place, values, more),
  /** error: the output `{name}` is given twice */
  duplicateOutput: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["duplicate-output"], place, values, more),
  /** error: the input `{name}` does not begin with N */
  inputWithoutBatch: (place: Place, values: { readonly name: string | number; readonly type: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["input-without-batch"], place, values, more),
  /** error: the output `{name}` is {found}, which is not one row for each of the inputs */
  outputWithoutBatch: (place: Place, values: { readonly name: string | number; readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["output-without-batch"], place, values, more),
  /** error: a row of the output `{name}`, {found}, has a length that depends on the batch */
  outputRowOfBatch: (place: Place, values: { readonly name: string | number; readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["output-row-of-batch"], place, values, more),
  /** error: the model `{name}` has no output */
  modelWithoutOutput: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["model-without-output"], place, values, more),
  /** error: the {role} `{name}` cannot depend on the batch size */
  persistentBatch: (place: Place, values: { readonly role: string | number; readonly name: string | number; readonly meaning: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["persistent-batch"], place, values, more),
  /** error: the {role} `{name}` is declared twice in one layer */
  duplicateParameter: (place: Place, values: { readonly role: string | number; readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["duplicate-parameter"], place, values, more),
  /** error: `{path}` is {first} where the layer was first applied, and would be {second} here */
  sharedShape: (place: Place, values: { readonly path: string | number; readonly first: string | number; readonly second: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["shared-shape"], place, values, more),
  /** error: the {role} `{name}` has no type */
  missingType: (place: Place, values: { readonly role: string | number; readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["missing-type"], place, values, more),
  /** error: the initial value of {what} must be {expected}, not {found} */
  initialValue: (place: Place, values: { readonly what: string | number; readonly expected: string | number; readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["initial-value"], place, values, more),
  /** error: the initial value of `{name}` reads `{path}` */
  initialValueReads: (place: Place, values: { readonly name: string | number; readonly path: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["initial-value-reads"], place, values, more),
  /** warning: `=` does not assign the state `{name}` */
  stateRebound: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["state-rebound"], place, values, more),
  /** warning: the state `{name}` is never assigned */
  stateNeverAssigned: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["state-never-assigned"], place, values, more),
  /** error: the layer `{layer}` has no param `{name}` */
  noSuchParam: (place: Place, values: { readonly layer: string | number; readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["no-such-param"], place, values, more),
  /** error: a name that a loop carries is declared without a type */
  scanWithType: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["scan-with-type"], place, values, more),
  /** error: {what} is {found}, where an int of at least 1 is needed */
  loopLength: (place: Place, values: { readonly what: string | number; readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["loop-length"], place, values, more),
  /** error: the loop does not say what becomes of `{name}` */
  carryWithoutNext: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["carry-without-next"], place, values, more),
  /** error: `{name}` is the next value of nothing that the loop carries */
  nextWithoutCarry: (place: Place, values: { readonly name: string | number; readonly known: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["next-without-carry"], place, values, more),
  /** error: the loop begins with {expected} for `{name}`, and goes on with {found} */
  carryChanges: (place: Place, values: { readonly expected: string | number; readonly name: string | number; readonly found: string | number; readonly advice: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["carry-changes"], place, values, more),
  /** error: no loop bound `{name}` */
  noNameOfLoop: (place: Place, values: { readonly name: string | number; readonly call: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["no-name-of-loop"], place, values, more),
  /** error: `{name}` is nothing that a name of a loop has */
  unknownMember: (place: Place, values: { readonly name: string | number; readonly nearest: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-member"], place, values, more),
  /** error: `{name}` is {found} in the loop, and not a tensor */
  unstackedName: (place: Place, values: { readonly name: string | number; readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unstacked-name"], place, values, more),
  /** error: `{name}` is bound in a loop, and ends with it */
  nameOfLoop: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["name-of-loop"], place, values, more),
  /** error: the state `{name}` is assigned in a loop */
  assignedInLoop: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["assigned-in-loop"], place, values, more),
  /** error: this penalty depends on the step of a loop */
  penaltyInLoop: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["penalty-in-loop"], place, values, more),
  /** error: the statistic `{name}` depends on the step of a loop */
  statisticInLoop: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["statistic-in-loop"], place, values, more),
  /** error: `{name}` is not defined */
  unknownName: (place: Place, values: { readonly name: string | number; readonly member: string | number | undefined; readonly instead: string | number | undefined; readonly nearest: string | number | undefined; readonly dimension: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-name"], place, values, more),
  /** error: `{name}` is declared twice */
  duplicateDeclaration: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["duplicate-declaration"], place, values, more),
  /** error: there is no file `{path}` */
  fileNotFound: (place: Place, values: { readonly path: string | number; readonly nearest: string | number | undefined; readonly advice: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["file-not-found"], place, values, more),
  /** error: `{path}` declares no `{name}` */
  unknownImport: (place: Place, values: { readonly path: string | number; readonly name: string | number; readonly nearest: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-import"], place, values, more),
  /** error: `{name}` is defined by itself */
  cyclicDefinition: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["cyclic-definition"], place, values, more),
  /** error: `{name}` calls itself {depth} levels deep */
  endlessRecursion: (place: Place, values: { readonly name: string | number; readonly depth: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["endless-recursion"], place, values, more),
  /** error: the program takes more than {limit} steps to expand */
  tooMuchWork: (place: Place, values: { readonly limit: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["too-much-work"], place, values, more),
  /** error: `{name}` is bound again before its value was used */
  reboundUnread: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["rebound-unread"], place, values, more),
  /** warning: `{name}` is never used */
  unusedBinding: (place: Place, values: { readonly name: string | number; readonly rename: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unused-binding"], place, values, more),
  /** warning: the parameter `{name}` is never used */
  unusedParameter: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unused-parameter"], place, values, more),
  /** error: `{name}` is no optimizer */
  notAnOptimizer: (place: Place, values: { readonly name: string | number; readonly found: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["not-an-optimizer"], place, values, more),
  /** error: `{name}` says nothing about how a parameter changes */
  optimizerOfNothing: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["optimizer-of-nothing"], place, values, more),
  /** error: a procedure cannot return only on some steps */
  returnOnSomeSteps: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["return-on-some-steps"], place, values, more),
  /** error: `{name}` belongs in an update here */
  besideUpdates: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["beside-updates"], place, values, more),
  /** error: `{name}` is updated twice */
  repeatedUpdate: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["repeated-update"], place, values, more),
  /** error: an update has no `{name}` */
  unknownUpdateKey: (place: Place, values: { readonly name: string | number; readonly known: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-update-key"], place, values, more),
  /** error: the model has no part `{name}` with parameters */
  unknownPart: (place: Place, values: { readonly name: string | number; readonly nearest: string | number | undefined; readonly known: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-part"], place, values, more),
  /** error: only the first of several optimizers stands without a name */
  optimizersOfParts: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["optimizers-of-parts"], place, values, more),
  /** error: the shapes of {operation} do not fit */
  shapeMismatch: (place: Place, values: { readonly operation: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["shape-mismatch"], place, values, more),
  /** warning: {operation} pairs every row of the batch with every other */
  rowsMeetRows: (place: Place, values: { readonly operation: string | number; readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["rows-meet-rows"], place, values, more),
  /** error: {what} has {found}, where {expected} are declared */
  rankMismatch: (place: Place, values: { readonly what: string | number; readonly found: string | number; readonly expected: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["rank-mismatch"], place, values, more),
  /** error: {what} has a dimension of {found} where {expected} is declared */
  dimensionMismatch: (place: Place, values: { readonly what: string | number; readonly found: string | number; readonly expected: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["dimension-mismatch"], place, values, more),
  /** error: the dimension does not determine {names} */
  undeterminedDimension: (place: Place, values: { readonly names: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["undetermined-dimension"], place, values, more),
  /** error: a dimension is an int of at least 1, not {found} */
  notADimension: (place: Place, values: { readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["not-a-dimension"], place, values, more),
  /** error: the inner dimensions of @ differ */
  innerDimensions: (place: Place, values: { readonly left: string | number; readonly right: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["inner-dimensions"], place, values, more),
  /** error: @ takes tensors of at least one dimension, not {found} */
  matrixOperand: (place: Place, values: { readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["matrix-operand"], place, values, more),
  /** error: {operation} is not possible with the batch size */
  batchArithmetic: (place: Place, values: { readonly operation: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["batch-arithmetic"], place, values, more),
  /** error: the batch dimension cannot be sliced */
  sliceOfBatch: (place: Place, values: { readonly extent: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["slice-of-batch"], place, values, more),
  /** error: index {index} is outside {what}, which has {extent} */
  indexOutOfRange: (place: Place, values: { readonly index: string | number; readonly what: string | number; readonly extent: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["index-out-of-range"], place, values, more),
  /** error: {found} is no index */
  badIndex: (place: Place, values: { readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["bad-index"], place, values, more),
  /** error: a slice cannot begin where data say */
  dataDependentSlice: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["data-dependent-slice"], place, values, more),
  /** error: an index is an integer */
  indexType: (place: Place, values: { readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["index-type"], place, values, more),
  /** error: {found} for {shape} */
  tooManyIndices: (place: Place, values: { readonly found: string | number; readonly shape: string | number; readonly rank: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["too-many-indices"], place, values, more),
  /** error: {shape} needs an index for each of its {rank} dimensions */
  missingIndices: (place: Place, values: { readonly shape: string | number; readonly rank: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["missing-indices"], place, values, more),
  /** error: `{name}` is an axis already */
  duplicateAxis: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["duplicate-axis"], place, values, more),
  /** error: the axis `{name}` has no range */
  axisWithoutExtent: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["axis-without-extent"], place, values, more),
  /** error: the list of axes `{name}` has no sizes */
  axisListWithoutSizes: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["axis-list-without-sizes"], place, values, more),
  /** error: the axis `{name}` has two sizes, {first} and {second} */
  axisExtentConflict: (place: Place, values: { readonly name: string | number; readonly first: string | number; readonly second: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["axis-extent-conflict"], place, values, more),
  /** error: an axis of an outer index notation is used inside another */
  axisEscapes: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["axis-escapes"], place, values, more),
  /** error: there is no axis {axis} */
  axisOutOfRange: (place: Place, values: { readonly axis: string | number; readonly rank: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["axis-out-of-range"], place, values, more),
  /** error: {from} cannot take the shape {to} */
  reshapeMismatch: (place: Place, values: { readonly from: string | number; readonly to: string | number; readonly count: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["reshape-mismatch"], place, values, more),
  /** error: N would not lead {found} any more */
  batchMustLead: (place: Place, values: { readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["batch-must-lead"], place, values, more),
  /** error: {operation} takes tensors of one shape, not {first} and {second} */
  joinMismatch: (place: Place, values: { readonly operation: string | number; readonly first: string | number; readonly second: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["join-mismatch"], place, values, more),
  /** error: a declared shape has no `...` */
  openShape: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["open-shape"], place, values, more),
  /** error: `{name}` is {expected} and cannot be assigned {found} */
  assignedShape: (place: Place, values: { readonly name: string | number; readonly expected: string | number; readonly found: string | number; readonly advice: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["assigned-shape"], place, values, more),
  /** error: {found} has more than 2³¹ elements */
  tensorTooLarge: (place: Place, values: { readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["tensor-too-large"], place, values, more),
  /** error: {found} has no elements */
  emptyTensor: (place: Place, values: { readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["empty-tensor"], place, values, more),
  /** error: expected {expected}, found {found} */
  unexpectedToken: (place: Place, values: { readonly expected: string | number; readonly found: string | number; readonly hint: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unexpected-token"], place, values, more),
  /** error: {character} is not part of the language */
  unexpectedCharacter: (place: Place, values: { readonly character: string | number; readonly replacement: string | number | undefined; readonly advice: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unexpected-character"], place, values, more),
  /** error: `{text}` is not a number */
  malformedNumber: (place: Place, values: { readonly text: string | number; readonly replacement: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["malformed-number"], place, values, more),
  /** error: the string does not end on its line */
  unterminatedString: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unterminated-string"], place, values, more),
  /** error: `{escape}` is not an escape */
  unknownEscape: (place: Place, values: { readonly escape: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-escape"], place, values, more),
  /** error: the comment does not end */
  unterminatedComment: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unterminated-comment"], place, values, more),
  /** error: `{open}` is never closed */
  unclosedBracket: (place: Place, values: { readonly open: string | number; readonly comment: string | number | undefined; readonly close: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unclosed-bracket"], place, values, more),
  /** error: `{close}` closes nothing */
  mismatchedBracket: (place: Place, values: { readonly close: string | number; readonly hint: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["mismatched-bracket"], place, values, more),
  /** error: the {what} is nested more than {limit} levels deep */
  tooDeeplyNested: (place: Place, values: { readonly what: string | number; readonly limit: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["too-deeply-nested"], place, values, more),
  /** error: the value of this expression is not used */
  expressionStatement: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["expression-statement"], place, values, more),
  /** error: `<-` assigns to a whole state or parameter */
  invalidAssignmentTarget: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["invalid-assignment-target"], place, values, more),
  /** error: `{prefix}` needs parentheses after `{operator}` */
  parenthesesNeeded: (place: Place, values: { readonly prefix: string | number; readonly operator: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["parentheses-needed"], place, values, more),
  /** error: comparisons do not chain */
  chainedComparison: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["chained-comparison"], place, values, more),
  /** error: a positional argument follows a named one */
  positionalAfterNamed: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["positional-after-named"], place, values, more),
  /** error: expected a declaration, found {found} */
  missingDeclaration: (place: Place, values: { readonly found: string | number; readonly instead: string | number | undefined; readonly nearest: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["missing-declaration"], place, values, more),
  /** error: {kind} `{name}` has one list of parameters but needs two */
  missingInputs: (place: Place, values: { readonly kind: string | number; readonly name: string | number; readonly second: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["missing-inputs"], place, values, more),
  /** error: optimizer `{name}` has no `update` */
  optimizerWithoutUpdate: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["optimizer-without-update"], place, values, more),
  /** error: optimizer `{name}` has `{procedure}` twice */
  duplicateProcedure: (place: Place, values: { readonly name: string | number; readonly procedure: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["duplicate-procedure"], place, values, more),
  /** error: {role} `{name}` has no initial value */
  missingInitialValue: (place: Place, values: { readonly role: string | number; readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["missing-initial-value"], place, values, more),
  /** error: a train block has no `{name}` */
  unknownTrainKey: (place: Place, values: { readonly name: string | number; readonly nearest: string | number | undefined; readonly known: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-train-key"], place, values, more),
  /** error: `{name}` is given twice */
  duplicateTrainKey: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["duplicate-train-key"], place, values, more),
  /** error: `{name}` takes one value */
  singleTrainValue: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["single-train-value"], place, values, more),
  /** error: the train block has no `{name}` */
  missingTrainKey: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["missing-train-key"], place, values, more),
  /** error: the file has several train blocks */
  severalTrainBlocks: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["several-train-blocks"], place, values, more),
  /** error: there are no data `{name}` */
  unknownData: (place: Place, values: { readonly name: string | number; readonly nearest: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-data"], place, values, more),
  /** error: there is no {what} `{name}` */
  unknownNamed: (place: Place, values: { readonly what: string | number; readonly name: string | number; readonly nearest: string | number | undefined; readonly known: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-named"], place, values, more),
  /** error: there is no precision `{name}` */
  unknownPrecision: (place: Place, values: { readonly name: string | number; readonly nearest: string | number | undefined; readonly known: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-precision"], place, values, more),
  /** error: {callback} monitors `{monitor}`, which this training does not report */
  unknownMonitor: (place: Place, values: { readonly callback: string | number; readonly monitor: string | number; readonly validation: string | number | undefined; readonly nearest: string | number | undefined; readonly known: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-monitor"], place, values, more),
  /** error: `{key}` does not name a column of the data */
  weightColumn: (place: Place, values: { readonly key: string | number; readonly classes: string | number | undefined; readonly known: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["weight-column"], place, values, more),
  /** error: the loss cannot take sample weights */
  lossNotWeightable: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["loss-not-weightable"], place, values, more),
  /** error: the loss does not depend on any trainable parameter */
  lossWithoutParameters: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["loss-without-parameters"], place, values, more),
  /** warning: the loss does not depend on {paths} */
  untrainedParameter: (place: Place, values: { readonly paths: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["untrained-parameter"], place, values, more),
  /** error: the metric `{name}` cannot be accumulated over batches */
  metricNotAMean: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["metric-not-a-mean"], place, values, more),
  /** error: the metric `{name}` is used outside a train block */
  metricOutsideTraining: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["metric-outside-training"], place, values, more),
  /** error: the optimizer's update never assigns `{name}` */
  updateNeverAssigns: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["update-never-assigns"], place, values, more),
  /** error: `{name}` has the wrong number of parameters */
  procedureParameters: (place: Place, values: { readonly name: string | number; readonly signature: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["procedure-parameters"], place, values, more),
  /** error: `prepare` must return a list of the gradients, not {found} */
  preparedGradients: (place: Place, values: { readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["prepared-gradients"], place, values, more),
  /** error: {what} must be {expected}, not {found} */
  wrongType: (place: Place, values: { readonly what: string | number; readonly expected: string | number; readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["wrong-type"], place, values, more),
  /** error: there is no type `{name}` */
  unknownType: (place: Place, values: { readonly name: string | number; readonly own: string | number | undefined; readonly nearest: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-type"], place, values, more),
  /** error: no target computes with {found} yet */
  narrowFloat: (place: Place, values: { readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["narrow-float"], place, values, more),
  /** error: {what} has elements of type {found}, where {expected} is needed */
  dtypeMismatch: (place: Place, values: { readonly what: string | number; readonly found: string | number; readonly expected: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["dtype-mismatch"], place, values, more),
  /** error: {operation} takes numbers and tensors, not {found} */
  notANumber: (place: Place, values: { readonly operation: string | number; readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["not-a-number"], place, values, more),
  /** error: {operation} does not take {found} */
  operandTypes: (place: Place, values: { readonly operation: string | number; readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["operand-types"], place, values, more),
  /** error: this `if` needs a condition known at build time, not {found} */
  dynamicCondition: (place: Place, values: { readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["dynamic-condition"], place, values, more),
  /** error: an integer is divided by zero */
  divisionByZero: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["division-by-zero"], place, values, more),
  /** error: {found} cannot be called */
  notCallable: (place: Place, values: { readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["not-callable"], place, values, more),
  /** error: {found} has no elements to index */
  notIndexable: (place: Place, values: { readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["not-indexable"], place, values, more),
  /** error: a list is indexed by one int, not by {found} */
  listIndex: (place: Place, values: { readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["list-index"], place, values, more),
  /** error: a slice goes from int to int, not by {found} */
  sliceBound: (place: Place, values: { readonly found: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["slice-bound"], place, values, more),
  /** error: `{name}` takes no more than {count} */
  tooManyArguments: (place: Place, values: { readonly name: string | number; readonly count: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["too-many-arguments"], place, values, more),
  /** error: the argument `{name}` is given twice */
  repeatedArgument: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["repeated-argument"], place, values, more),
  /** error: `{callee}` has no argument `{name}` */
  unknownArgument: (place: Place, values: { readonly callee: string | number; readonly name: string | number; readonly nearest: string | number | undefined; readonly known: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-argument"], place, values, more),
  /** error: `{callee}` needs {names} */
  missingArgument: (place: Place, values: { readonly callee: string | number; readonly names: string | number; readonly value: string | number | undefined; readonly made: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["missing-argument"], place, values, more),
  /** error: `{name}` ends without `return` */
  missingReturn: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["missing-return"], place, values, more),
  /** error: {names} names for {values} values */
  patternLength: (place: Place, values: { readonly names: string | number; readonly values: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["pattern-length"], place, values, more),
  /** error: `{name}` cannot be assigned */
  notAssignable: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["not-assignable"], place, values, more),
  /** error: `{statement}` may stand only in {places} */
  misplacedStatement: (place: Place, values: { readonly statement: string | number; readonly places: string | number; readonly instead: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["misplaced-statement"], place, values, more),
  /** error: {message} */
  assertionFailed: (place: Place, values: { readonly message: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["assertion-failed"], place, values, more),
  /** warning: {message} */
  adviceNotFollowed: (place: Place, values: { readonly message: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["advice-not-followed"], place, values, more),
  /** error: the range has {length} items */
  rangeTooLong: (place: Place, values: { readonly length: string | number; readonly limit: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["range-too-long"], place, values, more),
  /** error: {what} must be a single number, not {found} */
  notAScalar: (place: Place, values: { readonly what: string | number; readonly found: string | number; readonly advice: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["not-a-scalar"], place, values, more),
};
