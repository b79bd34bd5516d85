"""The model keeps the promises every model makes."""

from __future__ import annotations

from outcomemodels.testing import parametrize_checks

from outcomemodels_robust_therapists import RobustTherapists


@parametrize_checks(RobustTherapists(), RobustTherapists(df=8.0), tier="graph")
def test_conforms(model, check):
    check(model)
