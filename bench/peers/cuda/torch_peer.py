#!/usr/bin/env python3
"""PyTorch as a peer of the CUDA benchmarks: training steps, products by cuBLAS, passes over memory. See server.py.

usage: torch_peer.py [--mode eager|graph|compile|autotune] [--device cuda|cpu]

Modes of a training step:
  eager     as written, with cuDNN's LSTM and the fused Adam
  graph     the same, captured whole, optimizer included, as one CUDA graph
  compile   torch.compile(mode="reduce-overhead") of model and loss, which uses CUDA graphs, and the fused Adam
  autotune  the same with mode="max-autotune"
"""
import argparse
import time

import torch
import torch.nn.functional as F

import server
from torch_networks import NETWORKS

arguments = argparse.ArgumentParser()
arguments.add_argument("--mode", choices=["eager", "graph", "compile", "autotune"], default="eager")
arguments.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
options = arguments.parse_args()
on_cuda = options.device == "cuda"

# Products that are captured together, so that launches from the host are not what is measured.
PRODUCTS_A_GRAPH = 20


def synchronize():
    if on_cuda:
        torch.cuda.synchronize()


def set_precision(precision):
    """For all of the process: a job sets it again whenever it runs."""
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"


class Step:
    """Adam in Keras' constants, as far as PyTorch has them: epsilon stands behind the correction of the bias here."""

    def __init__(self, job, folder):
        inputs = server.Inputs(folder)
        self.precision = job["precision"]
        self.x = torch.from_numpy(inputs.x.copy()).to(options.device)
        self.y = torch.from_numpy(inputs.y.copy()).long().to(options.device)
        self.network = NETWORKS[job["network"]](inputs.weights, job, options.device)
        self.parameters = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        more = {"fused": True, "capturable": options.mode == "graph"} if on_cuda else {}
        self.optimizer = torch.optim.Adam(self.parameters, lr=1e-5, eps=1e-7, **more)
        self.compute_loss = self._loss
        if options.mode in ("compile", "autotune"):
            self.network.unrolled = True
            mode = "reduce-overhead" if options.mode == "compile" else "max-autotune"
            self.compute_loss = torch.compile(self._loss, mode=mode)

    def _loss(self):
        # What is rounded to bf16 is chosen by PyTorch: products are, the loss and norms are not.
        with torch.autocast(options.device, torch.bfloat16, enabled=self.precision == "bf16"):
            logits = self.network(self.x)
        return F.cross_entropy(logits.float(), self.y)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        if options.mode in ("compile", "autotune"):
            torch.compiler.cudagraph_mark_step_begin()
        loss = self.compute_loss()
        loss.backward()
        self.optimizer.step()
        return loss

    def capture(self):
        """The step as one CUDA graph. What the steps before it changed is taken back."""
        initial = [parameter.detach().clone() for parameter in self.parameters]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            loss = self.step()
        with torch.no_grad():
            for parameter, value in zip(self.parameters, initial):
                parameter.copy_(value)
            for state in self.optimizer.state.values():
                for value in state.values():
                    value.zero_()

        def replay():
            graph.replay()
            return loss

        return replay


def open_step(job, folder):
    set_precision(job["precision"])
    training = Step(job, folder)
    step = training.capture() if options.mode == "graph" else training.step
    first = step().item()
    ready = time.time()
    for _ in range(server.STEPS - 1):
        loss = step()
    twentieth = loss.item()

    def run(count):
        set_precision(job["precision"])
        for _ in range(count):
            step()
        synchronize()

    return server.Timed(run), {"first": first, "twentieth": twentieth, "first_step_at": ready}


def on_device(run, group):
    """Times `run`, which makes `group` repetitions, by events of the device, as waiting for the host is no part of it."""
    if not on_cuda:

        def on_host(count):
            start = time.perf_counter()
            for _ in range(count):
                run()
            return (time.perf_counter() - start) / group

        return on_host

    def clock(count):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(count):
            run()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3 / group

    return clock


def random(*shape, dtype=torch.float32):
    return (2 * torch.rand(*shape, device=options.device) - 1).to(dtype)


def open_product(job):
    rows, inner, columns = job["rows"], job["inner"], job["columns"]
    dtype = torch.bfloat16 if job["precision"] == "bf16" else torch.float32
    a = random(inner, rows, dtype=dtype).t() if job["form"] == "weights" else random(rows, inner, dtype=dtype)
    b = random(columns, inner, dtype=dtype).t() if job["form"] == "inputs" else random(inner, columns, dtype=dtype)
    y = torch.empty(rows, columns, dtype=dtype, device=options.device)

    def product():
        torch.mm(a, b, out=y)

    set_precision(job["precision"])
    if not on_cuda:
        return server.Timed(None, on_device(product, 1)), {}
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        product()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(PRODUCTS_A_GRAPH):
            product()
    return server.Timed(None, on_device(graph.replay, PRODUCTS_A_GRAPH)), {}


def open_traffic(job):
    rows, columns = job["rows"], job["columns"]
    x, bias = random(rows, columns), random(columns)
    if job["operation"] == "adam":
        parameter = torch.nn.Parameter(x)
        parameter.grad = random(rows, columns)
        optimizer = torch.optim.Adam([parameter], lr=1e-5, eps=1e-7, **({"fused": True} if on_cuda else {}))
        run = optimizer.step
    else:
        y = torch.empty_like(x)
        run = {
            "copy": lambda: y.copy_(x),
            "softmax": lambda: torch.softmax(x, -1),
            "layer-norm": lambda: F.layer_norm(x, (columns,), bias, bias),
            "bias-gelu": lambda: F.gelu(x + bias, approximate="tanh"),
        }[job["operation"]]
    with torch.no_grad():
        run()
    timed = server.Timed(None, on_device(lambda: no_grad(run), 1))
    return timed, {}


def no_grad(run):
    with torch.no_grad():
        run()


def open_job(job, folder):
    if job["kind"] == "step":
        return open_step(job, folder)
    return open_product(job) if job["kind"] == "product" else open_traffic(job)


torch.backends.cudnn.benchmark = True
server.serve(open_job)
