"""Simulated worlds are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from outcomemodels.data.simulate import SDS, cells_world, counted_world, crossed_world, disconnected_world
from outcomemodels.errors import DataError
from outcomemodels.schema import Grain


@pytest.mark.parametrize("world", [crossed_world, disconnected_world, cells_world, counted_world])
def test_the_same_seed_gives_the_same_world(world: object) -> None:
    assert world(3)[0].digest() == world(3)[0].digest()  # type: ignore[operator]
    assert world(3)[0].digest() != world(4)[0].digest()  # type: ignore[operator]


def test_residuals_of_the_truth_are_noise() -> None:
    data, truth = crossed_world(1, clients=5000, noise=3.0)
    rows = data.to_frame().to_dict("records")
    residual = data.values("end") - truth.expected(rows)
    assert residual.mean() == pytest.approx(0, abs=4 * 3 / np.sqrt(5000))
    assert residual.std() == pytest.approx(3.0, rel=0.05)


def test_effects_have_their_sds() -> None:
    drawn = [v for seed in range(40) for v in crossed_world(seed, clients=60)[1].effects["therapist"].values()]
    assert np.std(drawn) == pytest.approx(SDS["therapist"], rel=0.1)


def test_the_halves_share_problems_but_no_service() -> None:
    frame = disconnected_world(1)[0].to_frame()
    first = frame["treatment"].isin(["T0", "T1"])
    assert set(frame.loc[first, "service"]).isdisjoint(frame.loc[~first, "service"])
    assert set(frame.loc[first, "therapist"]).isdisjoint(frame.loc[~first, "therapist"])
    assert set(frame.loc[first, "problem"]) == set(frame.loc[~first, "problem"])


def test_cells_have_the_mean_of_the_truth() -> None:
    data, truth = cells_world(1, clients=20_000)
    assert data.grain is Grain.CELL
    assert data.values("end_n").sum() == 20_000
    z = (data.values("end") - truth.expected(data.to_frame().to_dict("records"))) * np.sqrt(data.values("end_n")) / 4
    assert np.abs(z).max() < 4.5
    assert z.std() == pytest.approx(1, abs=0.3)


def test_counts_have_the_rates_of_the_truth() -> None:
    data, truth = counted_world(1, courses=400)
    p = truth.expected(data.to_frame().to_dict("records"))
    z = (data.values("recovered") - data.values("finished") * p) / np.sqrt(data.values("finished") * p * (1 - p))
    assert np.abs(z).max() < 4.5
    assert z.std() == pytest.approx(1, abs=0.3)


def test_every_treatment_occurs_even_in_tiny_worlds() -> None:
    assert len(set(crossed_world(1, clients=3)[0].strings("treatment"))) == 3
    with pytest.raises(DataError, match="cannot hold"):
        crossed_world(1, clients=2)
