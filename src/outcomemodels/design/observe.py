"""What was observed of an outcome: its values, and what kind of outcome they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from outcomemodels.data.dataset import PaulDataset
from outcomemodels.design.response import FloatArray, IntArray, OutcomeKind, Response, Scale, Target
from outcomemodels.errors import DataError, SpecError
from outcomemodels.schema import Direction, Facet, Field, Kind, Statistic
from outcomemodels.spec import Family, ModelSpec

Accepts = tuple[OutcomeKind, ...] | Mapping[str, OutcomeKind]

MAX_ORDERED = 12
"""Most levels a whole-numbered score may have to be read as ordered categories."""


@dataclass(frozen=True, eq=False)
class Observed:
    """An outcome before rows are dropped; ``rows`` of its table, ``fields`` that hold it."""

    name: str
    rows: IntArray
    response: Response
    field: Field
    repeated: bool
    kind: OutcomeKind
    family: Family
    levels: tuple[str, ...]
    units: str
    direction: Direction | None
    fields: frozenset[str]


def observe(data: PaulDataset, spec: ModelSpec, outcome: str, accepts: tuple[OutcomeKind, ...]) -> Observed:
    """Read an outcome as one of the kinds the model takes, where it can be.

    Raises
    ------
    SpecError
        If there is no such outcome.
    DataError
        If its values contradict its kind.
    """
    repeated = outcome in data.measures
    rows, response, field = _long_response(data, outcome) if repeated else _main_response(data, outcome)
    given = spec.family if not spec.outcomes else None
    family: Family = given or ("binomial" if response.kind == "counts" else "gaussian")
    kind: OutcomeKind = "continuous"
    levels: tuple[str, ...] = ()
    if response.kind == "sessions":
        kind = "sessions"
        if accepts and kind not in accepts:  # the number alone
            kind, response = "continuous", _rows(response.y)
    elif field.kind is Kind.ORDERED and not repeated:
        kind, levels = "ordered", field.levels
    elif response.kind == "rows" and family == "gaussian" and accepts and "continuous" not in accepts:
        kind, levels, response = _read_as(accepts, response, field)
        family = "binomial" if kind == "binary" else "gaussian"
    if family == "binomial" and response.kind == "rows":
        response = _as_counts(response, outcome)
    if family == "binomial":
        kind = "binary" if bool((response.n[np.isfinite(response.y)] == 1).all()) else "count"
    ends = data.schema.summaries_of(outcome) if not repeated else {}
    return Observed(
        name=outcome,
        rows=rows,
        response=response,
        field=field,
        repeated=repeated,
        kind=kind,
        family=family,
        levels=levels,
        units=_units(field, family, kind),
        direction=_direction(data, field, outcome),
        fields=frozenset({field.name, *(f.name for f in ends.values())}),
    )


def target_of(name: str, observed: Observed, keep: IntArray) -> Target:
    """One of several responses on the rows kept; n is 0 where it was not observed."""
    response = observed.response.at(keep)
    n = np.where(np.isfinite(response.y), response.n, 0.0)
    response = Response(response.kind, response.y, n, response.sd, response.event)
    return Target(
        name=name,
        outcome=observed.name,
        kind=observed.kind,
        response=response,
        scale=scale_of(response, observed.family),
        units=observed.units,
        direction=observed.direction,
        levels=observed.levels,
    )


def ordered_outcomes(data: PaulDataset) -> tuple[str, ...]:
    """Ordered labelled fields of the facet outcome."""
    fields = data.schema.of_table("main")
    return tuple(f.name for f in fields if f.facet is Facet.OUTCOME and f.kind is Kind.ORDERED)


def timed_outcomes(data: PaulDataset) -> tuple[str, ...]:
    """Numbers of sessions with a field (``statistic = events``) saying whether the course then ended in the event."""
    ended = {f.of for f in data.schema.of_table("main") if f.statistic is Statistic.EVENTS and f.of}
    plain = (f for f in data.schema.of_table("main") if f.statistic is Statistic.VALUE and not f.kind.is_labelled)
    return tuple(f.name for f in plain if f.name in ended)


def _read_as(
    accepts: tuple[OutcomeKind, ...], response: Response, field: Field
) -> tuple[OutcomeKind, tuple[str, ...], Response]:
    """A score read as one of the kinds accepted; continuous, which the model then refuses, where it cannot be."""
    seen = response.y[np.isfinite(response.y)]
    whole = bool(len(seen)) and bool((seen == np.rint(seen)).all())
    if "binary" in accepts and bool(np.isin(seen, (0, 1)).all()):
        return "binary", (), response
    if "ordered" in accepts and whole:
        low = int(seen.min()) if field.low is None else min(int(field.low), int(seen.min()))
        high = int(seen.max()) if field.high is None else max(int(field.high), int(seen.max()))
        if high - low < MAX_ORDERED:
            levels = tuple(str(v) for v in range(low, high + 1))
            return "ordered", levels, _rows(response.y - low)
    if "count" in accepts and whole and bool((seen >= 0).all()):
        return "count", (), response
    return "continuous", (), response


def _long_response(data: PaulDataset, outcome: str) -> tuple[IntArray, Response, Field]:
    measure = data.measures.index(outcome)
    rows = np.flatnonzero(data.codes("measure", "assessment") == measure).astype(np.int32)
    y = np.asarray(data.values("score", "assessment"), dtype=float)[rows]
    return rows, _rows(y), data.schema["score"]


def _rows(y: FloatArray) -> Response:
    return Response("rows", y, np.ones(len(y)), np.full(len(y), np.nan))


def _main_response(data: PaulDataset, outcome: str) -> tuple[IntArray, Response, Field]:
    rows = np.arange(data.n, dtype=np.int32)
    if outcome in ordered_outcomes(data):
        field = data.schema[outcome]
        codes = data.codes(outcome, "main")
        return rows, _rows(np.where(codes < 0, np.nan, codes.astype(float))), field
    if outcome not in data.outcomes and outcome not in timed_outcomes(data):
        import difflib

        known = (*data.outcomes, *ordered_outcomes(data), *timed_outcomes(data))
        near = difflib.get_close_matches(outcome, known, n=3)
        raise SpecError(
            f"no outcome {outcome!r} in these data",
            column=outcome,
            facet="outcome",
            accepted=", ".join(dict.fromkeys(known)) or "none: the schema declares no outcome field",
            mend=f"did you mean {near[0]!r}?" if near else None,
        )
    field = data.schema[outcome]
    y = np.asarray(data.values(field.name, "main"), dtype=float)
    summaries = data.schema.summaries_of(field.name)
    if field.statistic is Statistic.MEAN:
        for needed in (Statistic.N, Statistic.SD):
            if needed not in summaries:
                raise SpecError(
                    f"cell mean {field.name!r} has no {needed.value}",
                    column=field.name,
                    accepted="a mean with its n and standard deviation",
                    mend=f"declare a field with statistic = '{needed.value}' and of = '{field.name}'",
                )
        n = np.asarray(data.values(summaries[Statistic.N].name), dtype=float)
        sd = np.asarray(data.values(summaries[Statistic.SD].name), dtype=float)
        usable = np.isfinite(n) & (n > 0) & (np.isfinite(sd) | (n == 1))
        return rows, Response("cells", np.where(usable, y, np.nan), n, np.where(n == 1, 0.0, sd)), field
    if field.statistic is Statistic.EVENTS:
        if Statistic.TOTAL not in summaries:
            raise SpecError(
                f"count {field.name!r} has no total",
                column=field.name,
                mend=f"declare a field with statistic = 'total' and of = '{field.name}'",
            )
        total = np.asarray(data.values(summaries[Statistic.TOTAL].name), dtype=float)
        usable = np.isfinite(total) & (total > 0)
        y = np.where(usable, y, np.nan)
        _check_events(y, total, field.name)
        return rows, Response("counts", y, total, np.full(len(y), np.nan)), field
    if field.name in timed_outcomes(data):
        event = np.asarray(data.values(summaries[Statistic.EVENTS].name, "main"), dtype=float)
        _check_sessions(y, event, field.name, summaries[Statistic.EVENTS].name)
        y = np.where(np.isfinite(event), y, np.nan)
        return rows, Response("sessions", y, np.ones(len(y)), np.full(len(y), np.nan), event), field
    return rows, _rows(y), field


def _check_sessions(y: FloatArray, event: FloatArray, name: str, of: str) -> None:
    bad = np.flatnonzero(np.isfinite(y) & ((y < 1) | (y != np.rint(y))))
    if len(bad):
        raise DataError(
            f"{len(bad)} rows do not count sessions",
            column=name,
            rows=[f"row {i}: {y[i]:g}" for i in bad],
            accepted="whole sessions attended, 1 or more",
        )
    bad = np.flatnonzero(np.isfinite(event) & (event != 0) & (event != 1))
    if len(bad):
        raise DataError(
            f"{of!r} says how {name!r} ended and is not 0 or 1",
            column=of,
            rows=[f"row {i}: {event[i]:g}" for i in bad],
            accepted="1 where the course ended in the event, 0 where it was completed or still going on",
        )


def _check_events(y: FloatArray, total: FloatArray, name: str) -> None:
    bad = np.flatnonzero(y > total)
    if len(bad):
        raise DataError(
            f"{len(bad)} rows count more events than trials",
            column=name,
            rows=[f"row {i}: {y[i]:g} of {total[i]:g}" for i in bad],
            accepted="events at most total",
            mend="rounded counts can do this; drop or repair these cells before fitting",
        )


def _as_counts(response: Response, outcome: str) -> Response:
    seen = response.y[np.isfinite(response.y)]
    bad = seen[(seen != 0) & (seen != 1)]
    if len(bad):
        raise SpecError(
            f"family='binomial' but {outcome!r} is not 0 or 1",
            column=outcome,
            rows=[f"{v:g}" for v in bad],
            accepted="0 and 1, or a count with a total",
        )
    return Response("counts", response.y, response.n, response.sd)


def scale_of(response: Response, family: Family) -> Scale:
    """Centre and spread of what was observed: logit and 1 for binomial outcomes, else mean and SD of all courses."""
    response = response.at(np.flatnonzero(np.isfinite(response.y)))
    if family == "binomial":
        p = (response.y.sum() + 0.5) / (response.n.sum() + 1)
        return Scale(float(np.log(p / (1 - p))), 1.0)
    weight = response.n if response.kind == "cells" else np.ones_like(response.y)
    centre = float(np.average(response.y, weights=weight))
    between = np.average((response.y - centre) ** 2, weights=weight)
    within = np.average(response.sd**2, weights=weight) if response.kind == "cells" else 0.0
    spread = float(np.sqrt(between + within))
    return Scale(centre, spread if spread > 0 else 1.0)


def _units(field: Field, family: Family, kind: OutcomeKind) -> str:
    if family == "binomial":
        return "probability"
    if kind in ("sessions", "ordered"):
        return field.units or ("rating" if kind == "ordered" else "sessions")
    return field.units or (f"{field.measure} points" if field.measure else "outcome units")


def _direction(data: PaulDataset, field: Field, outcome: str) -> Direction | None:
    if field.direction is not None:
        return field.direction
    for other in data.schema.fields:
        if other.measure and other.measure in (field.measure, outcome) and other.direction is not None:
            return other.direction
    return None
