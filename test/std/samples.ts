/**
 * One use of each layer, loss and function of the library, with the type of its result: what the test of the whole
 * vocabulary runs. `inputs` are those of a model, `use` an expression of them.
 */

export interface Sample {
  readonly inputs: string;
  readonly use: string;
  readonly result: string;
}

const sample = (inputs: string, use: string, result: string): Sample => ({ inputs, use, result });

const row = "x: f32[N, 4]";
const sequence = "x: f32[N, 5, 3]";
const image = "x: f32[N, 5, 6, 2]";
const volume = "x: f32[N, 3, 4, 3, 2]";
const pair = "a: f32[N, 4]; b: f32[N, 4]";

export const layers: Readonly<Record<string, Sample>> = {
  Lambda: sample(row, "x |> Lambda(tanh)", "f32[N, 4]"),
  TernaryDense: sample(row, "x |> TernaryDense(3)", "f32[N, 3]"),
  CategoryEncoding: sample("t: i32[N, 3]", "t |> CategoryEncoding(5)", "f32[N, 5]"),
  Discretization: sample(row, "x |> Discretization([0.0, 0.5])", "i32[N, 4]"),
  Rescaling: sample(row, "x |> Rescaling(0.5, offset = -1.0)", "f32[N, 4]"),
  CenterCrop: sample(image, "x |> CenterCrop(3, 4)", "f32[N, 3, 4, 2]"),
  Resizing: sample(image, "x |> Resizing(4, 3)", "f32[N, 4, 3, 2]"),
  RandomFlip: sample(image, "x |> RandomFlip", "f32[N, 5, 6, 2]"),
  RandomTranslation: sample(image, "x |> RandomTranslation(0.2, 0.2)", "f32[N, 5, 6, 2]"),
  RandomRotation: sample(image, "x |> RandomRotation(0.2)", "f32[N, 5, 6, 2]"),
  RandomZoom: sample(image, "x |> RandomZoom(0.2)", "f32[N, 5, 6, 2]"),
  RandomShear: sample(image, "x |> RandomShear(0.2)", "f32[N, 5, 6, 2]"),
  RandomCrop: sample(image, "x |> RandomCrop(3, 4)", "f32[N, 3, 4, 2]"),
  RandomErasing: sample(image, "x |> RandomErasing", "f32[N, 5, 6, 2]"),
  RandomBrightness: sample(image, "x |> RandomBrightness(0.2)", "f32[N, 5, 6, 2]"),
  RandomContrast: sample(image, "x |> RandomContrast(0.2)", "f32[N, 5, 6, 2]"),
  RandomGrayscale: sample("x: f32[N, 5, 6, 3]", "x |> RandomGrayscale", "f32[N, 5, 6, 3]"),
  RandomColorDegeneration: sample(
    "x: f32[N, 5, 6, 3]",
    "x |> RandomColorDegeneration(0.2)",
    "f32[N, 5, 6, 3]",
  ),
  RandomInvert: sample(image, "x |> RandomInvert", "f32[N, 5, 6, 2]"),
  add: sample(pair, "add([a, b])", "f32[N, 4]"),
  average: sample(pair, "average([a, b])", "f32[N, 4]"),
  concatenate: sample(pair, "concatenate([a, b])", "f32[N, 8]"),
  dot: sample(pair, "dot([a, b], axes = 1)", "f32[N, 1]"),
  multiply: sample(pair, "multiply([a, b])", "f32[N, 4]"),
  subtract: sample(pair, "subtract([a, b])", "f32[N, 4]"),
  Dense: sample(row, "x |> Dense(3, tanh)", "f32[N, 3]"),
  EinsumDense: sample(
    sequence,
    'x |> EinsumDense("abc,cd->abd", [none, 4], bias_axes = "d")',
    "f32[N, 5, 4]",
  ),
  Embedding: sample("t: i32[N, 5]", "t |> Embedding(7, 3)", "f32[N, 5, 3]"),
  Identity: sample(row, "x |> Identity", "f32[N, 4]"),
  Masking: sample(sequence, "x |> Masking(0.25) |> LSTM(2)", "f32[N, 2]"),
  ReversibleEmbedding: sample("t: i32[N, 5]", "t |> ReversibleEmbedding(7, 3)", "f32[N, 5, 3]"),
  Activation: sample(row, "x |> Activation(tanh)", "f32[N, 4]"),
  Normalization: sample(row, "x |> Normalization", "f32[N, 4]"),
  ELU: sample(row, "x |> ELU", "f32[N, 4]"),
  LeakyReLU: sample(row, "x |> LeakyReLU", "f32[N, 4]"),
  PReLU: sample(row, "x |> PReLU", "f32[N, 4]"),
  ReLU: sample(
    row,
    "x |> ReLU(max_value = 0.5, negative_slope = 0.1, threshold = 0.1)",
    "f32[N, 4]",
  ),
  Softmax: sample(row, "x |> Softmax", "f32[N, 4]"),
  AdditiveAttention: sample(
    "q: f32[N, 3, 4]; v: f32[N, 5, 4]",
    "[q, v] |> AdditiveAttention",
    "f32[N, 3, 4]",
  ),
  Attention: sample(
    "q: f32[N, 3, 4]; v: f32[N, 5, 4]",
    "[q, v] |> Attention(use_scale = true)",
    "f32[N, 3, 4]",
  ),
  GroupQueryAttention: sample(sequence, "GroupQueryAttention(2, 4, 2)(x, x)", "f32[N, 5, 3]"),
  MultiHeadAttention: sample(sequence, "MultiHeadAttention(2, 3)(x, x)", "f32[N, 5, 3]"),
  Conv1D: sample(
    sequence,
    'x |> Conv1D(4, 3, padding = "causal", dilation_rate = 2)',
    "f32[N, 5, 4]",
  ),
  Conv2D: sample(
    image,
    'x |> Conv2D(4, 3, strides = 2, padding = "same", groups = 2)',
    "f32[N, 3, 3, 4]",
  ),
  Conv3D: sample(volume, "x |> Conv3D(2, 2)", "f32[N, 2, 3, 2, 2]"),
  Conv1DTranspose: sample(sequence, "x |> Conv1DTranspose(2, 3, strides = 2)", "f32[N, 11, 2]"),
  Conv2DTranspose: sample(
    image,
    'x |> Conv2DTranspose(3, 3, strides = 2, padding = "same")',
    "f32[N, 10, 12, 3]",
  ),
  Conv3DTranspose: sample(volume, "x |> Conv3DTranspose(2, 2)", "f32[N, 4, 5, 4, 2]"),
  DepthwiseConv1D: sample(
    sequence,
    "x |> DepthwiseConv1D(2, depth_multiplier = 2)",
    "f32[N, 4, 6]",
  ),
  DepthwiseConv2D: sample(image, "x |> DepthwiseConv2D(2)", "f32[N, 4, 5, 2]"),
  SeparableConv1D: sample(sequence, "x |> SeparableConv1D(4, 2)", "f32[N, 4, 4]"),
  SeparableConv2D: sample(image, 'x |> SeparableConv2D(3, 3, padding = "same")', "f32[N, 5, 6, 3]"),
  AdaptiveAveragePooling1D: sample(sequence, "x |> AdaptiveAveragePooling1D(3)", "f32[N, 3, 3]"),
  AdaptiveAveragePooling2D: sample(image, "x |> AdaptiveAveragePooling2D(3)", "f32[N, 3, 3, 2]"),
  AdaptiveAveragePooling3D: sample(
    volume,
    "x |> AdaptiveAveragePooling3D(2)",
    "f32[N, 2, 2, 2, 2]",
  ),
  AdaptiveMaxPooling1D: sample(sequence, "x |> AdaptiveMaxPooling1D(3)", "f32[N, 3, 3]"),
  AdaptiveMaxPooling2D: sample(image, "x |> AdaptiveMaxPooling2D(3)", "f32[N, 3, 3, 2]"),
  AdaptiveMaxPooling3D: sample(volume, "x |> AdaptiveMaxPooling3D(2)", "f32[N, 2, 2, 2, 2]"),
  AveragePooling1D: sample(sequence, "x |> AveragePooling1D(2)", "f32[N, 2, 3]"),
  AveragePooling2D: sample(image, 'x |> AveragePooling2D(2, padding = "same")', "f32[N, 3, 3, 2]"),
  AveragePooling3D: sample(volume, "x |> AveragePooling3D(2)", "f32[N, 1, 2, 1, 2]"),
  GlobalAveragePooling1D: sample(sequence, "x |> GlobalAveragePooling1D", "f32[N, 3]"),
  GlobalAveragePooling2D: sample(
    image,
    "x |> GlobalAveragePooling2D(keepdims = true)",
    "f32[N, 1, 1, 2]",
  ),
  GlobalAveragePooling3D: sample(volume, "x |> GlobalAveragePooling3D", "f32[N, 2]"),
  GlobalMaxPool1D: sample(sequence, "x |> GlobalMaxPool1D", "f32[N, 3]"),
  GlobalMaxPool2D: sample(image, "x |> GlobalMaxPool2D", "f32[N, 2]"),
  GlobalMaxPool3D: sample(volume, "x |> GlobalMaxPool3D", "f32[N, 2]"),
  MaxPool1D: sample(sequence, "x |> MaxPool1D", "f32[N, 2, 3]"),
  MaxPool2D: sample(image, "x |> MaxPool2D(3, strides = 1)", "f32[N, 3, 4, 2]"),
  MaxPool3D: sample(volume, "x |> MaxPool3D", "f32[N, 1, 2, 1, 2]"),
  Bidirectional: sample(sequence, "x |> Bidirectional(LSTM(2))", "f32[N, 4]"),
  ConvLSTM1D: sample("x: f32[N, 3, 4, 2]", "x |> ConvLSTM1D(2, 2)", "f32[N, 3, 2]"),
  ConvLSTM2D: sample(volume, "x |> ConvLSTM2D(2, 2)", "f32[N, 3, 2, 2]"),
  ConvLSTM3D: sample(
    "x: f32[N, 2, 3, 2, 3, 1]",
    'x |> ConvLSTM3D(1, 2, padding = "same")',
    "f32[N, 3, 2, 3, 1]",
  ),
  GRU: sample(sequence, "x |> GRU(2)", "f32[N, 2]"),
  GRUCell: sample(sequence, "x |> RNN(GRUCell(2))", "f32[N, 2]"),
  LSTM: sample(sequence, "x |> LSTM(2, return_sequences = true)", "f32[N, 5, 2]"),
  LSTMCell: sample(sequence, "x |> RNN(LSTMCell(2))", "f32[N, 2]"),
  RNN: sample(sequence, "x |> RNN(SimpleRNNCell(2), go_backwards = true)", "f32[N, 2]"),
  SimpleRNN: sample(sequence, "x |> SimpleRNN(2)", "f32[N, 2]"),
  SimpleRNNCell: sample(sequence, "x |> RNN(SimpleRNNCell(2))", "f32[N, 2]"),
  StackedRNNCells: sample(
    sequence,
    "x |> RNN(StackedRNNCells([GRUCell(2), SimpleRNNCell(3)]))",
    "f32[N, 3]",
  ),
  TimeDistributed: sample(sequence, "x |> TimeDistributed(Dense(2))", "f32[N, 5, 2]"),
  BatchNormalization: sample(row, "x |> BatchNormalization", "f32[N, 4]"),
  GroupNormalization: sample(row, "x |> GroupNormalization(2)", "f32[N, 4]"),
  LayerNormalization: sample(row, "x |> LayerNormalization", "f32[N, 4]"),
  RMSNormalization: sample(row, "x |> RMSNormalization", "f32[N, 4]"),
  SpectralNormalization: sample(row, "x |> SpectralNormalization(Dense(3))", "f32[N, 3]"),
  UnitNormalization: sample(row, "x |> UnitNormalization", "f32[N, 4]"),
  ActivityRegularization: sample(row, "x |> ActivityRegularization(l2 = 0.1)", "f32[N, 4]"),
  AlphaDropout: sample(row, "x |> AlphaDropout(0.5)", "f32[N, 4]"),
  Dropout: sample(row, "x |> Dropout(0.5)", "f32[N, 4]"),
  GaussianDropout: sample(row, "x |> GaussianDropout(0.5)", "f32[N, 4]"),
  GaussianNoise: sample(row, "x |> GaussianNoise(0.5)", "f32[N, 4]"),
  SpatialDropout1D: sample(sequence, "x |> SpatialDropout1D(0.5)", "f32[N, 5, 3]"),
  SpatialDropout2D: sample(image, "x |> SpatialDropout2D(0.5)", "f32[N, 5, 6, 2]"),
  SpatialDropout3D: sample(volume, "x |> SpatialDropout3D(0.5)", "f32[N, 3, 4, 3, 2]"),
  Cropping1D: sample(sequence, "x |> Cropping1D", "f32[N, 3, 3]"),
  Cropping2D: sample(image, "x |> Cropping2D([[1, 0], [2, 1]])", "f32[N, 4, 3, 2]"),
  Cropping3D: sample(volume, "x |> Cropping3D", "f32[N, 1, 2, 1, 2]"),
  Flatten: sample(image, "x |> Flatten", "f32[N, 60]"),
  Permute: sample(image, "x |> Permute([2, 3, 1])", "f32[N, 6, 2, 5]"),
  RepeatVector: sample(row, "x |> RepeatVector(3)", "f32[N, 3, 4]"),
  Reshape: sample(image, "x |> Reshape([-1, 4])", "f32[N, 15, 4]"),
  UpSampling1D: sample(sequence, "x |> UpSampling1D", "f32[N, 10, 3]"),
  UpSampling2D: sample(image, 'x |> UpSampling2D(interpolation = "bilinear")', "f32[N, 10, 12, 2]"),
  UpSampling3D: sample(volume, "x |> UpSampling3D", "f32[N, 6, 8, 6, 2]"),
  ZeroPadding1D: sample(sequence, "x |> ZeroPadding1D", "f32[N, 7, 3]"),
  ZeroPadding2D: sample(image, "x |> ZeroPadding2D", "f32[N, 7, 8, 2]"),
  ZeroPadding3D: sample(volume, "x |> ZeroPadding3D", "f32[N, 5, 6, 5, 2]"),
  Add: sample(pair, "[a, b] |> Add", "f32[N, 4]"),
  Average: sample(pair, "[a, b] |> Average", "f32[N, 4]"),
  Concatenate: sample(pair, "[a, b] |> Concatenate", "f32[N, 8]"),
  Dot: sample(pair, "[a, b] |> Dot(1, normalize = true)", "f32[N, 1]"),
  Maximum: sample(pair, "[a, b] |> Maximum", "f32[N, 4]"),
  Minimum: sample(pair, "[a, b] |> Minimum", "f32[N, 4]"),
  Multiply: sample(pair, "[a, b] |> Multiply", "f32[N, 4]"),
  Subtract: sample(pair, "[a, b] |> Subtract", "f32[N, 4]"),
};

