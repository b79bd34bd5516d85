"""nutpie on the rows: centred or non-centred, diagonal or low-rank mass matrix.

Options are words joined by "+": ``centred``, ``noncentred``, ``low_rank``, and ``own_rows`` (effects of one row each
are integrated out). Without ``noncentred`` the graph is centred.
"""

from __future__ import annotations

from time import perf_counter

import bench_io
import nutpie
import pymc_graph

problem, settings = bench_io.start()
begin = perf_counter()
words = settings.option.split("+")
own_rows = "own_rows" in words
model = pymc_graph.build(problem, centred="noncentred" not in words, own_rows=own_rows)
compiled = nutpie.compile_pymc_model(model, var_names=pymc_graph.kept(problem, own_rows))
compile_s = perf_counter() - begin

begin = perf_counter()
extra = {"adaptation": "low_rank"} if "low_rank" in words else {}
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
    **extra,
)
sample_s = perf_counter() - begin

begin = perf_counter()
posterior = tree["posterior"]
draws = bench_io.collect(problem, lambda name: posterior[name].values if name in posterior else None)
divergences = int(tree["sample_stats"]["diverging"].values.sum())
post_s = perf_counter() - begin
bench_io.finish(
    draws,
    seconds={"compile": compile_s, "sample": sample_s, "post": post_s},
    packages=("nutpie", "pymc", "pytensor", "numba"),
    note=f"{divergences} divergences" if divergences else "",
)
