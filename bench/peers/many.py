"""Many small mean-field networks in PyTorch: the peer of bench/many.mjs.

    python3 many.py [--runs 1000] [--processes 1] [--steps 300] [--measured 30]

All runs share the data (n = 200, d = 5; M = 100 particles each), and their particles lie side by side, so that a step of a
whole batch is two products. The batch is the best of several by a trial; more processes take the runs in turn, one thread
each. `measured` steps of each batch are timed and scaled to `steps`. One JSON document: {"peer", "batch", "runsPerSecond"}.
"""
import argparse
import json
import multiprocessing
import os
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
parser = argparse.ArgumentParser()
parser.add_argument("--runs", type=int, default=1000)
parser.add_argument("--processes", type=int, default=1)
parser.add_argument("--steps", type=int, default=300)
parser.add_argument("--measured", type=int, default=30)
arguments = parser.parse_args()
N, D, M = 200, 5, 100


def make_step(batch):
    import torch

    torch.set_num_threads(1)
    x = torch.ones(N, D + 1)
    x[:, :D] = torch.rand(N, D)
    y = torch.rand(N, 1)
    theta = torch.randn(D + 1, batch * M)
    normal, gradient = torch.empty_like(theta), torch.empty_like(theta)
    value, slope = torch.empty(N, batch * M), torch.empty(N, batch * M)

    def step():
        with torch.no_grad():
            torch.mm(x, theta, out=value)
            value.tanh_()
            weight = (value.view(N, batch, M).mean(2) - y).div_(N)
            torch.mul(value, value, out=slope)
            slope.neg_().add_(1).view(N, batch, M).mul_(weight[:, :, None])
            torch.mm(x.t(), slope, out=gradient)
            normal.normal_()
            theta.mul_(0.9999).sub_(gradient, alpha=0.01).add_(normal, alpha=1e-3)

    return step


def seconds_of(step, count):
    step()
    start = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - start) / count


def work(batch):
    return seconds_of(make_step(batch), arguments.measured)


if __name__ == "__main__":
    trials = {batch: seconds_of(make_step(batch), 5) / batch for batch in (1, 2, 4, 8, 16, 64, 250)}
    best = min(trials, key=trials.get)
    if arguments.processes == 1:
        seconds = [work(best)]
    else:
        with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
            seconds = pool.map(work, [best] * arguments.processes)
    rate = sum(best / (second * arguments.steps) for second in seconds)
    one = 1 / (trials[1] * arguments.steps) * arguments.processes
    print(json.dumps({"peer": "torch", "batch": best, "processes": arguments.processes, "runsPerSecond": rate, "oneByOne": one}))
