/**
 * jax-js: the whole step in one `jit`, the optimizers of Keras written out as its own library of them does.
 * `bench/webgpu/peer.ts` says what `open` takes and gives. The library comes from the package of who compares with it.
 */

const rate = 1e-5;
const epsilon = 1e-7;

// Arrays count their references: what is used again is passed on as `.ref`.

/** `open` with what is used of the library, on one of its devices: `webgpu`, `wasm`. */
export function openOn({ defaultDevice, init, jit, lax, nn, np, valueAndGrad }, device) {
  return open;

  async function open({ workload, layers, inputs }) {
    if (!(await init(device)).includes(device)) throw new Error(`jax-js found no ${device}`);
    defaultDevice(device);
    const loss = (weights, x, y) => {
      let h = x;
      let next = 0;
      for (const { layer, from, kernel } of layers) {
        const own = kernel === null ? [] : [weights[next++], weights[next++]];
        h = applyLayer(layer, from, h, own);
      }
      return nn.logSoftmax(h, -1).mul(y).sum(-1).mean().mul(-1);
    };
    const differentiate = valueAndGrad(loss);
    const update = workload.optimizer === "adam" ? adam : rmsprop;
    const step = jit((weights, slots, t, x, y) => {
      const now = t.add(1);
      const references = weights.map((weight) => weight.ref);
      const [value, gradients] = differentiate(references, x, y);
      const updated = weights.map((w, i) => update(w, gradients[i], slots[i], now.ref));
      return [updated.map(([w]) => w), updated.map(([, own]) => own), now, value];
    });

    const x = images(array(inputs.x, [workload.batch, ...workload.input]));
    const labels = np.array(inputs.y, { dtype: np.int32 });
    const y = nn.oneHot(labels, layers.at(-1).to[0]);
    let weights = inputs.layers.flatMap(({ kernel, bias, shape }) => {
      const values = array(kernel, shape);
      return shape.length === 4
        ? [np.transpose(values, [3, 2, 0, 1]), array(bias, [shape[3], 1, 1])]
        : [values, array(bias, [shape[1]])];
    });
    const moments = workload.optimizer === "adam" ? 2 : 1;
    let slots = weights.map(({ shape }) => Array.from({ length: moments }, () => np.zeros(shape)));
    let t = np.array(0);
    let last;
    return {
      run(steps) {
        for (let i = 0; i < steps; i++) {
          last?.dispose();
          [weights, slots, t, last] = step(weights, slots, t, x.ref, y.ref);
        }
      },
      loss: async () => (await last.ref.data())[0],
      // Its device ends with the process.
      dispose: () => {},
    };
  }

  function array(data, shape) {
    return np.array(data).reshape([...shape]);
  }

  /** Channels before height and width, as its convolutions take them. */
  function images(x) {
    return x.shape.length === 4 ? np.transpose(x, [0, 3, 1, 2]) : x;
  }

  function applyLayer(layer, from, h, [kernel, bias]) {
    switch (layer.kind) {
      case "dense": {
        const y = np.matmul(h, kernel).add(bias);
        return layer.relu ? nn.relu(y) : y;
      }
      case "convolution":
        return nn.relu(lax.convGeneralDilated(h, kernel, [1, 1], "VALID").add(bias));
      case "max_pool": {
        const { size } = layer;
        const [height, width] = from.map((length) => length - (length % size));
        const whole = h.slice([], [], [0, height], [0, width]);
        return lax.reduceWindow(whole, (window) => np.max(window), [size, size], [size, size]);
      }
      case "flatten": {
        // In the order of the other peers, so that all start from the same weights.
        const units = from.reduce((all, length) => all * length, 1);
        return np.transpose(h, [0, 2, 3, 1]).reshape([-1, units]);
      }
      default:
        throw new Error(`no layer ${layer.kind}`);
    }
  }

  /** The weight and what the optimizer keeps of it, after a step. */
  function rmsprop(w, g, [velocity], t) {
    t.dispose();
    const v = velocity.mul(0.9).add(np.square(g.ref).mul(0.1));
    return [w.sub(g.mul(rate).div(np.sqrt(v.ref.add(epsilon)))), [v]];
  }

  function adam(w, g, [momentum, velocity], t) {
    const m = momentum.mul(0.9).add(g.ref.mul(0.1));
    const v = velocity.mul(0.999).add(np.square(g).mul(0.001));
    const mean = m.ref.div(remaining(0.9, t.ref));
    const deviation = np.sqrt(v.ref.div(remaining(0.999, t)));
    return [w.sub(mean.mul(rate).div(deviation.add(epsilon))), [m, v]];
  }

  /** 1 − beta^t. */
  function remaining(beta, t) {
    return np
      .exp(t.mul(Math.log(beta)))
      .mul(-1)
      .add(1);
  }
}
