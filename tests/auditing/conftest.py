"""Ground that several tests stand on."""

from __future__ import annotations

import pytest

from outcomemodels.auditing.gates import Ground, ground_of
from outcomemodels.data.simulate import cells_world, crossed_world


@pytest.fixture(scope="session", params=["episodes", "cells"])
def ground(request: pytest.FixtureRequest) -> Ground:
    """A small world whose treatments cross therapists, by episodes and by published cells."""
    if request.param == "cells":
        return ground_of(cells_world(3, clients=600, services=4)[0])
    return ground_of(crossed_world(3, clients=150, treatments=3, problems=2, therapists=10, services=4)[0])
