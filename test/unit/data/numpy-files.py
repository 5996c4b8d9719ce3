"""Writes numpy-files.json: files as NumPy writes them, in base64, with shapes and values as NumPy tells them.

Run as: python3 numpy-files.py > numpy-files.json
"""

import base64
import io
import json

import numpy as np


def plain(value):
    """A value that JSON can hold: text for what is not finite."""
    if isinstance(value, (float, np.floating)) and not np.isfinite(value):
        return str(float(value))
    return value.item() if isinstance(value, np.generic) else value


def npy(array, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return base64.b64encode(file.getvalue()).decode()


def npz(write):
    file = io.BytesIO()
    write(file, X=np.arange(12, dtype="f8").reshape(4, 3) / 8, y=np.array(["b", "a", "b", "é"]), flag=np.array([True]))
    return base64.b64encode(file.getvalue()).decode()


ints = np.array([0, 1, 2, 100, 127])
floats = np.array([0.0, -0.0, 1.5, -2.25, 6.1e-5, 5.96e-8, 65504.0, np.nan, np.inf, -np.inf])
arrays = {code: ints.astype(code) for code in ["?", "i1", "u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8"]}
arrays |= {code: ints.astype(code) for code in [">i2", ">u2", ">i4", ">u4", ">i8", ">u8"]}
arrays |= {code: floats.astype(code) for code in ["<f2", "<f4", "<f8", ">f2", ">f4", ">f8"]}
arrays |= {
    "negative": np.array([-(2**53) + 1, -1, 2**53 - 1]),
    "C": np.arange(24.0).reshape(2, 3, 4),
    "Fortran": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
    "Fortran matrix": np.asfortranarray(np.arange(6, dtype="u1").reshape(3, 2)),
    "scalar": np.array(3.5),
    "empty": np.zeros((0, 3)),
    "<U5": np.array(["", "a", "été", "日本", "🦆🦆"]),
    ">U2": np.array(["é", "ab"], dtype=">U2"),
    "S3": np.array([b"a", b"", b"abc"]),
}
cases = [
    {
        "name": name,
        "bytes": npy(array),
        "shape": array.shape,
        "values": [plain(v.decode() if isinstance(v, bytes) else v) for v in array.ravel(order="C")],
    }
    for name, array in arrays.items()
]
cases += [
    {"name": f"version {v}", "bytes": npy(ints.astype("<i4"), (v, 0)), "shape": [5], "values": ints.tolist()}
    for v in (1, 2, 3)
]
refused = {
    "complex": np.array([1j]),
    "objects": np.array([{}, None], dtype=object),
    "dates": np.array(["2020-01-01"], dtype="datetime64[D]"),
    "structures": np.zeros(2, dtype=[("a", "f8"), ("b", "i4")]),
    "long doubles": np.zeros(2, dtype="f16"),
    "large integers": np.array([1, 2**53]),
    "large unsigned integers": np.array([2**64 - 1], dtype="u8"),
    "bytes that are not UTF-8": np.array([b"\xe9"]),
}
print(
    json.dumps(
        {
            "numpy": np.__version__,
            "arrays": cases,
            "refused": [{"name": name, "bytes": npy(array)} for name, array in refused.items()],
            "npz": {"stored": npz(np.savez), "deflated": npz(np.savez_compressed)},
        },
        indent=2,
    )
)
