"""Solvers of scikit-learn (LIBLINEAR among them) on one problem: seconds to a relative suboptimality.

    python3 peers.py FOLDER WORKLOAD PROBLEM PENALTY OPTIMUM TARGETS

PENALTY is λ of the mean-loss objective, OPTIMUM a value within 1e-9 of its minimum, computed elsewhere. Every solver runs from zero
with a ladder of tolerances; what counts is the first rung whose objective, computed here, is within the target.
Prints a JSON line for every solver and target.
"""
import json
import os
import sys
import time
import warnings

import numpy as np
from scipy import sparse
from sklearn.linear_model import Lasso, LogisticRegression

warnings.filterwarnings("ignore")

clock = time.perf_counter if os.environ.get("BENCH_CLOCK") == "wall" else time.process_time


def read(folder, workload):
    part = lambda name: np.load(f"{folder}/{workload}-{name}.npy")
    if workload != "w2":
        return part("x"), part("y")
    starts = part("starts")
    shape = (len(starts) - 1, int(part("d")[0]))
    return sparse.csr_matrix((part("values"), part("columns"), starts.astype(np.int32)), shape=shape), part("y")


def objective(x, y, w, squared, l1, l2):
    z = x @ w
    loss = 0.5 * (z - y) ** 2 if squared else np.logaddexp(0, -y * z)
    return loss.mean() + l1 * np.abs(w).sum() + l2 / 2 * w @ w


def solvers(workload, kind, penalty, n):
    def logistic(**options):
        return lambda tol, iterations: LogisticRegression(
            C=1 / (penalty * n), fit_intercept=False, tol=tol, max_iter=iterations, random_state=0, **options
        )

    if workload == "w3":
        return {"sklearn Lasso": lambda tol, iterations: Lasso(alpha=penalty, fit_intercept=False, tol=tol, max_iter=iterations)}
    if kind == "l1":
        return {
            "LIBLINEAR -s 6": logistic(penalty="l1", solver="liblinear"),
            "sklearn saga": logistic(penalty="l1", solver="saga"),
        }
    found = {name: logistic(solver=name) for name in ("lbfgs", "newton-cg", "saga")}
    if workload == "w1":
        found["newton-cholesky"] = logistic(solver="newton-cholesky")
    found = {f"sklearn {name}": solver for name, solver in found.items()}
    found["LIBLINEAR -s 0"] = logistic(solver="liblinear")
    if workload == "w2":
        found["LIBLINEAR -s 7"] = logistic(solver="liblinear", dual=True)
    return found


def main(folder, workload, problem, penalty, optimum, targets):
    x, y = read(folder, workload)
    kind, penalty, optimum = problem.split(":")[0], float(penalty), float(optimum)
    l1, l2 = (penalty, 0) if kind == "l1" else (0, penalty)
    if workload == "w3":
        x = np.asfortranarray(x)  # what the solver wants; the copy is not counted
    for name, make in solvers(workload, kind, penalty, len(y)).items():
        wanted = sorted((float(t) for t in targets.split(",")), reverse=True)
        spent = 0
        for tol in 10.0 ** -np.arange(0, 10.5, 0.5):
            model = make(tol, 10000)
            start = clock()
            model.fit(x, y)
            seconds = clock() - start
            spent += seconds
            excess = objective(x, y, model.coef_.ravel(), workload == "w3", l1, l2) / optimum - 1
            while wanted and excess <= wanted[0]:
                print(json.dumps({"solver": name, "target": wanted.pop(0), "seconds": seconds}), flush=True)
            if not wanted or spent > 60:
                break
        for target in wanted:
            print(json.dumps({"solver": name, "target": target, "seconds": None}), flush=True)


main(*sys.argv[1:])
