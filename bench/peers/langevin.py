"""Noisy gradient descent of a mean-field network in NumPy and PyTorch: the peers of bench/native/kernels.cpp.

    f(x) = (1/M) sum_j tanh(w_j . x + b_j),  squared loss, float32, all of w and b moved, noise in every step:
    theta <- keep theta - rate gradient + noise normal.

    python3 langevin.py [--peers numpy,torch,torch-autograd,torch-compile,jax] [--threads 1] [--n 2000] [--d 10] [--m 1000]
                        [--seconds 1]

Each peer runs at its best: products over chunks of rows, the chunk chosen among several by a trial; results in place; its
own generator of normals. What torch-compile and jax compile is not in the time. One JSON document a line: {"peer", "n", "d", "m", "threads", "chunk", "stepsPerSecond"}.
Run it with OPENBLAS_CORETYPE unset and ATEN_CPU_CAPABILITY=avx512 where the processor has it.
"""
import argparse
import json
import os
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--peers", default="numpy,torch,torch-autograd")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--n", default="2000")
parser.add_argument("--d", default="10,100,784")
parser.add_argument("--m", default="1000,10000")
parser.add_argument("--seconds", type=float, default=1.0)
parser.add_argument("--cpu", action="store_true", help="seconds of the processor, not of the wall: one thread only")
arguments = parser.parse_args()
clock = time.process_time if arguments.cpu else time.perf_counter
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(arguments.threads)
# JAX has no number of threads but that of the processors it may use.
if "jax" in arguments.peers and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])

KEEP, RATE, NOISE = 0.9999, 0.01, 1e-3
CHUNKS = (128, 256, 512, 1024, 2048, 20000)


def numpy_step(n, d, m, chunk):
    import numpy as np

    random = np.random.Generator(np.random.SFC64(1))
    x = np.ones((n, d + 1), np.float32)
    x[:, :d] = random.uniform(-1, 1, (n, d))
    y = random.uniform(0, 1, n).astype(np.float32)
    theta = random.standard_normal((d + 1, m), np.float32) * np.float32(0.1)
    gradient, part, normal = (np.empty_like(theta) for _ in range(3))
    values, slopes = np.empty((chunk, m), np.float32), np.empty((chunk, m), np.float32)
    mean = np.full(m, 1 / m, np.float32)

    def step():
        for first in range(0, n, chunk):
            rows = x[first : first + chunk]
            value, slope = values[: len(rows)], slopes[: len(rows)]
            np.matmul(rows, theta, out=value)
            np.tanh(value, out=value)
            weight = (value @ mean - y[first : first + chunk]) / np.float32(n)
            np.multiply(value, value, out=slope)
            np.subtract(np.float32(1), slope, out=slope)
            np.multiply(slope, weight[:, None], out=slope)
            if first == 0:
                np.matmul(rows.T, slope, out=gradient)
            else:
                np.matmul(rows.T, slope, out=part)
                np.add(gradient, part, out=gradient)
        random.standard_normal(out=normal, dtype=np.float32)
        np.multiply(theta, np.float32(KEEP), out=theta)
        np.multiply(gradient, np.float32(RATE), out=gradient)
        np.subtract(theta, gradient, out=theta)
        np.multiply(normal, np.float32(NOISE), out=normal)
        np.add(theta, normal, out=theta)

    return step


def torch_problem(n, d, m):
    import torch

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    x = torch.ones(n, d + 1)
    x[:, :d] = torch.rand(n, d) * 2 - 1
    return torch, x, torch.rand(n), torch.randn(d + 1, m) * 0.1, torch.full((m,), 1 / m)


def torch_step(n, d, m, chunk):
    torch, x, y, theta, mean = torch_problem(n, d, m)
    gradient, normal = torch.empty_like(theta), torch.empty_like(theta)
    values, slopes = torch.empty(chunk, m), torch.empty(chunk, m)

    def step():
        for first in range(0, n, chunk):
            rows = x[first : first + chunk]
            value, slope = values[: len(rows)], slopes[: len(rows)]
            torch.mm(rows, theta, out=value)
            value.tanh_()
            weight = (value.mv(mean) - y[first : first + chunk]).div_(n)
            torch.mul(value, value, out=slope)
            slope.neg_().add_(1).mul_(weight[:, None])
            if first == 0:
                torch.mm(rows.t(), slope, out=gradient)
            else:
                gradient.addmm_(rows.t(), slope)
        normal.normal_()
        theta.mul_(KEEP).sub_(gradient, alpha=RATE).add_(normal, alpha=NOISE)

    def guarded():
        with torch.no_grad():
            step()

    return guarded


