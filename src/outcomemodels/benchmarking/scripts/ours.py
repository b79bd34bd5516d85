"""Our own engines: the exact engine, or NUTS, on the same problem."""

from __future__ import annotations

import json
from pathlib import Path
from sys import argv
from time import perf_counter
from types import SimpleNamespace

import bench_io
import numpy as np

words, settings = bench_io.start()


def exact(structure):
    """Draws, seconds and effective sizes of the exact engine; compiled and cached code is loaded first and apart."""
    from outcomemodels.benchmarking.worlds import crossed, strong_correlation
    from outcomemodels.inference.collapsed.parameters import Parameters
    from outcomemodels.inference.collapsed.sample import sample_collapsed

    begin = perf_counter()
    for other in (strong_correlation(1, clients=20), crossed(10_000, 1)):  # both roads through the compiled code
        sample_collapsed(other, draws=40, seed=1)
    compile_s = perf_counter() - begin
    begin = perf_counter()
    tree = sample_collapsed(structure, draws=settings.draws * settings.chains, seed=settings.seed)
    sample_s = perf_counter() - begin
    begin = perf_counter()
    posterior = tree["posterior"].to_dataset()
    draws = bench_io.collect(words, lambda name: _get(posterior, structure, name))
    diagnostics = json.loads(tree.attrs["diagnostics"])
    points, weights = tree["variance_points"]["eta"].values, tree["variance_points"]["weight"].values
    post_s = perf_counter() - begin  # what follows serves the benchmark, not the user
    moments, kish = _weighted(Parameters(structure), points, weights)
    error = diagnostics["replicate_error"] or 0.0
    independent = min(kish, 1 / error**2 if error > 0 else kish) if diagnostics["method"] == "importance" else None
    ess = {} if independent is None else {"variance": independent}
    note = f"k-hat {diagnostics['khat']:.2f}" if diagnostics["khat"] is not None else diagnostics["method"]
    return draws, {"compile": compile_s, "sample": sample_s, "post": post_s}, ess, moments, note


def _weighted(parameters, points, weights):
    """Mean, SD and their Monte Carlo errors of SDs and noise from the weighted points, not from the draws."""
    names = {c.name: c for c in parameters.coordinates}
    natural = [parameters.natural(eta) for eta in points]
    kish = 1 / float((weights**2).sum())
    out = {}
    for coordinate in names.values():
        if coordinate.kind == "corr":
            continue
        block = None if coordinate.kind == "noise" else parameters.structure.blocks[coordinate.index]
        values = np.array(
            [n[2][coordinate.index] if block is None else n[0][coordinate.index][coordinate.position] for n in natural]
        )
        if block is None:
            many = len(parameters.structure.noise) > 1
            name = f"noise[{parameters.structure.noise_levels[coordinate.index]}]" if many else "noise"
        else:
            several = len(block.columns) > 1
            name = f"sd[{block.id},{block.columns[coordinate.position]}]" if several else f"sd[{block.id}]"
        mean = float(weights @ values)
        centred = values - mean
        variance = float(weights @ centred**2)
        error = float(np.sqrt((weights**2) @ centred**2))
        of_variance = float(np.sqrt((weights**2) @ (centred**2 - variance) ** 2))
        out[name] = [mean, variance**0.5, error, of_variance / (2 * variance**0.5)]
    return out, kish


def nuts(structure):
    """Draws and seconds of the NUTS engine."""
    import nutpie

    from outcomemodels.inference.nuts import is_kept
    from outcomemodels.models.linear_graph import linear_graph

    coords = {"obs": np.arange(structure.X.shape[0]), "coefficient": list(structure.columns)}
    if structure.noise_by:
        coords[structure.noise_by] = list(structure.noise_levels)
    begin = perf_counter()
    graph = linear_graph(structure, SimpleNamespace(coords=coords))
    keep = [v.name for v in (*graph.free_RVs, *graph.deterministics) if is_kept(v.name)]
    compiled = nutpie.compile_pymc_model(graph, var_names=keep)
    compile_s = perf_counter() - begin
    begin = perf_counter()
    tree = nutpie.sample(
        compiled,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=min(settings.chains, settings.cores),
        seed=settings.seed,
        target_accept=settings.target_accept,
        save_warmup=False,
        progress_bar=False,
    )
    sample_s = perf_counter() - begin
    begin = perf_counter()
    posterior = tree["posterior"].to_dataset()
    draws = bench_io.collect(words, lambda name: _get(posterior, structure, name))
    return draws, {"compile": compile_s, "sample": sample_s, "post": perf_counter() - begin}, {}, {}, ""


def _get(posterior, structure, name):
    """Arrays of the posterior contract under the names of the benchmark."""
    if name in ("beta", "noise"):
        values = posterior[name].values if name in posterior else None
        return values[:, :, None] if values is not None and values.ndim == 2 else values
    kind, k = ("effect", name[6:]) if name.startswith("effect") else (name.rstrip("0123456789"), name.lstrip("sdcor"))
    block = structure.blocks[int(k)]
    full = {"sd": f"sd_{block.id}", "corr": f"corr_{block.id}", "effect": f"effect_{block.id}"}[kind]
    if full not in posterior:
        return None
    values = posterior[full].values
    return values[..., None] if len(block.columns) == 1 else values


if __name__ == "__main__":
    from outcomemodels.benchmarking.problem import Problem

    if settings.option == "collapsed" and words.family != "gaussian":
        bench_io.cannot(f"the exact engine is for Gaussian outcomes, not {words.family} ones")
    made = Problem.load(Path(argv[1])).structure
    found, seconds, ess, moments, note = (exact if settings.option == "collapsed" else nuts)(made)
    bench_io.finish(
        found,
        seconds=seconds,
        packages=("outcomemodels", "numpy", "scipy", "numba"),
        ess=ess,
        moments=moments,
        note=note,
    )
