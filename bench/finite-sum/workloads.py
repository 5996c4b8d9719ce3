"""The workloads of `npm run bench:finite-sum`, with fixed seeds, written as NumPy files for every solver to read.

w1: dense logistic, n = 200,000, d = 100, covariance spectrum over three decades.
w2: sparse logistic, n = 100,000, d = 50,000, about 75 non-zeros a row, power-law frequencies, rows normalised.
w3: lasso, n = 10,000, d = 5,000, AR(0.8) features, 100 non-zero true weights, signal to noise 3.
"""
import os
import sys

import numpy as np


def w1(rng, n=200_000, d=100):
    scale = np.logspace(0, -1.5, d)  # the spectrum of the covariance, its square, spans three decades
    basis, _ = np.linalg.qr(rng.standard_normal((d, d)))
    x = (rng.standard_normal((n, d)) * scale) @ basis
    w = basis.T @ (rng.standard_normal(d) / np.sqrt(scale))
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-x @ w)), 1.0, -1.0)
    return {"x": np.ascontiguousarray(x), "y": y}


def w2(rng, n=100_000, d=50_000, mean=75):
    frequency = 1 / np.arange(1, d + 1) ** 1.1
    cumulated = np.cumsum(frequency / frequency.sum())
    # Draws repeat: about 1.9 draws make one distinct column of such a law.
    drawn = np.searchsorted(cumulated, rng.random((n, int(1.62 * mean))))
    drawn.sort(axis=1)
    first = np.ones_like(drawn, dtype=bool)
    first[:, 1:] = drawn[:, 1:] != drawn[:, :-1]
    starts = np.concatenate([[0], np.cumsum(first.sum(axis=1))]).astype(np.int64)
    columns = np.minimum(drawn[first], d - 1).astype(np.int32)
    idf = np.log(1 + 1 / (frequency / frequency.max()))
    values = (1 + rng.exponential(size=columns.size)) * idf[columns]
    rows = np.repeat(np.arange(n), np.diff(starts))
    values /= np.sqrt(np.bincount(rows, values**2, n))[rows]
    w = rng.standard_normal(d) * (rng.random(d) < 0.1) * 8
    margin = np.bincount(rows, values * w[columns], n)
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-4 * margin)), 1.0, -1.0)
    return {"values": values, "columns": columns, "starts": starts, "y": y, "d": np.array([float(d)])}


def w3(rng, n=10_000, d=5_000, support=100, rho=0.8):
    x = np.empty((n, d))
    x[:, 0] = rng.standard_normal(n)
    for j in range(1, d):
        x[:, j] = rho * x[:, j - 1] + np.sqrt(1 - rho * rho) * rng.standard_normal(n)
    w = np.zeros(d)
    w[rng.choice(d, support, replace=False)] = rng.standard_normal(support)
    signal = x @ w
    y = signal + rng.standard_normal(n) * signal.std() / 3
    return {"x": x, "y": y}


if __name__ == "__main__":
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, make, seed in (("w1", w1, 1), ("w2", w2, 2), ("w3", w3, 3)):
        if os.path.exists(f"{folder}/{name}-y.npy"):
            continue
        for part, array in make(np.random.default_rng(seed)).items():
            np.save(f"{folder}/{name}-{part}.npy", array)
