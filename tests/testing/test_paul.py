"""The built-in model passes through the same door as any other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from outcomemodels.models.paul import Paul
from outcomemodels.testing import parametrize_checks


@parametrize_checks(Paul(), tier="sampling", marks={"sampling": pytest.mark.sampling})
def test_paul_conforms(model: Paul, check: Callable[[Paul], None]) -> None:
    check(model)


@pytest.mark.calibration
@parametrize_checks(Paul(), tier="calibration")
def test_paul_is_calibrated(model: Paul, check: Callable[[Paul], None]) -> None:
    check(model)
