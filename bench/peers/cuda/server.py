"""What the peers in Python have in common: they take commands as JSON lines and answer each with one, as bench/cuda/worker.ts
and bench/cpu/worker.ts do. bench/cuda/job.ts and bench/cpu/job.ts say what a job is.

    {"command": "open", "job": {...}, "folder": "..."}     builds it, runs 20 steps; losses, and when the first was there
    {"command": "time", "id": "...", "seconds": 0.1}       repeats it for about so long: seconds of one
    {"command": "close", "id": "..."}                      forgets it
"""
import json
import os
import sys
import time

import numpy as np

STEPS = 20


class Inputs:
    """The batch and the weights that every peer starts from; weights by their paths in nnc, without the model's name."""

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "inputs.json")) as file:
            manifest = json.load(file)
        self.x = self._load(manifest["x"])
        self.y = self._load(manifest["y"])
        self.weights = {name: self._load(entry) for name, entry in manifest["weights"].items()}

    def _load(self, entry):
        dtype = np.float32 if entry["file"].endswith(".f32") else np.int32
        return np.fromfile(os.path.join(self.folder, entry["file"]), dtype).reshape(entry["shape"])


class Timed:
    """Something to be repeated. `run(count)` returns once it is done; `clock(count)`, where given, its seconds."""

    def __init__(self, run, clock=None):
        self._clock = clock or (lambda count: _wall(run, count))
        self._once = None

    def seconds(self, wanted):
        if self._once is None:
            self._clock(1)
            self._once = min(self._clock(1), self._clock(3) / 3)
        count = max(1, min(100000, int(wanted / max(self._once, 1e-7))))
        self._once = self._clock(count) / count
        return self._once


def _wall(run, count):
    start = time.perf_counter()
    run(count)
    return time.perf_counter() - start


def serve(open_job):
    """`open_job(job, folder)` returns a Timed and what to answer."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    # Libraries print there, too.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    opened = {}
    for line in sys.stdin:
        command = json.loads(line)
        answer = {}
        try:
            if command["command"] == "open":
                job = command["job"]
                opened[job["id"]], answer = open_job(job, command["folder"])
            elif command["command"] == "time":
                answer = {"seconds": opened[command["id"]].seconds(command["seconds"])}
            else:
                opened.pop(command["id"], None)
        except Exception as error:
            lines = (str(error).strip() or repr(error)).splitlines()
            answer = {"error": f"{type(error).__name__}: {lines[0]}"}
        print(json.dumps(answer), file=out)
