"""Writes pandas-files.json: files as pandas and scikit-learn write them, and what these make of them.

Run as: python3 pandas-files.py > pandas-files.json   (Debian: python3-pandas, python3-sklearn)
"""

import io
import json

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

rng = np.random.default_rng(7)
rows = 60
frame = pd.DataFrame(
    {
        "height": rng.normal(170, 10, rows).round(3),
        "income": np.exp(rng.normal(10, 1, rows)),
        "colour": rng.choice(["red", "green", "blue, dark", 'say "x"', "é"], rows),
        "member": rng.choice([True, False], rows),
        "visits": rng.integers(0, 50, rows),
    }
)
frame["weight"] = 0.5 * frame["height"] + 0.001 * frame["income"] + rng.normal(0, 1, rows)
frame.loc[rng.choice(rows, 9, replace=False), "height"] = np.nan
frame.loc[rng.choice(rows, 7, replace=False), "income"] = np.nan
frame["target"] = np.where(frame["weight"] > frame["weight"].median(), "heavy", "light")

numbers = ["height", "income", "visits", "weight"]
complete = pd.get_dummies(frame.drop(columns="target"), columns=["colour"], prefix_sep="=")


def values(array):
    return np.asarray(array, dtype=float).tolist()


def imputed(strategy, *scalers):
    return values(make_pipeline(SimpleImputer(strategy=strategy), *scalers).fit_transform(frame[numbers]))


known = frame[numbers].dropna()
whitened = PCA(whiten=True, svd_solver="full").fit_transform(StandardScaler().fit_transform(known))
onehot = ColumnTransformer([("c", OneHotEncoder(sparse=False), ["colour"])], remainder="drop")
json.dump(
    {
        "csv": frame.to_csv(index=False),
        "tsv": frame.to_csv(index=False, sep="\t", na_rep="NA"),
        "jsonl": frame.to_json(orient="records", lines=True, force_ascii=False, double_precision=15),
        "target": frame["target"].tolist(),
        "numbers": numbers,
        "kept": frame[numbers].dropna().index.tolist(),
        "onehot": values(onehot.fit_transform(frame)),
        "categories": onehot.named_transformers_["c"].categories_[0].tolist(),
        "mean": imputed("mean", StandardScaler()),
        "median": imputed("median", MinMaxScaler()),
        # scikit-learn divides by n − 1 where this package divides by n.
        "whitened": values(whitened * np.sqrt(len(known) / (len(known) - 1))),
    },
    io.TextIOWrapper(__import__("sys").stdout.buffer, "utf-8"),
    ensure_ascii=False,
)
