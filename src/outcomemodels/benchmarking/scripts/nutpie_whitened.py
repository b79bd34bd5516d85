"""NUTS (nutpie) on the rows with every effect explicit, after a fixed linear change of variables.

Nothing is integrated out and nothing of the library is used: the density is that of the rows, written here by hand
(from their cross-products where all rows share one noise SD).
Coefficients and effects are moved and scaled by the mean and the Cholesky factor that they would have at one point of
the SDs, found by pilot runs; a fixed linear map changes no posterior, and takes away the correlations that make plain
NUTS slow (the intercept with the means of the effects). Effects of one column are written as the mean and SD that they
would have given their block's SD and what the data say of them at that point, which is between leaving them as they are
and SD times standard effects, level by level (Gorinova, Moore & Hoffman 2020, arXiv 1906.03028); in most blocks along
the axes of what the data say of all levels together. Blocks of two columns are written one way or the other.
What the data say of everything else is taken to move with the small blocks' effects, so that it stays where the data
put it (an intercept plus the mean of few effects, say) when their SD moves. For counts, what the data say at a point is
read from the slope and curvature of their density there.

With the option ``own_rows``, effects of one row each are integrated out: their variance is added to the rows'.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from time import perf_counter

import bench_io
import numpy as np
import nutpie
from whitened_density import Density
from whitening import Whitened, step, tell

CENTRED_SHARE = 0.6
"""Least share of the prior variance that the data must take away for a block of two columns to be left as it is."""
LOGIT_SPREAD = 1.8
"""SD of a standard logistic variable: the spread of what lies behind a yes or no."""
STEPS = 12
"""Fixed-point steps of the SDs before the pilot runs."""
NEAR_ZERO = 0.35
"""Posterior SD of the logarithm of an SD above which the SD itself, of either sign, is the coordinate."""


def sample(target, draws, tune, seed, accept, shown):
    """One chain; SDs, correlations and the shown effects, dims (draw, quantity), and divergences."""
    d = target.density

    def make_logp():
        def logp(x):
            value, slope = target(x)
            return (value, slope) if np.isfinite(value) else (-1e300, np.zeros(len(x)))

        return logp

    def make_expand(*_):
        def expand(x):
            t, a = target.place(np.asarray(x))
            return {"out": np.concatenate([t, d.effects(t, a)[shown]])}

        return expand

    compiled = nutpie.compiled_pyfunc.from_pyfunc(
        ndim=target.size,
        make_logp_fn=make_logp,
        make_expand_fn=make_expand,
        expanded_dtypes=[np.dtype("float64")],
        expanded_shapes=[(d.size + len(shown),)],
        expanded_names=["out"],
    )
    tree = nutpie.sample(
        compiled, draws=draws, tune=tune, chains=1, cores=1, seed=seed, target_accept=accept, progress_bar=False
    )
    steps = float(tree["sample_stats"]["n_steps"].values.mean()) if "n_steps" in tree["sample_stats"] else float("nan")
    return tree["posterior"]["out"].values[0], int(tree["sample_stats"]["diverging"].values.sum()), steps


def run(words):
    """One chain, for a pool of processes."""
    target, draws, tune, seed, accept, shown = words
    return sample(target, draws, tune, seed, accept, shown)


def prepare(problem, seed, own_rows=False):
    """The density in good coordinates: pilot runs find where the SDs are and how each block is best written."""
    density = Density(problem, own_rows)
    spread = LOGIT_SPREAD if density.counted else float(np.std(problem.y))
    centre = np.full(density.size, np.log(0.2 * spread))
    centre[density.first[-1] : len(density.priors)] = np.log(0.7 * spread)
    if problem.kind == "cells" and density.degrees.sum():
        centre[density.first[-1] : len(density.priors)] = 0.5 * np.log(density.squares / density.degrees)
    for k, block in enumerate(problem.blocks):
        for a in range(len(block["columns"])):
            size = np.sqrt((block["values"][:, a] ** 2).mean())
            centre[density.first[k] + a] -= np.log(max(size, 1e-12))
    centre[len(density.priors) :] = 0.0
    for _ in range(STEPS):
        centre = step(density, centre)
    scale, folded = np.full(density.size, 0.3), np.zeros(density.size, bool)
    for round_, (tune, draws) in enumerate(((300, 100), (300, 300))):
        tell(density, centre, scale)
        found, _, _ = sample(
            Whitened(density, centre, scale, folded), draws, tune, seed + round_, 0.8, np.zeros(0, int)
        )
        t = found[:, : density.size]
        sds = np.exp(t)
        folded = (t.std(axis=0) > NEAR_ZERO) & (np.arange(density.size) < len(density.priors))
        centre = np.where(folded, np.log(sds.mean(axis=0)), t.mean(axis=0))
        scale = np.maximum(np.where(folded, sds.std(axis=0), t.std(axis=0)), 1e-4)
        tell(density, centre, scale)
        variances = Whitened(density, centre, scale).variances
        for k, F in enumerate(density.factors(centre)):
            if density.told[k] is not None or k == density.own:
                continue
            natural = density.centred[k]
            prior = np.tile(np.diag(F @ F.T), problem.blocks[k]["levels"]) if natural else 1.0
            share = 1 - float((variances[density.block(k)] / prior).mean())
            sure = not folded[density.first[k] : density.first[k + 1]].any()
            density.centred[k] = share > CENTRED_SHARE and sure
    return Whitened(density, centre, scale, folded)


def named(problem, density, out):
    """Draws, dims (chain, draw, quantity), as the variables that are compared."""
    chains, draws = out.shape[:2]
    t = out[:, :, : density.size]
    u = np.full((chains, draws, density.at[-1]), np.nan)
    u[:, :, shown_places(problem, density)] = out[:, :, density.size :]

    def get(name):
        kind, k = (
            ("effect", name[6:]) if name.startswith("effect") else (name.rstrip("0123456789"), name.lstrip("sdcor"))
        )
        if name == "beta":
            return u[:, :, : density.columns] if density.columns else None
        if name == "noise":
            return np.exp(t[:, :, density.first[-1] : len(density.priors)])
        k = int(name.removeprefix(kind))
        if kind == "effect" and k == density.own:
            return None
        if kind == "sd":
            return np.exp(t[:, :, density.first[k] : density.first[k + 1]])
        if kind == "corr":
            if k not in density.pairs:
                return None
            rho = np.tanh(t[:, :, len(density.priors) + density.pairs.index(k)])
            one = np.ones_like(rho)
            return np.stack([np.stack([one, rho], -1), np.stack([rho, one], -1)], -2)
        return u[:, :, density.block(k)].reshape(chains, draws, -1, len(problem.blocks[k]["columns"]))

    return get


def shown_places(problem, density):
    """Places of the coefficients and of the effects that are compared."""
    places = list(range(density.columns))
    for k, block in enumerate(density.blocks):
        if k == density.own:
            continue
        q = len(block["columns"])
        places += [density.at[k] + level * q + a for level in block["shown"] for a in range(q)]
    return np.array(places, dtype=int)


def main():
    """Prepare, sample and write."""
    problem, settings = bench_io.start()
    if {p["prior"] for p in problem.column_priors} - {"normal"}:
        bench_io.cannot("written for normal priors of coefficients")
    begin = perf_counter()
    target = prepare(problem, 1000 * settings.seed, "own_rows" in settings.option.split("+"))
    compile_s = perf_counter() - begin
    begin = perf_counter()
    shown = shown_places(problem, target.density)
    each = [
        (target, settings.draws, settings.tune, 1000 * settings.seed + 10 + c, settings.target_accept, shown)
        for c in range(settings.chains)
    ]
    with ProcessPoolExecutor(min(settings.chains, settings.cores), mp_context=get_context("fork")) as pool:
        found = list(pool.map(run, each))
    sample_s = perf_counter() - begin
    out = np.stack([f[0] for f in found])
    divergences = sum(f[1] for f in found)
    written = [
        "given its SD" if told is not None else "as it is" if centred else "SD times standard"
        for told, centred in zip(target.density.told, target.density.centred, strict=True)
    ]
    bench_io.finish(
        bench_io.collect(problem, named(problem, target.density, out)),
        seconds={"compile": compile_s, "sample": sample_s, "post": 0.0},
        packages=("nutpie", "numpy", "scipy"),
        note=f"{divergences} divergences; {found[0][2]:.0f} steps a draw; blocks written {written}",
    )


if __name__ == "__main__":
    main()
