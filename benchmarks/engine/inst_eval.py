"""InstEval, three crossed factors: a full posterior beside the point estimate of lme4's ``lmer``, where R is installed.

uv run python benchmarks/engine/inst_eval.py PATH/inst_eval.csv
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from outcomemodels.inference.collapsed.sample import sample_collapsed
from outcomemodels.plugin import Block, LinearStructure, Response
from outcomemodels.priors import Prior

LMER = """suppressMessages(library(lme4)); d <- read.csv("{path}")
for (v in c("s", "d", "dept")) d[[v]] <- factor(d[[v]])
t <- system.time(f <- lmer(y ~ service + (1|s) + (1|d) + (1|dept), d, REML = FALSE))
cat("lmer", t[["elapsed"]], "s; SDs", as.data.frame(VarCorr(f))$sdcor, "\\n")
"""


def structure(path: str) -> LinearStructure:
    table = pd.read_csv(path)
    ones = np.ones((len(table), 1))
    blocks = []
    for name in ("s", "d", "dept"):
        codes, levels = pd.factorize(table[name])
        labels = tuple(str(v) for v in levels)
        blocks.append(
            Block(name, (name,), labels, codes.astype(np.int32), ("1",), ones, (Prior.half_normal(1.0),), None)
        )
    y = table["y"].to_numpy(float)
    return LinearStructure(
        family="gaussian",
        columns=("1", "service"),
        X=np.column_stack([ones, table["service"].to_numpy(float)]),
        column_priors=(Prior.normal(3, 5), Prior.normal(0, 5)),
        blocks=tuple(blocks),
        response=Response("rows", y, np.ones(len(y)), np.full(len(y), np.nan)),
        noise=(Prior.half_normal(2.0),),
    )


def main() -> None:
    folder = os.environ.get("OUTCOMEMODELS_DATA", "")
    path = sys.argv[1] if len(sys.argv) > 1 else str(Path(folder) / "inst_eval" / "inst_eval.csv")
    if not Path(path).is_file():
        print("no inst_eval.csv: name it, or set OUTCOMEMODELS_DATA to the folder of data sets")
        return
    made = structure(path)
    sample_collapsed(made, draws=4, seed=0)  # compile
    for seed in range(3):
        if shutil.which("Rscript"):
            done = subprocess.run(["Rscript", "-e", LMER.format(path=path)], capture_output=True, text=True, check=True)
            print(done.stdout.strip())
        start = perf_counter()
        tree = sample_collapsed(made, draws=1000, seed=seed)
        seconds = perf_counter() - start
        posterior = tree["posterior"].dataset
        means = [round(float(posterior[v].mean()), 4) for v in ("sd_s", "sd_d", "sd_dept", "noise")]
        print(f"posterior {seconds:.2f} s; SDs {means}; Kish {tree.attrs['kish_ess']:.0f}, k-hat {tree.attrs['khat']}")


if __name__ == "__main__":
    main()
