"""statsmodels MixedLM: nested or crossed as variance components, by restricted maximum likelihood."""

from __future__ import annotations

from time import perf_counter

import bench_io
import numpy as np

if __name__ == "__main__":
    problem, settings = bench_io.start()
    if problem.family != "gaussian" or problem.kind != "rows" or len(problem.noise) > 1:
        bench_io.cannot("Gaussian rows with one residual SD only")
    entries = sum(b["levels"] * len(b["columns"]) for b in problem.blocks) * len(problem.y)
    if len(problem.blocks) > 1 and entries > 2e7:
        bench_io.cannot(f"crossed factors need dense indicator matrices, {entries:,} numbers here")
    begin = perf_counter()
    from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

    compile_s = perf_counter() - begin
    begin = perf_counter()
    estimates = {}
    if len(problem.blocks) == 1:
        block = problem.blocks[0]
        fit = MixedLM(problem.y, problem.X, groups=block["codes"], exog_re=block["values"]).fit(reml=True)
        sds = np.sqrt(np.diag(np.atleast_2d(fit.cov_re)))
        for column, sd in zip(block["columns"], sds, strict=True):
            tail = f",{column}" if len(block["columns"]) > 1 else ""
            estimates[f"sd[{block['id']}{tail}]"] = float(sd)
    else:
        whole = np.zeros(len(problem.y), dtype=int)
        names, columns, matrices = [], [], []
        for block in problem.blocks:
            for a, column in enumerate(block["columns"]):
                tail = f",{column}" if len(block["columns"]) > 1 else ""
                matrix = np.zeros((len(problem.y), block["levels"]))
                matrix[np.arange(len(problem.y)), block["codes"]] = block["values"][:, a]
                names.append(f"sd[{block['id']}{tail}]")
                columns.append([[str(i) for i in range(block["levels"])]])
                matrices.append([matrix])
        model = MixedLM(problem.y, problem.X, groups=whole, exog_vc=VCSpec(names, columns, matrices))
        fit = model.fit(reml=True)
        estimates |= dict(zip(names, np.sqrt(np.maximum(fit.vcomp, 0)).tolist(), strict=True))
    estimates |= {f"beta[{c}]": float(v) for c, v in zip(problem.columns, np.asarray(fit.fe_params), strict=True)}
    estimates["noise"] = float(np.sqrt(fit.scale))
    bench_io.finish(
        {},
        seconds={"compile": compile_s, "sample": perf_counter() - begin, "post": 0.0},
        packages=("statsmodels", "numpy"),
        estimates=estimates,
        note="" if fit.converged else "did not converge",
    )
