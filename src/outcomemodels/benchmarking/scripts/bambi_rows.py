"""Bambi: the formula, the same priors, sampled by nutpie."""

from __future__ import annotations

from time import perf_counter

import bambi as bmb
import bench_io
import numpy as np
import pandas as pd


def half(prior):
    """A prior of a standard deviation as Bambi's."""
    match prior["prior"]:
        case "half_normal":
            return bmb.Prior("HalfNormal", sigma=prior["scale"])
        case "half_student_t":
            return bmb.Prior("HalfStudentT", nu=prior["df"], sigma=prior["scale"])
        case "exponential":
            return bmb.Prior("Exponential", lam=prior["rate"])
    bench_io.cannot(f"no prior like {prior}")
    return None


if __name__ == "__main__":
    problem, settings = bench_io.start()
    if problem.kind == "cells" or len(problem.noise) > 1 or hasattr(problem, "weight"):
        bench_io.cannot("cells, weights and several residual SDs")
    if any(b["correlation"] is not None and len(b["columns"]) > 1 for b in problem.blocks):
        bench_io.cannot("correlated effects: Bambi takes effects of one group as independent")
    begin = perf_counter()
    data = pd.DataFrame(bench_io.frame(problem))
    priors = {f"x{i}": bmb.Prior("Normal", mu=p["mean"], sigma=p["sd"]) for i, p in enumerate(problem.column_priors)}
    formula, first = problem.formula, "x0"
    if (problem.X[:, 0] == 1).all():  # Bambi refuses a constant column that is not its intercept
        formula, first = formula.replace("~ 0 + x0", "~ 1"), "Intercept"
        priors[first] = priors.pop("x0")
    terms = {}
    for k, block in enumerate(problem.blocks):
        data[f"g{k}"] = data[f"g{k}"].astype("category")
        for a, sd in enumerate(block["sds"]):
            whole = bool((block["values"][:, a] == 1).all())
            name = f"1|g{k}" if whole else f"z{k}_{a}|g{k}"
            terms[k, a] = name
            priors[name] = bmb.Prior("Normal", mu=0, sigma=half(sd))
    family = "gaussian"
    if problem.family == "binomial":
        family = "bernoulli"
        data["y"] = data["y"].astype(int)
    else:
        priors["sigma"] = half(problem.noise[0])
    model = bmb.Model(formula, data, family=family, priors=priors, center_predictors=False, noncentered=True)
    model.build()
    import nutpie

    compiled = nutpie.compile_pymc_model(model.backend.model)
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
    posterior = tree["posterior"]
    draws = {f"beta[{c}]": posterior[f"x{i}" if i else first].values for i, c in enumerate(problem.columns)}
    for (k, a), name in terms.items():
        block = problem.blocks[k]
        tail = f",{block['columns'][a]}" if len(block["columns"]) > 1 else ""
        draws[f"sd[{block['id']}{tail}]"] = posterior[f"{name}_sigma"].values
        met = data[f"g{k}"].cat.categories.to_numpy()  # Bambi knows the levels that occur, and no others
        for level in sorted(set(block["shown"]) & set(met.tolist())):
            draws[f"effect[{block['id']},{level}{tail}]"] = posterior[name].values[:, :, np.searchsorted(met, level)]
    if problem.noise:
        draws["noise"] = posterior["sigma"].values
    bench_io.finish(
        draws,
        seconds={"compile": compile_s, "sample": sample_s, "post": perf_counter() - begin},
        packages=("bambi", "nutpie", "pymc"),
    )
