/** What Keras has and the library has not, with the reasons. */

/** Names by the reason why they are left out. */
export const namesLeftOut: Readonly<Record<string, readonly string[]>> = {
  "rarer augmentations are done where data are prepared": [
    "AugMix",
    "AutoContrast",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "CutMix",
    "Equalization",
    "MaxNumBoundingBoxes",
    "MixUp",
    "RandAugment",
    "RandomColorJitter",
    "RandomElasticTransform",
    "RandomGaussianBlur",
    "RandomHue",
    "RandomPerspective",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "Solarization",
  ],
  "texts, categories and sound become numbers where data are read": [
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "MelSpectrogram",
    "Pipeline",
    "STFTSpectrogram",
    "StringLookup",
    "TextVectorization",
  ],
  "code of other frameworks": ["TFSMLayer", "FlaxLayer", "JaxLayer", "TorchModuleWrapper"],
  "bases that Python classes derive from": [
    "Layer",
    "InputSpec",
    "Wrapper",
    "Loss",
    "LearningRateSchedule",
    "Metric",
    "MeanMetricWrapper",
    "Initializer",
    "Regularizer",
    "Constraint",
    "Callback",
    "CallbackList",
  ],
  "`input x: f32[N, 3]`": ["Input", "InputLayer"],
  "a file is its own serialization": ["serialize", "deserialize"],
  "training always resumes, records and shows its progress": ["History", "ProgbarLogger"],
  "the trainer is a module, whose progress any program can follow": [
    "LambdaCallback",
    "OrbaxCheckpoint",
    "RemoteMonitor",
    "TensorBoard",
  ],
};

/** Arguments that layers, losses and optimizers do not take. */
export const argumentsLeftOut: {
  /** Of names and types the program says; `seed` is that of the training, by path; the others choose among kernels. */
  readonly everywhere: readonly string[];
  readonly of: Readonly<Record<string, readonly string[]>>;
} = {
  everywhere: [
    "name",
    "dtype",
    "seed",
    // Which kernels compute it is for the compiler.
    "use_cudnn",
    "unroll",
    "flash_attention",
    // No quantization, and no low-rank copies of weights.
    "lora_rank",
    "lora_alpha",
    "quantization_config",
    "gptq_unpacked_column_size",
  ],
  of: {
    // The function says all of it.
    Lambda: ["output_shape", "mask", "arguments"],
    // Batches are on one device.
    BatchNormalization: ["synchronized"],
    // There is one type of floats.
    ReversibleEmbedding: ["reverse_dtype"],
    // Weights are loaded by their paths.
    Bidirectional: ["weights"],
  },
};

/** Names whose arguments have another order, with the reason. */
export const otherOrders: Readonly<Record<string, string>> = {
  Conv3DTranspose:
    "Keras' one has data_format before output_padding, unlike those of 1 and 2 dimensions",
};

/** Defaults that differ, with the reason. */
export const otherDefaults: Readonly<Record<string, string>> = {
  "Muon.exclude_layers": "an empty list is what none means there",
};
