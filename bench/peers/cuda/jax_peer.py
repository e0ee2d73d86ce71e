#!/usr/bin/env python3
"""JAX as a peer of the CUDA benchmarks: training steps, each one call of a jitted function that makes forward, backward and
update and may overwrite its arguments. See server.py. Weights are as nnc lays them out, which are JAX's layouts.

usage: jax_peer.py
"""
import os
import time

# Other peers use the same device.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import jax.numpy as jnp
from jax import lax

import server

PRECISIONS = {"f32": "highest", "tf32": "tensorfloat32", "bf16": "bfloat16"}


def rounded(job):
    """What products read and write: with bf16 numbers of that type, which XLA sums in float32."""
    return (lambda x: x.astype(jnp.bfloat16)) if job["precision"] == "bf16" else (lambda x: x)


class Layers:
    def __init__(self, job):
        self.job = job
        self.rounded = rounded(job)

    def dot(self, form, a, b):
        return jnp.einsum(form, self.rounded(a), self.rounded(b)).astype(jnp.float32)

    def dense(self, w, name, x):
        return self.dot("...i,io->...o", x, w[f"{name}/kernel"]) + w[f"{name}/bias"]

    def convolution(self, x, kernel, stride=1, padding="VALID"):
        y = lax.conv_general_dilated(
            self.rounded(x), self.rounded(kernel), (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return y.astype(jnp.float32)


def mlp(layers, w, x):
    h = jax.nn.relu(layers.dense(w, "dense", x))
    return layers.dense(w, "dense_2", jax.nn.relu(layers.dense(w, "dense_1", h)))


def cnn(layers, w, x):
    h = x
    for name in ("convolution", "convolution_1"):
        h = jax.nn.relu(layers.convolution(h, w[f"{name}/kernel"]) + w[f"{name}/bias"])
        h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return layers.dense(w, "dense", h.reshape(h.shape[0], -1))


def resnet(layers, w, x):
    def normalized(name, h):
        mean, variance = h.mean((0, 1, 2)), h.var((0, 1, 2))
        return (h - mean) * lax.rsqrt(variance + 1e-3) * w[f"{name}/gamma"] + w[f"{name}/beta"]

    h = layers.convolution(x, w["convolution/kernel"], padding=((1, 1), (1, 1)))
    h = jax.nn.relu(normalized("batch_normalization", h))
    for number in range(sum(name.endswith("convolution_1/kernel") for name in w)):
        block = "block" if number == 0 else f"block_{number}"
        first, second = w[f"{block}/convolution/kernel"], w[f"{block}/convolution_1/kernel"]
        channels, filters = first.shape[2:]
        stride = 1 if filters == channels else 2
        r = layers.convolution(h, first, stride, ((1, 1), (1, 1)))
        r = jax.nn.relu(normalized(f"{block}/batch_normalization", r))
        r = normalized(f"{block}/batch_normalization_1", layers.convolution(r, second, padding=((1, 1), (1, 1))))
        if stride == 2:
            h = jnp.pad(h[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (0, filters - channels)))
        h = jax.nn.relu(r + h)
    return layers.dense(w, "dense", h.mean((1, 2)))


def lstm(layers, w, x):
    of_cell = {name: w[f"lstm/lstm_cell/{name}"] for name in ("kernel", "recurrent_kernel", "bias")}
    recurrent = of_cell["recurrent_kernel"]
    projected = layers.dot("nti,io->tno", x, of_cell["kernel"]) + of_cell["bias"]

    def cell(state, gates):
        h, c = state
        i, f, g, o = jnp.split(gates + layers.dot("ni,io->no", h, recurrent), 4, 1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    start = jnp.zeros((x.shape[0], recurrent.shape[0]))
    (h, _), _ = lax.scan(cell, (start, start), projected)
    return layers.dense(w, "dense", h)


def transformer(layers, w, x):
    heads = layers.job["constants"].get("heads", 4)

    def normalized(name, h):
        mean, variance = h.mean(-1, keepdims=True), h.var(-1, keepdims=True)
        return (h - mean) * lax.rsqrt(variance + 1e-5) * w[f"{name}/gamma"] + w[f"{name}/beta"]

    def attention(name, h):
        rows, positions, width = h.shape
        parts = layers.dense(w, f"{name}/dense", h).reshape(rows, positions, 3, heads, width // heads)
        q, k, v = (parts[:, :, part] for part in range(3))
        scores = layers.dot("nthd,nshd->nhts", q, k) / (width // heads) ** 0.5
        mixed = layers.dot("nhts,nshd->nthd", jax.nn.softmax(scores), v)
        return layers.dense(w, f"{name}/dense_1", mixed.reshape(h.shape))

    h = layers.dense(w, "dense", x) + w["position"]
    for number in range(sum(name.endswith("attention/dense/kernel") for name in w)):
        block = "block" if number == 0 else f"block_{number}"
        h = h + attention(f"{block}/attention", normalized(f"{block}/layer_normalization", h))
        r = layers.dense(w, f"{block}/dense", normalized(f"{block}/layer_normalization_1", h))
        h = h + layers.dense(w, f"{block}/dense_1", jax.nn.gelu(r, approximate=True))
    return layers.dense(w, "dense_1", normalized("layer_normalization", h).mean(1))


NETWORKS = {"mlp": mlp, "cnn": cnn, "resnet": resnet, "lstm": lstm, "transformer": transformer}


def open_job(job, folder):
    if job["kind"] != "step":
        raise ValueError(f"{job['kind']} is for the other peers")
    inputs = server.Inputs(folder)
    layers, network = Layers(job), NETWORKS[job["network"]]
    x, y = jnp.asarray(inputs.x), jnp.asarray(inputs.y)

    def loss_of(w, x, y):
        log_probabilities = jax.nn.log_softmax(network(layers, w, x))
        return -jnp.take_along_axis(log_probabilities, y[:, None], 1).mean()

    def update(w, m, v, g, t):
        """Adam as Keras has it, epsilon outside of the correction."""
        rate = 1e-5 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        return w - rate * m / (jnp.sqrt(v) + 1e-7), m, v

    # The batch is an argument: of a constant, compilers compute ahead what they can.
    def make_step(state, x, y):
        t = state["t"] + 1
        loss, gradients = jax.value_and_grad(loss_of)(state["w"], x, y)
        new = {n: update(w, state["m"][n], state["v"][n], gradients[n], t) for n, w in state["w"].items()}
        w, m, v = ({n: parts[place] for n, parts in new.items()} for place in range(3))
        return {"t": t, "w": w, "m": m, "v": v}, loss

    with jax.default_matmul_precision(PRECISIONS[job["precision"]]):
        weights = {name: jnp.asarray(value) for name, value in inputs.weights.items()}
        m, v = ({name: jnp.zeros_like(value) for name, value in weights.items()} for _ in range(2))
        state = {"t": jnp.zeros((), jnp.float32), "w": weights, "m": m, "v": v}
        step = jax.jit(make_step, donate_argnums=0).lower(state, x, y).compile()

    box = [state]

    def advance(count):
        loss = None
        for _ in range(count):
            box[0], loss = step(box[0], x, y)
        return loss

    first = float(advance(1))
    ready = time.time()
    twentieth = float(advance(server.STEPS - 1))

    def run(count):
        jax.block_until_ready(advance(count))
        jax.block_until_ready(box[0])

    return server.Timed(run), {"first": first, "twentieth": twentieth, "first_step_at": ready}


server.serve(open_job)
