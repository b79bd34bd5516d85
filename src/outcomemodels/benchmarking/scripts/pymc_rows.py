"""PyMC's own NUTS on the rows."""

from __future__ import annotations

from time import perf_counter

import bench_io
import pymc as pm
import pymc_graph

if __name__ == "__main__":
    problem, settings = bench_io.start()
    begin = perf_counter()
    model = pymc_graph.build(problem, centred=settings.option != "noncentred")
    model.compile_logp()
    model.compile_dlogp()
    compile_s = perf_counter() - begin
    begin = perf_counter()
    tree = pm.sample(
        model=model,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=min(settings.chains, settings.cores),
        random_seed=settings.seed,
        nuts_sampler="pymc",
        nuts={"target_accept": settings.target_accept},
        var_names=pymc_graph.kept(problem),
        progressbar=False,
        compute_convergence_checks=False,
    )
    sample_s = perf_counter() - begin
    begin = perf_counter()
    posterior = tree["posterior"]
    draws = bench_io.collect(problem, lambda name: posterior[name].values if name in posterior else None)
    divergences = int(tree["sample_stats"]["diverging"].values.sum())
    bench_io.finish(
        draws,
        seconds={"compile": compile_s, "sample": sample_s, "post": perf_counter() - begin},
        packages=("pymc", "pytensor", "numba"),
        note=f"{divergences} divergences" if divergences else "",
    )
