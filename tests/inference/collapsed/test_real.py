"""Real data against lme4's estimates (data folders' READMEs; lme4 1.1-31)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcomemodels.design import Response
from outcomemodels.inference.collapsed.sample import sample_collapsed
from outcomemodels.plugin import Block, LinearStructure
from outcomemodels.priors import Prior


def rows(y: np.ndarray) -> Response:
    return Response("rows", y, np.ones(len(y)), np.full(len(y), np.nan))


def grouped(name: str, labels: pd.Series, values: np.ndarray, sds: tuple[Prior, ...], lkj: bool = False) -> Block:
    codes, levels = pd.factorize(labels)
    names = ("1", "days")[: values.shape[1]]
    correlation = Prior.lkj(1.0) if lkj else None
    level_names = tuple(str(v) for v in levels)
    return Block(name, (name,), level_names, codes.astype(np.int32), names, values, sds, correlation)


def test_sleepstudy_random_slope(shared_data: Path) -> None:
    """REML: 251.405 (6.825), 10.467 (1.546); SD 24.741, 5.922, residual 25.592."""
    table = pd.read_csv(shared_data / "mixed_model_benchmarks" / "sleepstudy.csv")
    days = table["Days"].to_numpy(float)
    X = np.column_stack([np.ones(len(table)), days])
    structure = LinearStructure(
        family="gaussian",
        columns=("1", "days"),
        X=X,
        column_priors=(Prior.normal(300, 500), Prior.normal(0, 200)),
        blocks=(
            grouped("client", table["Subject"], X, (Prior.half_student_t(3, 100), Prior.half_student_t(3, 50)), True),
        ),
        response=rows(table["Reaction"].to_numpy(float)),
        noise=(Prior.half_student_t(3, 100),),
    )
    tree = sample_collapsed(structure, draws=2000, seed=5)
    posterior = tree["posterior"].dataset
    assert float(tree.attrs["khat"]) < 0.7
    for i, (estimate, error) in enumerate(((251.405, 6.825), (10.467, 1.546))):
        draws = posterior["beta"].isel(coefficient=i)
        assert abs(float(draws.mean()) - estimate) < (0.1 + 4 / np.sqrt(2000)) * error
        assert float(draws.std()) == pytest.approx(error, rel=0.15)
    sds = posterior["sd_client"].mean(("chain", "draw")).values
    assert sds == pytest.approx([24.741, 5.922], rel=0.2)
    assert float(posterior["noise"].mean()) == pytest.approx(25.592, rel=0.03)


@pytest.mark.sampling
def test_inst_eval_three_crossed_factors(shared_data: Path) -> None:
    """ML: 3.2826, -0.0926 (0.0134); SD of students 0.3255, lecturers 0.5150, departments 0.0785, residual 1.1775."""
    table = pd.read_csv(shared_data / "inst_eval" / "inst_eval.csv")
    ones = np.ones((len(table), 1))
    structure = LinearStructure(
        family="gaussian",
        columns=("1", "service"),
        X=np.column_stack([ones, table["service"].to_numpy(float)]),
        column_priors=(Prior.normal(3, 5), Prior.normal(0, 5)),
        blocks=tuple(grouped(k, table[k], ones, (Prior.half_normal(1.0),)) for k in ("s", "d", "dept")),
        response=rows(table["y"].to_numpy(float)),
        noise=(Prior.half_normal(2.0),),
    )
    tree = sample_collapsed(structure, draws=1000, seed=1)
    posterior = tree["posterior"].dataset
    assert float(tree.attrs["kish_ess"]) >= 400
    for name, estimate in (("sd_s", 0.3255), ("sd_d", 0.5150), ("sd_dept", 0.0785), ("noise", 1.1775)):
        draws = posterior[name]
        assert abs(float(draws.mean()) - estimate) < 0.7 * float(draws.std()), name
    service = posterior["beta"].sel(coefficient="service")
    assert abs(float(service.mean()) + 0.0926) < 0.2 * 0.0134
    assert float(service.std()) == pytest.approx(0.0134, rel=0.1)
