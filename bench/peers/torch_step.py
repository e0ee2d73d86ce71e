#!/usr/bin/env python3
"""One training step of a dense net, timed, in PyTorch: the peer of bench/worker.ts.

usage: torch_step.py DIR --optimizer rmsprop|adam --threads N --seconds S

DIR holds what every peer starts from: x.f32 and y.i32 (the batch), and layers.json with the paths and shapes of the
initial weights in order. Prints one JSON line: seconds of the median chunk per step, and the loss after 1 and 20 steps.
"""
import argparse, json, os, statistics, time

arguments = argparse.ArgumentParser()
arguments.add_argument("folder")
arguments.add_argument("--optimizer", required=True)
arguments.add_argument("--threads", type=int, default=1)
arguments.add_argument("--seconds", type=float, default=1.0)
options = arguments.parse_args()
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(options.threads)

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(options.threads)


def load(name, dtype, shape):
    return torch.from_numpy(np.fromfile(os.path.join(options.folder, name), dtype).reshape(shape).copy())


with open(os.path.join(options.folder, "layers.json")) as file:
    spec = json.load(file)
x = load("x.f32", np.float32, spec["x"])
y = load("y.i32", np.int32, spec["y"]).long()
layers = [
    (load(l["kernel"], np.float32, l["shape"]).t().contiguous().requires_grad_(),
     load(l["bias"], np.float32, l["shape"][1:]).requires_grad_())
    for l in spec["layers"]
]
parameters = [p for layer in layers for p in layer]
# Keras' constants, as far as PyTorch has them: RMSprop's epsilon stands outside the root here.
optimizer = (
    torch.optim.RMSprop(parameters, lr=1e-5, alpha=0.9, eps=1e-7)
    if options.optimizer == "rmsprop"
    else torch.optim.Adam(parameters, lr=1e-5, eps=1e-7)
)


def step():
    optimizer.zero_grad(set_to_none=True)
    h = x
    for i, (weight, bias) in enumerate(layers):
        h = F.linear(h, weight, bias)
        if i + 1 < len(layers):
            h = F.relu(h)
    loss = F.cross_entropy(h, y)
    loss.backward()
    optimizer.step()
    return loss.item()


losses = [step() for _ in range(20)]
start = time.perf_counter()
step()
once = time.perf_counter() - start
count = max(1, int(options.seconds / 10 / once))
chunks = []
for _ in range(10):
    start = time.perf_counter()
    for _ in range(count):
        step()
    chunks.append((time.perf_counter() - start) / count)
print(json.dumps({"seconds": statistics.median(chunks), "first": losses[0], "twentieth": losses[-1], "version": torch.__version__}))
