/**
 * What those who know Python and Keras write out of habit, and what is written here instead. Asked only where a name
 * means nothing or a rule of the grammar fails, so no name is taken from anybody.
 */

const names: Readonly<Record<string, string>> = {
  Sequential: "layers follow one another: `x |> first |> second`",
  Input: "an input is declared in the model: `input x: f32[N, 3]`",
  InputLayer: "an input is declared in the model: `input x: f32[N, 3]`",
  Model: "a model is declared: `model Name { … }`",
  self: "names stand by themselves: `name = …`",
  range: "`0..n` are the ints from 0 up to, not including, n",
  arange: "index notation makes them: `places[i < n] = i`",
  matmul: "the matrix product is `a @ b`",
  pi: "it is a number like others: `3.14159265`",
  pow: "a power is written `x^2`",
  square: "a power is written `x^2`",
  where: "`if c then a else b` chooses element by element",
  cast: "an element type is a function: `f32(x)`, `i32(x)`",
  int: "an element type is a function: `f32(x)`, `i32(x)`",
  float: "an element type is a function: `f32(x)`, `i32(x)`",
  squeeze: "an index leaves a dimension out: `x[:, 0]`",
  expand_dims: "`none` in an index is a new dimension: `x[:, none]`",
  gather: "`take(x, i)` takes slices of the first axis; in index notation `y[n] = x[n, i[n]]`",
  reduce_mean: "`mean(x, axis = -1)`",
  reduce_sum: "`sum(x, axis = -1)`",
  reduce_max: "`max(x, axis = -1)`",
  var: "`moments(x, axis = -1)` gives the mean and the variance",
  variance: "`moments(x, axis = -1)` gives the mean and the variance",
  norm: "the length of vectors is `sqrt(sum(x^2, axis = -1, keepdims = true))`",
  cumsum: "index notation adds up: `y[n, t] = sum[s < T] (if s <= t then x[n, s] else 0)`",
  pad: "what index notation reads outside of a tensor is 0: `y[n, t < T + 2] = x[n, t - 1]`",
  flip: "index notation reads backwards: `y[n, t] = x[n, T - 1 - t]`",
  reverse: "index notation reads backwards: `y[n, t] = x[n, T - 1 - t]`",
  tile: "index notation repeats: `y[n, t < 2*T] = x[n, t % T]`",
  repeat: "index notation repeats: `y[n, t < 2*T] = x[n, t / 2]`",
  depth_to_space:
    "index notation: `y[n, h < 2*H, w < 2*W, c < C/4] = x[n, h / 2, w / 2, (h % 2)*(C/2) + (w % 2)*(C/4) + c]`",
  enumerate: "`for (i, item) in zip(0..len(items), items)`",
};

/** What stands in the place of a name that nothing declares, as a sentence; undefined where nothing is known. */
export function insteadOfName(name: string): string | undefined {
  return Object.hasOwn(names, name) ? names[name] : undefined;
}

const words: Readonly<Record<string, string>> = {
  def: "a function is declared: `fn f(x) = …`, or with a block, `fn f(x) { … return y }`",
  class: "a layer is declared: `layer Name(units: int)(x) { … }`; a model: `model Name { … }`",
  from: 'the library\'s names are there without an import; other files: `import { name } from "file.nn"`',
  import: 'the library\'s names are there without an import; other files: `import "file.nn"`',
  async: "a function is declared: `fn f(x) = …`",
};

/** What stands in the place of a word that begins no declaration. */
export function insteadOfWord(word: string): string | undefined {
  return Object.hasOwn(words, word) ? words[word] : undefined;
}
