/** The library's layers as random models draw them: how each is made for a shape, and the shape that it gives. */

export interface DrawnLayer {
  /** What stands behind `|>`. */
  readonly use: string;
  /** Sizes after the batch. */
  readonly shape: readonly number[];
  /** Multiply-adds for a row, roughly. */
  readonly work: number;
}

type Random = (below: number) => number;
type Rule = (shape: readonly number[], random: Random) => DrawnLayer | undefined;

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

/** A layer that keeps the shape. */
const keeping =
  (use: string): Rule =>
  (shape) => ({ use, shape, work: 4 * product(shape) });

const anyShape: readonly Rule[] = [
  "LayerNormalization",
  "BatchNormalization",
  "RMSNormalization",
  "UnitNormalization",
  "LeakyReLU",
  "PReLU",
  "ELU",
  "Softmax",
  "GaussianNoise(0.1)",
].map(keeping);

/** Where a window of `size` fits, how many there are. */
const windows = (length: number, size: number, stride: number): number =>
  Math.floor((length - size) / stride) + 1;

function convolution([length, channels]: readonly number[], random: Random): DrawnLayer {
  const [filters, size] = [1 + random(5), 1 + random(Math.min(3, length!))];
  const [stride, padding] = [1 + random(2), ["valid", "same", "causal"][random(3)]!];
  const count = padding === "valid" ? windows(length!, size, stride) : Math.ceil(length! / stride);
  const use = `Conv1D(${filters}, ${size}, strides = ${stride}, padding = "${padding}", activation = relu)`;
  return { use, shape: [count, filters], work: count * filters * size * channels! };
}

const recurrent =
  (cell: string, isBidirectional = false): Rule =>
  ([length, channels], random) => {
    const units = 1 + random(5);
    const all = random(2) === 0;
    const layer = `${cell}(${units}, return_sequences = ${all})`;
    const width = isBidirectional ? 2 * units : units;
    const work = 8 * width * length! * (channels! + units);
    const use = isBidirectional ? `Bidirectional(${layer})` : layer;
    return { use, shape: all ? [length!, width] : [width], work };
  };

const sequences: readonly Rule[] = [
  convolution,
  convolution,
  ([length, channels], random) => {
    const size = 1 + random(Math.min(3, length!));
    const count = windows(length!, size, size);
    const use = `${["MaxPooling1D", "AveragePooling1D"][random(2)]}(${size})`;
    return { use, shape: [count, channels!], work: length! * channels! };
  },
  ([length, channels], random) => {
    const size = 1 + random(Math.min(3, length!));
    const count = windows(length!, size, 1);
    const use = `DepthwiseConv1D(${size}, depth_multiplier = 2)`;
    return { use, shape: [count, 2 * channels!], work: 2 * count * size * channels! };
  },
  ([length, channels], random) => {
    const units = 1 + random(6);
    const use = `TimeDistributed(Dense(${units}, tanh))`;
    return { use, shape: [length!, units], work: length! * units * channels! };
  },
  ([length, channels]) => ({ use: "ZeroPadding1D", shape: [length! + 2, channels!], work: 1 }),
  ([length, channels]) => ({ use: "UpSampling1D", shape: [2 * length!, channels!], work: 1 }),
  ([length, channels]) => ({ use: "Permute([2, 1])", shape: [channels!, length!], work: 1 }),
  ([, channels]) => ({ use: "GlobalAveragePooling1D", shape: [channels!], work: 1 }),
  keeping("SpatialDropout1D(0.3)"),
];

const loops: readonly Rule[] = [
  recurrent("LSTM"),
  recurrent("GRU"),
  recurrent("SimpleRNN"),
  recurrent("GRU", true),
];

const images: readonly Rule[] = [
  ([height, width, channels], random) => {
    const [filters, size] = [1 + random(4), 1 + random(Math.min(3, height!, width!))];
    const shape = [windows(height!, size, 1), windows(width!, size, 1), filters];
    const work = product(shape) * size * size * channels!;
    return { use: `Conv2D(${filters}, ${size}, activation = tanh)`, shape, work };
  },
  ([height, width, channels], random) => {
    const [filters, size] = [1 + random(3), 1 + random(3)];
    const shape = [2 * height!, 2 * width!, filters];
    const work = product(shape) * size * size * channels!;
    const use = `Conv2DTranspose(${filters}, ${size}, strides = 2, padding = "same")`;
    return { use, shape, work };
  },
  ([height, width, channels]) => {
    if (height! < 2 || width! < 2) return undefined;
    const shape = [windows(height!, 2, 2), windows(width!, 2, 2), channels!];
    return { use: "MaxPooling2D", shape, work: height! * width! * channels! };
  },
  ([height, width, channels]) => ({
    use: "Cropping2D([[0, 0], [0, 0]])",
    shape: [height!, width!, channels!],
    work: 1,
  }),
  keeping("RandomFlip"),
  keeping("RandomRotation(0.1)"),
  ([, , channels]) => ({ use: "GlobalMaxPooling2D", shape: [channels!], work: 1 }),
  ([height, width, channels]) => ({
    use: `Reshape([${height! * width!}, ${channels}])`,
    shape: [height! * width!, channels!],
    work: 1,
  }),
];

const vectors: readonly Rule[] = [
  ([width], random) => {
    const count = 1 + random(4);
    return { use: `RepeatVector(${count})`, shape: [count, width!], work: 1 };
  },
  ([width], random) => {
    const inner = [2, 3, 4].filter((size) => width! % size === 0)[random(3)];
    if (inner === undefined) return undefined;
    return { use: `Reshape([-1, ${inner}])`, shape: [width! / inner, inner], work: 1 };
  },
  ([width]) => {
    if (width! % 4 !== 0) return undefined;
    return { use: `Reshape([2, 2, ${width! / 4}])`, shape: [2, 2, width! / 4], work: 1 };
  },
];

/** Some layer for the shape; nothing where the one that was drawn does not fit. */
export function drawLayer(
  shape: readonly number[],
  random: Random,
  withLoops: boolean,
): DrawnLayer | undefined {
  const own = [vectors, [...sequences, ...(withLoops ? loops : [])], images][shape.length - 1];
  const rules = random(3) === 0 ? anyShape : (own ?? anyShape);
  return rules[random(rules.length)]!(shape, random);
}
