"""The step that gpu-check measures, in PyTorch (compiled) and JAX where they are installed, one line a point on standard output:
name, d, particles, seconds ("nan" where it failed), and the version or what failed.

A mean-field step is z = mean_r R tanh(r_r) tanh(x_i . w_r), the gradient of the squared loss for every particle, then
theta <- keep theta - rate G + noise xi. Float32 data, tf32 products, five repetitions after two that warm up, the median.
"""
import statistics
import time

N = 20000
POINTS = [(d, m) for d in (10, 100, 784) for m in (10_000, 100_000, 1_000_000)]


def measure(work, wait):
    for _ in range(2):
        work()
    wait()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        wait()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def with_torch(d, m):
    import torch

    torch.set_float32_matmul_precision("high")
    gpu = torch.device("cuda")
    x = torch.randn(N, d + 1, device=gpu)
    y = torch.randn(N, device=gpu)
    w = torch.randn(m, d + 1, device=gpu) / d**0.5
    r = torch.randn(m, device=gpu)

    @torch.compile
    def step(w, r):
        activation = torch.tanh(x @ w.T)
        c = torch.tanh(r)
        omega = (activation @ c / m - y) / N
        pull = (1 - activation * activation) * omega[:, None] * c[None, :]
        gradient_w = pull.T @ x
        gradient_r = (1 - c * c) * (activation.T @ omega)
        w = 0.999 * w - 0.1 * gradient_w + 0.001 * torch.randn_like(w)
        return w, 0.999 * r - 0.1 * gradient_r + 0.001 * torch.randn_like(r)

    return torch.__version__, measure(lambda: step(w, r), torch.cuda.synchronize)


def with_jax(d, m):
    import jax
    import jax.numpy as jnp

    keys = jax.random.split(jax.random.PRNGKey(0), 5)
    x = jax.random.normal(keys[0], (N, d + 1))
    y = jax.random.normal(keys[1], (N,))
    w = jax.random.normal(keys[2], (m, d + 1)) / d**0.5
    r = jax.random.normal(keys[3], (m,))

    @jax.jit
    def step(w, r, key):
        activation = jnp.tanh(x @ w.T)
        c = jnp.tanh(r)
        omega = (activation @ c / m - y) / N
        pull = (1 - activation * activation) * omega[:, None] * c[None, :]
        key_w, key_r = jax.random.split(key)
        w = 0.999 * w - 0.1 * (pull.T @ x) + 0.001 * jax.random.normal(key_w, w.shape)
        gradient_r = (1 - c * c) * (activation.T @ omega)
        return w, 0.999 * r - 0.1 * gradient_r + 0.001 * jax.random.normal(key_r, r.shape)

    last = []

    def work():
        last[:] = step(w, r, keys[4])

    return jax.__version__, measure(work, lambda: jax.block_until_ready(last))


def main():
    for name, run in (("torch.compile", with_torch), ("jax.jit", with_jax)):
        try:
            __import__("torch" if name.startswith("torch") else "jax")
        except ImportError:
            continue
        for d, m in POINTS:
            try:
                said, seconds = run(d, m)
            except Exception as error:  # out of memory is a result here
                said, seconds = " ".join(f"{type(error).__name__}: {error}".split())[:200], float("nan")
            print(name, d, m, seconds, said, flush=True)


main()
