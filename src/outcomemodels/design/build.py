"""PaulDataset + ModelSpec -> Design. The only place rows are dropped, and every drop is counted."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

from outcomemodels.data.dataset import PaulDataset
from outcomemodels.design.carrier import (
    Column,
    Design,
    Factor,
    FloatArray,
    IntArray,
    Number,
    Response,
    Scale,
)
from outcomemodels.design.terms import Terms, batch_of, choose_terms
from outcomemodels.errors import DataError, SpecError
from outcomemodels.schema import Direction, Facet, Field, Kind, Statistic
from outcomemodels.spec import Family, ModelSpec

NOT_RECORDED = "not recorded"
"""Label given to missing values of labelled fields; it is a level like any other, not a guess."""


def build_design(data: PaulDataset, spec: ModelSpec) -> Design:
    """Resolve a spec against a dataset.

    Rows without the outcome, and rows without a number that enters, are dropped and counted by reason. Missing
    labels become the level "not recorded".

    Raises
    ------
    SpecError
        If the outcome or a term is not in the data.
    DataError
        If no row has the outcome.
    """
    if spec.outcome in data.measures:
        rows, response, field = _long_response(data, spec)
        repeated = True
    else:
        rows, response, field = _main_response(data, spec)
        repeated = False
    family = spec.family or ("binomial" if response.kind == "counts" else "gaussian")
    if family == "binomial" and response.kind == "rows":
        response = _as_counts(response, spec.outcome)
    main_row = data.codes_of_episode()[rows] if repeated else rows
    factors = _factors(data, rows, main_row, repeated=repeated)
    numbers = _numbers(data, spec, field, rows, main_row, repeated=repeated)
    client = _client_factor(data, factors)
    terms = choose_terms(
        spec,
        factors,
        numbers,
        baseline=_baseline(data, field, spec.outcome),
        grain=data.grain,
        repeated=repeated,
        client=client,
    )
    if spec.noise_by and spec.noise_by not in factors:
        raise SpecError(f"noise_by={spec.noise_by!r} is not a labelled field", accepted=", ".join(factors))
    present = np.isfinite(response.y)
    dropped = {f"{spec.outcome} missing": int((~present).sum())}
    for name in _numbers_used(terms, numbers):
        lost = present & ~np.isfinite(numbers[name].values)
        if lost.any():
            dropped[f"{name} missing"] = int(lost.sum())
        present &= ~lost
    if not present.any():
        raise DataError(
            f"no row has both {spec.outcome!r} and the numbers that enter",
            column=spec.outcome,
            rows=[f"{reason}: {count}" for reason, count in dropped.items()],
            mend="drop the covariate that is missing, or choose another outcome",
        )
    keep = np.flatnonzero(present).astype(np.int32)
    response = Response(response.kind, response.y[keep], response.n[keep], response.sd[keep])
    factors = {n: _kept_factor(f, keep) for n, f in factors.items()}
    numbers = {n: _kept_number(v, keep) for n, v in numbers.items()}
    return Design(
        outcome=spec.outcome,
        family=family,
        units=_units(field, family),
        direction=_direction(data, field, spec),
        grain=data.grain,
        assignment=data.schema.assignment,
        unit_of_analysis="assessment" if repeated else data.grain.value,
        response=response,
        scale=_scale(response, family),
        factors=factors,
        numbers=numbers,
        columns=_columns(terms, factors, numbers),
        batches=tuple(batch_of(b) for b in terms.bars),
        noise_by=spec.noise_by,
        row=main_row[keep].astype(np.int32),
        dropped={k: v for k, v in dropped.items() if v},
    )


# -- response ------------------------------------------------------------------------------------------------


def _long_response(data: PaulDataset, spec: ModelSpec) -> tuple[IntArray, Response, Field]:
    measure = data.measures.index(spec.outcome)
    rows = np.flatnonzero(data.codes("measure", "assessment") == measure).astype(np.int32)
    y = np.asarray(data.values("score", "assessment"), dtype=float)[rows]
    return rows, _rows(y), data.schema["score"]


def _rows(y: FloatArray) -> Response:
    return Response("rows", y, np.ones(len(y)), np.full(len(y), np.nan))


def _main_response(data: PaulDataset, spec: ModelSpec) -> tuple[IntArray, Response, Field]:
    if spec.outcome not in data.outcomes:
        import difflib

        near = difflib.get_close_matches(spec.outcome, data.outcomes, n=3)
        raise SpecError(
            f"no outcome {spec.outcome!r} in these data",
            column=spec.outcome,
            facet="outcome",
            accepted=", ".join(data.outcomes) or "none: the schema declares no outcome field",
            mend=f"did you mean {near[0]!r}?" if near else None,
        )
    field = data.schema[spec.outcome]
    rows = np.arange(data.n, dtype=np.int32)
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
    return rows, _rows(y), field


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


def _scale(response: Response, family: Family) -> Scale:
    if family == "binomial":
        p = (response.y.sum() + 0.5) / (response.n.sum() + 1)
        return Scale(float(np.log(p / (1 - p))), 1.0)
    weight = response.n if response.kind == "cells" else np.ones_like(response.y)
    centre = float(np.average(response.y, weights=weight))
    between = np.average((response.y - centre) ** 2, weights=weight)
    within = np.average(response.sd**2, weights=weight) if response.kind == "cells" else 0.0
    spread = float(np.sqrt(between + within))
    return Scale(centre, spread if spread > 0 else 1.0)


# -- predictors ----------------------------------------------------------------------------------------------


def _factors(data: PaulDataset, rows: IntArray, main_row: IntArray, *, repeated: bool) -> dict[str, Factor]:
    out: dict[str, Factor] = {}
    for field in data.schema.of_table("main"):
        if field.kind.is_labelled and field.facet not in (Facet.OUTCOME, Facet.FUNCTIONING, Facet.COST):
            codes = data.codes(field.name, "main")[main_row]
            out[field.name] = _factor(field, codes, data)
    if repeated:
        for field in data.schema.of_table("assessment"):
            if field.kind.is_labelled and field.name not in out and field.name != "measure":
                out[field.name] = _factor(field, data.codes(field.name, "assessment")[rows], data)
    return out


def _factor(field: Field, codes: IntArray, data: PaulDataset) -> Factor:
    levels = [str(v) for v in data.labels(field.name)]
    if (codes < 0).any():
        if NOT_RECORDED not in levels:
            levels.append(NOT_RECORDED)
        codes = np.where(codes < 0, levels.index(NOT_RECORDED), codes)
    return Factor(field.name, field.facet, tuple(levels), codes.astype(np.int32))


def _numbers(
    data: PaulDataset, spec: ModelSpec, outcome: Field, rows: IntArray, main_row: IntArray, *, repeated: bool
) -> dict[str, Number]:
    outcomes = set(data.outcomes)
    out: dict[str, Number] = {}
    for field in data.schema.of_table("main"):
        if field.kind not in (Kind.CONTINUOUS, Kind.COUNT) or field.name in outcomes or field.of in outcomes:
            continue
        out[field.name] = _number(field, np.asarray(data.values(field.name, "main"), dtype=float)[main_row])
    if repeated:
        for field in data.schema.of_table("assessment"):
            if field.kind in (Kind.CONTINUOUS, Kind.COUNT) and field.name != "score":
                values = np.asarray(data.values(field.name, "assessment"), dtype=float)[rows]
                out[field.name] = _number(field, values)
    return out


def _number(field: Field, values: FloatArray) -> Number:
    return Number(field.name, field.facet, field.units, values, 0.0, 1.0)


def _client_factor(data: PaulDataset, factors: dict[str, Factor]) -> str:
    keys = [f.name for f in data.schema.of_table("main") if f.kind is Kind.IDENTIFIER and f.name in factors]
    clients = [k for k in keys if data.schema[k].facet is Facet.CLIENT]
    return clients[0] if clients else ""


def _baseline(data: PaulDataset, field: Field, outcome: str) -> tuple[str, ...]:
    names = {n for n in (field.measure, outcome) if n}
    return tuple(
        f.name
        for f in data.schema.of_table("main")
        if f.occasion == "start" and f.statistic in (Statistic.VALUE, Statistic.MEAN) and f.measure in names
    )


def _numbers_used(terms: Terms, numbers: dict[str, Number]) -> list[str]:
    names = [n for t in terms.fixed for n in t] + [n for b in terms.bars for w in b.what for n in w]
    return [n for n in dict.fromkeys(names) if n in numbers]


def _kept_factor(factor: Factor, keep: IntArray) -> Factor:
    """Rows kept, and only the levels they use, in declared order."""
    codes = factor.codes[keep]
    used = np.unique(codes)
    recode = np.full(len(factor.levels), -1, dtype=np.int32)
    recode[used] = np.arange(len(used), dtype=np.int32)
    return Factor(factor.name, factor.facet, tuple(factor.levels[c] for c in used), recode[codes])


def _kept_number(number: Number, keep: IntArray) -> Number:
    values = number.values[keep]
    seen = values[np.isfinite(values)]
    centre = float(seen.mean()) if len(seen) else 0.0
    spread = float(seen.std()) if len(seen) else 0.0
    return Number(number.name, number.facet, number.units, values, centre, spread if spread > 0 else 1.0)


# -- columns ---------------------------------------------------------------------------------------------------


def _columns(terms: Terms, factors: dict[str, Factor], numbers: dict[str, Number]) -> tuple[Column, ...]:
    levels = {name: factor.levels for name, factor in factors.items()}
    centred = () in terms.fixed
    parts = column_parts(terms, levels)
    return tuple(
        _column(p, factors, numbers, centred=centred) if p else Column("intercept", (), 0.0, 1.0) for p in parts
    )


def column_parts(terms: Terms, levels: Mapping[str, tuple[str, ...]]) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Parts of each fixed column, the intercept (no parts) first.

    Labelled fields are coded against their first level where the term without them is present (marginality).
    """
    present = {frozenset(t) for t in terms.fixed}
    out: list[tuple[tuple[str, str], ...]] = [()] if frozenset() in present else []
    for term in terms.fixed:
        if not term:
            continue
        choices: list[list[tuple[str, str]]] = []
        for name in term:
            if name in levels:
                rest = frozenset(n for n in term if n != name)
                choices.append([(name, v) for v in (levels[name][1:] if rest in present else levels[name])])
            else:
                choices.append([(name, "")])
        out += [tuple(parts) for parts in product(*choices)]
    return tuple(out)


def _column(
    parts: tuple[tuple[str, str], ...],
    factors: dict[str, Factor],
    numbers: dict[str, Number],
    *,
    centred: bool,
) -> Column:
    values: FloatArray = np.ones(1)
    for name, level in parts:
        part = factors[name].codes == factors[name].levels.index(level) if level else numbers[name].values
        values = values * part
    spread = float(values.std())
    name = ":".join(f"{n}[{level}]" if level else n for n, level in parts)
    return Column(name, parts, float(values.mean()) if centred else 0.0, spread if spread > 0 else 1.0)


# -- wording -----------------------------------------------------------------------------------------------------


def _units(field: Field, family: Family) -> str:
    if family == "binomial":
        return "probability"
    return field.units or (f"{field.measure} points" if field.measure else "outcome units")


def _direction(data: PaulDataset, field: Field, spec: ModelSpec) -> Direction | None:
    if field.direction is not None:
        return field.direction
    for other in data.schema.fields:
        if other.measure and other.measure in (field.measure, spec.outcome) and other.direction is not None:
            return other.direction
    return None
