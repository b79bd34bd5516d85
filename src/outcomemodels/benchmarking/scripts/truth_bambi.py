"""Bambi in the truth bench: crossed batches with its default priors, effects of a treatment within a problem."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import bambi as bmb
import numpy as np
import pandas as pd

if __name__ == "__main__":
    folder, probability = Path(sys.argv[1]), json.loads(sys.argv[3])["probability"]
    train, ask = pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "ask.csv")
    train["cell"] = train["treatment"] + "|" + train["problem"]
    model = bmb.Model("end ~ start + (1|treatment) + (1|problem) + (1|cell) + (1|therapist) + (1|service)", train)
    tree = model.fit(
        draws=500, tune=500, chains=2, cores=2, random_seed=1, progressbar=False, inference_method="nutpie"
    )
    posterior = tree["posterior"]

    def effects(term, group):
        """Draws of the effects of a term by label, dims (draw,)."""
        dim = next(d for d in posterior[term].dims if d not in ("chain", "draw"))
        labels = [str(v) for v in posterior[dim].values]
        values = posterior[term].values.reshape(-1, len(labels))
        return dict(zip(labels, values.T, strict=True)) if group else {}

    treatment, cell = effects("1|treatment", True), effects("1|cell", True)
    rng = np.random.default_rng(1)
    spread = posterior["1|cell_sigma"].values.reshape(-1)
    unseen = {}

    def of(row):
        """Draws of what depends on the treatment."""
        name = f"{row.treatment}|{row.problem}"
        if name not in cell and name not in unseen:
            unseen[name] = rng.normal(size=len(spread)) * spread
        return treatment[row.treatment] + cell.get(name, unseen.get(name))

    first = {row.problem: of(row) for row in ask.itertuples() if row.treatment == ask["treatment"][0]}
    tail = (1 - probability) / 2
    answers = []
    for row in ask.itertuples():
        draws = of(row) - first[row.problem]
        answers.append([draws.mean(), *np.quantile(draws, [tail, 1 - tail])])
    pd.DataFrame(answers, columns=["effect", "low", "high"]).to_csv(folder / "answer.csv", index=False)