def torch_autograd_step(n, d, m, chunk):
    import torch

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    x, y = torch.rand(n, d) * 2 - 1, torch.rand(n)
    weight = (torch.randn(m, d) * 0.1).requires_grad_()
    bias = (torch.randn(m) * 0.1).requires_grad_()

    def step():
        outputs = torch.tanh(torch.nn.functional.linear(x, weight, bias)).mean(1)
        loss = 0.5 * ((outputs - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            for theta in (weight, bias):
                theta.mul_(KEEP).sub_(theta.grad, alpha=RATE * m).add_(torch.randn_like(theta), alpha=NOISE)
                theta.grad = None

    return step


def torch_compile_step(n, d, m, chunk):
    torch, x, y, theta, mean = torch_problem(n, d, m)
    torch._dynamo.reset()  # each chunk is compiled for its own sizes

    @torch.compile(dynamic=False)
    def gradient_of(rows, targets, theta):
        value = torch.tanh(rows @ theta)
        weight = (value @ mean - targets) / n
        return rows.t() @ ((1 - value * value) * weight[:, None])

    @torch.compile(dynamic=False)
    def move(theta, gradient, normal):
        theta.mul_(KEEP).sub_(gradient, alpha=RATE).add_(normal, alpha=NOISE)

    def step():
        with torch.no_grad():
            gradient = gradient_of(x[:chunk], y[:chunk], theta)
            for first in range(chunk, n, chunk):
                gradient += gradient_of(x[first : first + chunk], y[first : first + chunk], theta)
            move(theta, gradient, torch.randn_like(theta))

    return step


def jax_step(n, d, m, chunk):
    import jax
    import jax.numpy as jnp

    kx, ky, kt, key = jax.random.split(jax.random.key(1, impl="rbg"), 4)
    x = jnp.concatenate([jax.random.uniform(kx, (n, d), minval=-1), jnp.ones((n, 1))], axis=1)
    y = jax.random.uniform(ky, (n,))

    def moved(theta, key):
        key, now = jax.random.split(key)
        gradient = jnp.zeros_like(theta)
        for first in range(0, n, chunk):
            rows = x[first : first + chunk]
            value = jnp.tanh(rows @ theta)
            weight = (value.mean(1) - y[first : first + chunk]) / n
            gradient += rows.T @ ((1 - value * value) * weight[:, None])
        return KEEP * theta - RATE * gradient + NOISE * jax.random.normal(now, theta.shape), key

    compiled = jax.jit(moved, donate_argnums=0)
    state = [jax.random.normal(kt, (d + 1, m)) * 0.1, key]

    def step():
        state[:] = compiled(*state)
        state[0].block_until_ready()

    return step


PEERS = {
    "numpy": numpy_step,
    "torch": torch_step,
    "torch-autograd": torch_autograd_step,
    "torch-compile": torch_compile_step,
    "jax": jax_step,
}


def median_seconds(step, seconds, least=3):
    times, end = [], clock() + seconds
    while len(times) < least or clock() < end:
        start = clock()
        step()
        times.append(clock() - start)
    return sorted(times)[len(times) // 2]


def measure(peer, n, d, m):
    chunks = [n] if peer == "torch-autograd" else sorted({min(chunk, n) for chunk in CHUNKS})
    chunks = [chunk for chunk in chunks if chunk * m <= 5e8]
    if peer in ("torch-compile", "jax"):  # which take seconds to compile each
        chunks = [chunk for chunk in chunks if 2 <= n / chunk <= 20 or len(chunks) == 1][-3:] + ([n] if n * m <= 1e8 else [])
        chunks = sorted(set(chunks))
    best = chunks[0]
    if len(chunks) > 1:
        trials = {}
        for chunk in chunks:
            step = PEERS[peer](n, d, m, chunk)
            step()
            trials[chunk] = median_seconds(step, 0.1, 1)
        best = min(trials, key=trials.get)
    step = PEERS[peer](n, d, m, best)
    step()
    return best, median_seconds(step, arguments.seconds)


def numbers(text):
    return [int(part) for part in text.split(",")]


for n in numbers(arguments.n):
    for d in numbers(arguments.d):
        for m in numbers(arguments.m):
            for peer in arguments.peers.split(","):
                if peer == "torch-autograd" and n * m > 2.5e8:
                    print(f"{peer}: n = {n}, M = {m} left out, its n x M arrays are too large", file=sys.stderr)
                    continue
                chunk, seconds = measure(peer, n, d, m)
                line = {"peer": peer, "n": n, "d": d, "m": m, "threads": arguments.threads, "chunk": chunk}
                line["stepsPerSecond"] = 1 / seconds
                line["gflops"] = 4e-9 * n * d * m / seconds
                print(json.dumps(line), flush=True)
