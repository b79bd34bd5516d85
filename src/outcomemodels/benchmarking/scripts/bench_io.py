"""Read a problem and write a result: all that an entrant's script needs, with NumPy alone.

Call ``problem, settings = start()``; then ``finish(draws, seconds=…)``. It stands beside every script when it runs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np


def start():
    """Problem and settings from the command line: FOLDER OUT SETTINGS."""
    folder, _, settings = sys.argv[1:4]
    words = json.loads((Path(folder) / "problem.json").read_text(encoding="utf-8"))
    with np.load(Path(folder) / "problem.npz") as raw:
        arrays = {name: raw[name] for name in raw.files}
    problem = SimpleNamespace(**words, **arrays)
    for k, block in enumerate(problem.blocks):
        block["codes"], block["values"] = arrays[f"codes{k}"], arrays[f"values{k}"]
    return problem, SimpleNamespace(**json.loads(settings))


def finish(draws, *, seconds, packages=(), estimates=None, ess=None, moments=None, note=""):
    """Write the result.

    ``draws`` maps a quantity to an array (chain, draw); ``estimates`` to a number, for point estimators; ``seconds``
    has compile, sample and post; ``ess`` may give variance and fixed where the draws do not show it (weights);
    ``moments`` maps a quantity to mean, sd and Monte Carlo error of the mean, where they are known better than from
    the draws.
    """
    from importlib.metadata import version

    out = Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    if draws:
        np.savez(out / "draws.npz", **draws)
    result = {
        "seconds": seconds,
        "versions": {name: version(name) for name in packages},
        "estimates": estimates or {},
        "ess": ess or {},
        "moments": moments or {},
        "note": note,
    }
    (out / "result.json").write_text(json.dumps(result), encoding="utf-8")


def has_own_rows(problem, block):
    """Whether a block has one row a level and nothing but ones, so that it only adds to the rows' variance."""
    several = len(block["columns"]) > 1 or (block["values"] != 1).any() or problem.family != "gaussian"
    return not several and np.bincount(block["codes"]).max() <= 1


def cannot(why):
    """Say that this entrant cannot express the problem, and stop."""
    out = Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    (out / "result.json").write_text(json.dumps({"cannot": why}), encoding="utf-8")
    raise SystemExit(0)


def collect(problem, get):
    """Quantities by name from ``get(variable)``.

    ``get`` returns arrays (chain, draw, …) for ``beta`` (columns), ``sd0`` … (columns of the block), ``corr0`` …
    (columns x columns), ``effect0`` … (levels x columns) and ``noise`` (levels), or None for what is not there.
    """
    out = {}
    beta = get("beta")
    if beta is not None:
        for i, name in enumerate(problem.columns):
            out[f"beta[{name}]"] = beta[:, :, i]
    for k, block in enumerate(problem.blocks):
        columns, several = block["columns"], len(block["columns"]) > 1
        sd, effects = get(f"sd{k}"), get(f"effect{k}")
        for a, column in enumerate(columns):
            tail = f",{column}" if several else ""
            if sd is not None:
                out[f"sd[{block['id']}{tail}]"] = sd[:, :, a]
            if effects is not None:
                for level in block["shown"]:
                    out[f"effect[{block['id']},{level}{tail}]"] = effects[:, :, level, a]
        if block["correlation"] is not None and several:
            corr = get(f"corr{k}")
            for i, b in enumerate(columns):
                for j, a in enumerate(columns[:i]):
                    if corr is not None:
                        out[f"corr[{block['id']},{a},{b}]"] = corr[:, :, i, j]
    noise = get("noise")
    if noise is not None and problem.noise:
        many = len(problem.noise) > 1
        for g, label in enumerate(problem.noise_levels):
            out[f"noise[{label}]" if many else "noise"] = noise[:, :, g]
    return {name: np.ascontiguousarray(values) for name, values in out.items()}


def frame(problem):
    """Columns ``y``, ``x0`` …, ``z0_0`` …, ``g0`` … of the formula, as a dict of arrays."""
    out = {"y": problem.y}
    out |= {f"x{i}": problem.X[:, i] for i in range(problem.X.shape[1])}
    for k, block in enumerate(problem.blocks):
        out |= {f"z{k}_{a}": block["values"][:, a] for a in range(block["values"].shape[1])}
        out[f"g{k}"] = block["codes"]
    return out