const numbers = (loss: string): Sample =>
  sample("x: f32[N, 4]; t: f32[N, 3]", `${loss}(t, x |> Dense(3))`, "f32");
const chances = (loss: string): Sample =>
  sample("x: f32[N, 4]; t: f32[N, 3]", `${loss}(t, x |> Dense(3, sigmoid))`, "f32");
const classes = (loss: string): Sample =>
  sample("x: f32[N, 4]; t: f32[N, 3]", `${loss}(t, x |> Dense(3, softmax))`, "f32");
const numbered = (loss: string): Sample =>
  sample("x: f32[N, 4]; t: i32[N]", `${loss}(t, x |> Dense(3, softmax))`, "f32");

/** Classes are called without arguments first: `Huber()`. */
export const losses: Readonly<Record<string, Sample>> = {
  CTC: sample("x: f32[N, 5, 3]; t: i32[N, 2]", "CTC()(1 + t % 2, x |> Dense(4))", "f32"),
  ctc: sample("x: f32[N, 5, 3]; t: i32[N, 2]", "ctc(1 + t % 2, x |> Dense(4))", "f32"),
  BinaryCrossentropy: chances("BinaryCrossentropy()"),
  binary_crossentropy: chances("binary_crossentropy"),
  BinaryFocalCrossentropy: chances("BinaryFocalCrossentropy()"),
  binary_focal_crossentropy: chances("binary_focal_crossentropy"),
  CategoricalCrossentropy: classes("CategoricalCrossentropy()"),
  categorical_crossentropy: classes("categorical_crossentropy"),
  CategoricalFocalCrossentropy: classes("CategoricalFocalCrossentropy()"),
  categorical_focal_crossentropy: classes("categorical_focal_crossentropy"),
  CategoricalGeneralizedCrossEntropy: numbered("CategoricalGeneralizedCrossEntropy()"),
  categorical_generalized_cross_entropy: sample(
    "x: f32[N, 4]; t: i32[N]",
    "categorical_generalized_cross_entropy(t, x |> Dense(3, softmax), q = 0.5)",
    "f32",
  ),
  CategoricalHinge: classes("CategoricalHinge()"),
  categorical_hinge: classes("categorical_hinge"),
  Circle: sample(
    "x: f32[N, 4]; t: i32[N]",
    "Circle()(t, x |> Dense(3) |> UnitNormalization)",
    "f32",
  ),
  circle: sample(
    "x: f32[N, 4]; t: i32[N]",
    "mean(circle(t, x |> Dense(3) |> UnitNormalization))",
    "f32",
  ),
  CosineSimilarity: numbers("CosineSimilarity()"),
  cosine_similarity: numbers("cosine_similarity"),
  Dice: chances("Dice()"),
  dice: chances("dice"),
  Hinge: numbers("Hinge()"),
  hinge: numbers("hinge"),
  Huber: numbers("Huber()"),
  huber: numbers("huber"),
  KLDivergence: classes("KLDivergence()"),
  kl_divergence: classes("kl_divergence"),
  LogCosh: numbers("LogCosh()"),
  log_cosh: numbers("log_cosh"),
  MeanAbsoluteError: numbers("MeanAbsoluteError()"),
  mean_absolute_error: numbers("mean_absolute_error"),
  MeanAbsolutePercentageError: numbers("MeanAbsolutePercentageError()"),
  mean_absolute_percentage_error: numbers("mean_absolute_percentage_error"),
  MeanSquaredError: numbers("MeanSquaredError()"),
  mean_squared_error: numbers("mean_squared_error"),
  MeanSquaredLogarithmicError: chances("MeanSquaredLogarithmicError()"),
  mean_squared_logarithmic_error: chances("mean_squared_logarithmic_error"),
  Poisson: chances("Poisson()"),
  poisson: chances("poisson"),
  SparseCategoricalCrossentropy: numbered("SparseCategoricalCrossentropy()"),
  sparse_categorical_crossentropy: numbered("sparse_categorical_crossentropy"),
  SquaredHinge: numbers("SquaredHinge()"),
  squared_hinge: numbers("squared_hinge"),
  Tversky: chances("Tversky()"),
  tversky: chances("tversky"),
};

/** Activations that take more than a tensor; all others are called with it alone. */
export const activations: Readonly<Record<string, string>> = {
  glu: "glu(x)",
  threshold: "threshold(x, 0.1, 0.2)",
};

/** Functions of a matrix. */
export const penalties: Readonly<Record<string, string>> = {
  L1: "L1()(w)",
  L2: "L2()(w)",
  L1L2: "L1L2(0.1, 0.1)(w)",
  OrthogonalRegularizer: "OrthogonalRegularizer()(w)",
  MaxNorm: "sum(MaxNorm(0.5)(w))",
  MinMaxNorm: "sum(MinMaxNorm(0.2, 0.5)(w))",
  NonNeg: "sum(NonNeg()(w))",
  UnitNorm: "sum(w * UnitNorm()(w)^2)",
};
