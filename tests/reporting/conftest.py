from __future__ import annotations

import pytest

from made_fits import made_fit
from outcomemodels.data.simulate import counted_world, crossed_world, disconnected_world
from outcomemodels.fitted import Fit
from outcomemodels.schema import Assignment


@pytest.fixture(scope="session")
def routine() -> Fit:
    return made_fit(crossed_world(1, clients=300)[0])


@pytest.fixture(scope="session")
def randomised() -> Fit:
    return made_fit(crossed_world(1, clients=300, assignment=Assignment.RANDOMISED)[0])


@pytest.fixture(scope="session")
def broken() -> Fit:
    return made_fit(crossed_world(1, clients=300)[0], broken=True)


@pytest.fixture(scope="session")
def disconnected() -> Fit:
    return made_fit(disconnected_world(1)[0])


@pytest.fixture(scope="session")
def counted() -> Fit:
    return made_fit(counted_world(1)[0], outcome="recovered")
