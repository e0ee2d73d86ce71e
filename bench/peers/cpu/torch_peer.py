#!/usr/bin/env python3
"""PyTorch as a peer of `npm run bench`: training steps and inference on the CPU. It takes commands as JSON lines, see
../cuda/server.py; bench/cpu/job.ts says what a job is.

usage: torch_peer.py --threads N [--channels-last]
"""
import argparse
import math

import torch
import torch.nn.functional as F

from networks import NETWORKS
import server  # beside the networks that these share

arguments = argparse.ArgumentParser()
arguments.add_argument("--threads", type=int, default=1)
arguments.add_argument("--channels-last", action="store_true")
options = arguments.parse_args()
torch.set_num_threads(options.threads)


class Optimizer:
    """Keras' constants. RMSprop's epsilon stands outside the root here, so that losses differ a little; Adam's stands behind
    the correction of the bias, and is the same if it grows by that."""

    def __init__(self, name, parameters):
        self.is_adam = name == "adam"
        self.own = (
            torch.optim.Adam(parameters, lr=1e-5, eps=1e-7)
            if self.is_adam
            else torch.optim.RMSprop(parameters, lr=1e-5, alpha=0.9, eps=1e-7)
        )
        self.steps = 0

    def step(self):
        self.steps += 1
        if self.is_adam:
            self.own.param_groups[0]["eps"] = 1e-7 / math.sqrt(1 - 0.999**self.steps)
        self.own.step()


def open_network(job, inputs):
    settings = {**job, "precision": "f32", "channels_last": options.channels_last}
    network = NETWORKS[job["network"]](inputs.weights, settings, "cpu")
    return network, network.prepare(inputs.x)


def open_step(job, inputs):
    network, x = open_network(job, inputs)
    y = torch.from_numpy(inputs.y.copy())
    y = y.float() if job["loss"] == "binary" else y.long().flatten()
    optimizer = Optimizer(job["optimizer"], [p for p in network.parameters() if p.requires_grad])

    def step():
        optimizer.own.zero_grad(set_to_none=True)
        logits = network(x)
        if job["loss"] == "binary":
            loss = F.binary_cross_entropy_with_logits(logits.flatten(), y)
        else:
            loss = F.cross_entropy(logits.flatten(0, -2), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    losses = [step() for _ in range(server.STEPS)]

    def run(count):
        for _ in range(count):
            step()

    return server.Timed(run), {"first": losses[0], "twentieth": losses[-1]}


def open_inference(job, inputs):
    network, x = open_network(job, inputs)
    network.eval()

    def run(count):
        with torch.no_grad():
            for _ in range(count):
                network(x)

    with torch.no_grad():
        outputs = network(x).flatten()[: job["outputs"]]
    return server.Timed(run), {"outputs": outputs.tolist()}


def open_job(job, folder):
    inputs = server.Inputs(folder)
    return open_step(job, inputs) if job["kind"] == "step" else open_inference(job, inputs)


server.serve(open_job)
