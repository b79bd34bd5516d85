"""Problems survive their files, and say the model in lme4's notation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from outcomemodels.benchmarking import worlds
from outcomemodels.benchmarking.execute import write_problem
from outcomemodels.benchmarking.problem import Problem, quantities
from outcomemodels.errors import FileError


def test_a_problem_survives_its_files(tmp_path: Path) -> None:
    made = Problem("w", worlds.crossed(1_000, 5))
    write_problem(made, tmp_path / "p")
    back = Problem.load(tmp_path / "p")
    np.testing.assert_array_equal(back.structure.X, made.structure.X)
    assert back.formula() == made.formula()
    assert quantities(back.structure) == quantities(made.structure)
    assert [b.sds for b in back.structure.blocks] == [b.sds for b in made.structure.blocks]
    for b, m in zip(back.structure.blocks, made.structure.blocks, strict=True):
        np.testing.assert_array_equal(b.codes, m.codes)


def test_formula_names_intercepts_slopes_and_correlations() -> None:
    assert Problem("w", worlds.crossed(1_000, 5)).formula() == (
        "y ~ 0 + x0 + x1 + x2 + x3 + x4 + x5 + (1 | g0) + (1 | g1) + (1 | g2) + (1 | g3) + (1 | g4) + (0 + z5_0 | g5)"
    )
    assert Problem("w", worlds.strong_correlation(5)).formula() == "y ~ 0 + x0 + x1 + (0 + z0_0 + z0_1 | g0)"


def test_quantities_have_one_name_each() -> None:
    groups = quantities(worlds.strong_correlation(5))
    assert groups["variance"] == (
        "sd[time_by_client,1]",
        "sd[time_by_client,time]",
        "corr[time_by_client,1,time]",
        "noise",
    )
    names = [n for group in groups.values() for n in group]
    assert len(names) == len(set(names))


def test_worlds_are_what_they_say() -> None:
    zero = worlds.crossed(2_000, 1, therapist_sd=0.0)
    assert zero.blocks[0].id == "therapist"
    single = worlds.lognormal_caseloads(1)
    counts = np.bincount(single.blocks[0].codes)
    assert np.mean(counts <= 2) > 0.5
    assert counts.max() > 50
    apart = worlds.nearly_disconnected(1)
    network, treatment = apart.blocks[2].codes, apart.blocks[1].codes
    assert int((network != treatment // 4).sum()) == 3
    yes = worlds.crossed(1_000, 1, counted=True)
    assert yes.family == "binomial"
    assert yes.response is not None
    assert set(yes.response.y) == {0.0, 1.0}


def test_a_folder_without_a_problem_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no problem in"):
        Problem.load(tmp_path)
