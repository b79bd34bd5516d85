"""The models keep the promises every model makes: up to the graph always, fitted with ``-m calibration``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from outcomemodels_more.dropout import ChangeAndDropout
from outcomemodels_more.growth import ThreeLevelGrowth
from outcomemodels_more.ordinal import OrdinalRating

from outcomemodels.plugin import OutcomeModel
from outcomemodels.testing import parametrize_checks


@parametrize_checks(
    *(ThreeLevelGrowth(), OrdinalRating(), ChangeAndDropout()),
    tier="calibration",
    marks={"sampling": pytest.mark.calibration, "calibration": pytest.mark.calibration},
)
def test_conforms(model: OutcomeModel, check: Callable[[OutcomeModel], None]) -> None:
    check(model)
