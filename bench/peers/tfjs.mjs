/**
 * TensorFlow.js: a layers model, the library's loss and optimizer. `bench/webgpu/peer.ts` says what `open` takes and
 * gives. The library comes from the package of who compares with it.
 */

/** `open` with what is used of the library, on one of its backends. */
export function openOn(library, backend) {
  const { dispose, losses, oneHot, ready, setBackend, tensor, tensor1d, train } = library;
  const { kinds, sequential } = library;
  return open;

  async function open({ workload, layers, inputs }) {
    if (!(await setBackend(backend))) throw new Error(`TensorFlow.js found no ${backend}`);
    await ready();
    const model = sequential({
      layers: layers.map(({ layer }, i) =>
        makeLayer(layer, i === 0 ? { inputShape: [...workload.input] } : {}),
      ),
    });
    let next = 0;
    for (const layer of model.layers) {
      if (layer.weights.length === 0) continue;
      const { kernel, bias, shape } = inputs.layers[next++];
      const values = [tensor(kernel, [...shape]), tensor1d(bias)];
      layer.setWeights(values);
      dispose(values);
    }
    const x = tensor(inputs.x, [workload.batch, ...workload.input]);
    const indices = tensor1d(inputs.y, "int32");
    const y = oneHot(indices, layers.at(-1).to[0]);
    dispose(indices);
    const rate = 1e-5;
    // Keras' constants are the library's own.
    const optimizer = workload.optimizer === "adam" ? train.adam(rate) : train.rmsprop(rate);
    const weights = model.trainableWeights.map((weight) => weight.val);
    const loss = () => losses.softmaxCrossEntropy(y, model.apply(x, { training: true }));
    let last;
    return {
      run(steps) {
        for (let i = 0; i < steps; i++) {
          dispose(last);
          last = optimizer.minimize(loss, true, weights);
        }
      },
      loss: async () => (await last.data())[0],
      // Its device ends with the process.
      dispose: () => {},
    };
  }

  function makeLayer(layer, first) {
    switch (layer.kind) {
      case "dense":
        return kinds.dense({
          ...first,
          units: layer.units,
          activation: layer.relu ? "relu" : "linear",
        });
      case "convolution":
        return kinds.conv2d({
          ...first,
          filters: layer.filters,
          kernelSize: layer.size,
          activation: "relu",
        });
      case "max_pool":
        return kinds.maxPooling2d({ ...first, poolSize: layer.size });
      case "flatten":
        return kinds.flatten(first);
      default:
        throw new Error(`no layer ${layer.kind}`);
    }
  }
}
