#!/usr/bin/env python3
"""tinygrad as a peer of `npm run bench`: training steps on the CPU, each captured as one graph by its TinyJit. It takes
commands as JSON lines, see ../cuda/server.py; bench/cpu/job.ts says what a job is. `PYTHONPATH` names a checkout of tinygrad,
`CC` a clang that it compiles with, `CPU_COUNT` its threads.
"""
import math
import os
import sys

from tinygrad import Context, Tensor, TinyJit, nn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cuda"))
import server


class Network:
    """nnc's weights: dense kernels as they are, those of convolutions with filters first."""

    def __init__(self, weights):
        self.parameters = {}
        for name, value in weights.items():
            laid_out = value.transpose(3, 2, 0, 1).copy() if value.ndim == 4 else value.copy()
            self.parameters[name] = Tensor(laid_out).is_param_(True).realize()

    def prepare(self, x):
        """The batch as the network takes it; of images, with channels first."""
        return Tensor(x.transpose(0, 3, 1, 2).copy() if x.ndim == 4 else x.copy()).realize()

    def dense(self, name, x):
        bias = self.parameters.get(f"{name}/bias")
        y = x @ self.parameters[f"{name}/kernel"]
        return y if bias is None else y + bias


class Mlp(Network):
    def __call__(self, x):
        layers = sum(name.endswith("kernel") for name in self.parameters)
        for number in range(layers - 1):
            x = self.dense("dense" if number == 0 else f"dense_{number}", x).relu()
        return self.dense(f"dense_{layers - 1}", x)


class Cnn(Network):
    def __call__(self, x):
        for name in ("convolution", "convolution_1"):
            x = x.conv2d(self.parameters[f"{name}/kernel"], self.parameters[f"{name}/bias"]).relu().max_pool2d()
        return self.dense("dense_1", self.dense("dense", x.permute(0, 2, 3, 1).flatten(1)).relu())


class ResNet8(Network):
    """Moving averages are kept, as in training."""

    def __init__(self, weights):
        super().__init__(weights)
        self.normalizations = {}
        for name in weights:
            if name.endswith("gamma"):
                unit = name[: -len("/batch_normalization/gamma")]
                own = nn.BatchNorm(weights[name].size, eps=1e-5, momentum=0.1)
                own.weight, own.bias = (self.parameters[f"{unit}/batch_normalization/{part}"] for part in ("gamma", "beta"))
                self.normalizations[unit] = own

    def unit(self, name, x, stride=1):
        kernel = self.parameters[f"{name}/conv2d/kernel"]
        return self.normalizations[name](x.conv2d(kernel, stride=stride, padding=kernel.shape[2] // 2))

    def __call__(self, x):
        h = self.unit("unit", x).relu()
        for block, stride in (("residual", 1), ("residual_1", 2), ("residual_2", 2)):
            y = self.unit(f"{block}/unit_1", self.unit(f"{block}/unit", h, stride).relu())
            h = (y + (h if stride == 1 else self.unit(f"{block}/unit_2", h, stride))).relu()
        return self.dense("dense", h.mean((2, 3)))


class Gpt(Network):
    heads = 4

    def normalized(self, name, x):
        gamma, beta = self.parameters[f"{name}/gamma"], self.parameters[f"{name}/beta"]
        return x.layernorm(eps=1e-5) * gamma + beta

    def attention(self, name, x):
        rows, positions, width = x.shape
        parts = self.dense(f"{name}/dense", x).reshape(rows, positions, 3, self.heads, width // self.heads)
        q, k, v = (parts[:, :, part].transpose(1, 2) for part in range(3))
        mixed = q.scaled_dot_product_attention(k, v, is_causal=True)
        return self.dense(f"{name}/dense_1", mixed.transpose(1, 2).reshape(x.shape))

    def __call__(self, x):
        h = self.parameters["embedding/embeddings"][x] + self.parameters["place"]
        depth = sum(name.endswith("attention/dense/kernel") for name in self.parameters)
        for number in range(depth):
            block = "block" if number == 0 else f"block_{number}"
            h = h + self.attention(f"{block}/attention", self.normalized(f"{block}/layer_normalization", h))
            r = self.dense(f"{block}/dense", self.normalized(f"{block}/layer_normalization_1", h))
            h = h + self.dense(f"{block}/dense_1", 0.5 * r * (1 + (r / math.sqrt(2)).erf()))
        return self.dense("dense", self.normalized("layer_normalization", h))


NETWORKS = {"mlp": Mlp, "cnn": Cnn, "resnet8": ResNet8, "gpt": Gpt}


class RMSprop(nn.optim.Optimizer):
    """Keras', as Adam below: tinygrad has no RMSprop, and its Adam adds epsilon after the correction of the bias."""

    def __init__(self, parameters):
        super().__init__(parameters, 1e-5)
        self.squares = self._new_optim_param()

    def _step(self, parameters, gradients):
        for square, gradient in zip(self.squares, gradients):
            square.assign(0.9 * square + 0.1 * gradient * gradient)
        return [self.lr * g / (s + 1e-7).sqrt() for s, g in zip(self.squares, gradients)], self.squares


class Adam(nn.optim.Optimizer):
    def __init__(self, parameters):
        super().__init__(parameters, 1e-5)
        self.means, self.squares = self._new_optim_param(), self._new_optim_param()
        self.powers = [Tensor.ones((1,)).is_param_(False).contiguous().realize() for _ in range(2)]

    def _step(self, parameters, gradients):
        for power, rate in zip(self.powers, (0.9, 0.999)):
            power.assign(power * rate)
        for mean, square, gradient in zip(self.means, self.squares, gradients):
            mean.assign(0.9 * mean + 0.1 * gradient)
            square.assign(0.999 * square + 0.001 * gradient * gradient)
        rate = self.lr * (1 - self.powers[1]).sqrt() / (1 - self.powers[0])
        updates = [rate * mean / (square.sqrt() + 1e-7) for mean, square in zip(self.means, self.squares)]
        return updates, self.powers + self.means + self.squares


OPTIMIZERS = {"rmsprop": RMSprop, "adam": Adam}


def open_job(job, folder):
    inputs = server.Inputs(folder)
    network = NETWORKS[job["network"]](inputs.weights)
    x = network.prepare(inputs.x)
    y = Tensor(inputs.y.flatten().copy()).realize()
    optimizer = OPTIMIZERS[job["optimizer"]](list(network.parameters.values()))

    @TinyJit
    @Context(TRAINING=1)
    def captured(x, y):
        optimizer.zero_grad()
        logits = network(x)
        loss = logits.reshape(-1, logits.shape[-1]).sparse_categorical_crossentropy(y).backward()
        return loss.realize(*optimizer.schedule_step())

    def step():
        return captured(x, y).item()

    losses = [step() for _ in range(server.STEPS)]

    def run(count):
        for _ in range(count):
            step()

    return server.Timed(run), {"first": losses[0], "twentieth": losses[-1]}


server.serve(open_job)
