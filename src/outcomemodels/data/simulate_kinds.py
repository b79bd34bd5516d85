"""Small worlds of other outcomes, with known truth: scores in time, ordered ratings, change with dropping out.

Beside :mod:`outcomemodels.data.simulate`, whose worlds have one score a course.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.columns import from_columns
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Assignment, Direction, Facet, Field, Grain, Kind, Schema, Statistic

FloatArray = NDArray[np.float64]

RATINGS = ("not at all", "several days", "more than half the days", "nearly every day")


@dataclass(frozen=True, kw_only=True)
class KindTruth:
    """What one of these worlds is made of.

    Parameters
    ----------
    values : mapping of name to float
        SDs, thresholds and the like, as the docstring of the world names them.
    treatments : mapping of response to mapping of treatment to float
        Effect of each treatment, on the scale it is added on.
    therapists : mapping of therapist to float
        Effect of each therapist, on the same scale.
    """

    values: Mapping[str, float]
    treatments: Mapping[str, Mapping[str, float]]
    therapists: Mapping[str, float] = field(repr=False)


def growth_world(
    seed: int, *, clients: int = 150, therapists: int = 10, occasions: int = 5
) -> tuple[PaulDataset, KindTruth]:
    """Scores in time within clients within therapists, each client on a straight line.

    score = start[client] + (rate[treatment] + skill[therapist] + pace[client]) * weeks + noise

    ``values``: ``start`` and ``sd_start``, ``sd_skill``, ``sd_pace`` (points per week), ``noise``. ``treatments`` has
    ``rate``, points per week.

    Returns
    -------
    PaulDataset
        With a measure ``symptoms`` in the assessment table, at 0, 2, 4 … weeks.
    KindTruth
    """
    rng = np.random.default_rng(seed)
    values = {"start": 18.0, "sd_start": 3.0, "sd_skill": 0.25, "sd_pace": 0.3, "noise": 1.5}
    treatment, therapist = _codes(rng, 3, clients), _codes(rng, therapists, clients)
    rate = np.array([-0.2, -0.6, -1.0])
    skill = rng.normal(0, values["sd_skill"], therapists)
    start = rng.normal(values["start"], values["sd_start"], clients)
    slope = rate[treatment] + skill[therapist] + rng.normal(0, values["sd_pace"], clients)
    weeks = np.tile(2.0 * np.arange(occasions), (clients, 1))
    score = start[:, None] + slope[:, None] * weeks + rng.normal(0, values["noise"], weeks.shape)
    ids = _labels("C", np.arange(clients))
    schema = Schema(
        name="growth_world",
        grain=Grain.EPISODE,
        assignment=Assignment.RANDOMISED,
        fields=(
            *_people(),
            Field(name="client", facet=Facet.CLIENT, kind=Kind.IDENTIFIER, table="assessment"),
            Field(name="measure", facet=Facet.OUTCOME, kind=Kind.CATEGORICAL, table="assessment"),
            Field(name="weeks", facet=Facet.TIME, kind=Kind.CONTINUOUS, units="weeks", table="assessment"),
            Field(
                name="score",
                facet=Facet.OUTCOME,
                kind=Kind.CONTINUOUS,
                units="points",
                direction=Direction.LOWER_IS_BETTER,
                table="assessment",
            ),
        ),
    )
    main = {"client": ids, "treatment": _labels("T", treatment), "therapist": _labels("H", therapist)}
    long = {
        "client": np.repeat(ids, occasions),
        "measure": np.full(weeks.size, "symptoms", dtype=object),
        "weeks": weeks.ravel(),
        "score": score.ravel(),
    }
    truth = KindTruth(values=values, treatments={"rate": _by("T", rate)}, therapists=_by("H", skill))
    return from_columns(schema, main, long), truth


def rated_world(seed: int, *, clients: int = 600, therapists: int = 12) -> tuple[PaulDataset, KindTruth]:
    """One item rated on four ordered levels: a cumulative logit of treatment and therapist.

    logit P(rating <= k) = threshold_k - (effect[treatment] + lean[therapist])

    ``values``: ``threshold_1`` to ``threshold_3`` and ``sd_lean``; ``treatments`` has ``effect``; all in logits.

    Returns
    -------
    PaulDataset
        With an ordered outcome ``mood``, levels :data:`RATINGS`.
    KindTruth
    """
    rng = np.random.default_rng(seed)
    thresholds = np.array([-1.2, 0.3, 1.6])
    treatment, therapist = _codes(rng, 3, clients), _codes(rng, therapists, clients)
    effect = np.array([0.8, 0.0, -0.8])
    lean = rng.normal(0, 0.5, therapists)
    latent = effect[treatment] + lean[therapist] + rng.logistic(size=clients)
    rating = (latent[:, None] > thresholds).sum(axis=1)
    mood = Field(
        name="mood",
        facet=Facet.OUTCOME,
        kind=Kind.ORDERED,
        levels=RATINGS,
        direction=Direction.LOWER_IS_BETTER,
    )
    schema = Schema(
        name="rated_world", grain=Grain.EPISODE, assignment=Assignment.RANDOMISED, fields=(*_people(), mood)
    )
    columns = {
        "client": _labels("C", np.arange(clients)),
        "treatment": _labels("T", treatment),
        "therapist": _labels("H", therapist),
        "mood": np.array(RATINGS, dtype=object)[rating],
    }
    values = {f"threshold_{k + 1}": float(t) for k, t in enumerate(thresholds)} | {"sd_lean": 0.5}
    truth = KindTruth(values=values, treatments={"effect": _by("T", effect)}, therapists=_by("H", lean))
    return from_columns(schema, columns), truth


def dropout_world(
    seed: int, *, clients: int = 800, therapists: int = 16, planned: int = 12
) -> tuple[PaulDataset, KindTruth]:
    """Change scores of those who stay, and the session after which the others drop out; therapists matter for both.

    change   = level[treatment] + bond[therapist] + noise
    dropping out after a session has probability invlogit(hazard[treatment] + pull * bond[therapist]); courses end
    after ``planned`` sessions.

    ``values``: ``sd_bond`` and ``noise`` (points), ``pull`` (logits per point), ``planned``. ``treatments`` has
    ``level`` (points, negative is better) and ``hazard`` (logits).

    Returns
    -------
    PaulDataset
        Outcomes ``change``, missing for three in four of those who dropped out, and ``sessions`` with ``dropped_out``.
    KindTruth
    """
    rng = np.random.default_rng(seed)
    values = {"sd_bond": 1.5, "noise": 4.0, "pull": 0.4, "planned": float(planned)}
    treatment, therapist = _codes(rng, 3, clients), _codes(rng, therapists, clients)
    level, hazard = np.array([-3.0, -5.0, -7.0]), np.array([-3.0, -2.5, -2.0])
    bond = rng.normal(0, values["sd_bond"], therapists)
    chance = 1 / (1 + np.exp(-(hazard[treatment] + values["pull"] * bond[therapist])))
    until = rng.geometric(chance)
    dropped = until < planned
    change = level[treatment] + bond[therapist] + rng.normal(0, values["noise"], clients)
    change[dropped & (rng.uniform(size=clients) < 0.75)] = np.nan
    fields = (
        *_people(),
        Field(
            name="change",
            facet=Facet.OUTCOME,
            kind=Kind.CONTINUOUS,
            units="points",
            direction=Direction.LOWER_IS_BETTER,
        ),
        Field(
            name="sessions",
            facet=Facet.OUTCOME,
            kind=Kind.COUNT,
            units="sessions",
            direction=Direction.HIGHER_IS_BETTER,
        ),
        Field(name="dropped_out", facet=Facet.OUTCOME, kind=Kind.COUNT, statistic=Statistic.EVENTS, of="sessions"),
    )
    schema = Schema(name="dropout_world", grain=Grain.EPISODE, assignment=Assignment.RANDOMISED, fields=fields)
    columns: dict[str, Any] = {
        "client": _labels("C", np.arange(clients)),
        "treatment": _labels("T", treatment),
        "therapist": _labels("H", therapist),
        "change": change,
        "sessions": np.minimum(until, planned).astype(float),
        "dropped_out": dropped.astype(float),
    }
    effects = {"level": _by("T", level), "hazard": _by("T", hazard)}
    return from_columns(schema, columns), KindTruth(values=values, treatments=effects, therapists=_by("H", bond))


def _people() -> tuple[Field, ...]:
    return (
        Field(name="client", facet=Facet.CLIENT, kind=Kind.IDENTIFIER, key=True, required=True),
        Field(name="treatment", facet=Facet.TREATMENT, kind=Kind.CATEGORICAL),
        Field(name="therapist", facet=Facet.THERAPIST, kind=Kind.IDENTIFIER),
    )


def _codes(rng: np.random.Generator, levels: int, n: int) -> NDArray[np.int64]:
    """Codes as even as can be, in random order."""
    return rng.permutation(np.arange(n) % levels)


def _labels(letter: str, codes: NDArray[np.int64]) -> NDArray[Any]:
    return np.array([f"{letter}{c}" for c in codes], dtype=object)


def _by(letter: str, values: FloatArray) -> dict[str, float]:
    return {f"{letter}{i}": float(v) for i, v in enumerate(values)}
