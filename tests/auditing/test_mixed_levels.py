"""Published cells in which totals stand beside their parts: fit stops by name, goes on when accepted, and says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import outcomemodels as om
from outcomemodels.data.columns import from_columns
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.errors import BlockedError
from outcomemodels.schema import Direction, Facet, Field, Grain, Kind, Schema, Statistic

NAME = "mixed-aggregate-levels"


def published(*, total: str = "National (total)") -> PaulDataset:
    """Cells of four providers, and the national ones that hold the same courses again."""
    rng = np.random.default_rng(0)
    places = [*(f"Provider {i}" for i in range(4)), *([total] if total else [])]
    rows = [(t, p, s) for t in ("CBT", "IPT") for p in ("Depression", "PTSD") for s in places]
    national = np.array([s == total for *_, s in rows])
    fields = (
        Field(name="treatment", facet=Facet.TREATMENT, kind=Kind.CATEGORICAL, key=True),
        Field(name="problem", facet=Facet.PROBLEM, kind=Kind.CATEGORICAL, key=True),
        Field(name="provider", facet=Facet.SETTING, kind=Kind.IDENTIFIER, key=True),
        Field(
            name="end",
            facet=Facet.OUTCOME,
            kind=Kind.CONTINUOUS,
            statistic=Statistic.MEAN,
            direction=Direction.LOWER_IS_BETTER,
            units="points",
        ),
        Field(name="end_n", facet=Facet.OUTCOME, kind=Kind.COUNT, statistic=Statistic.N, of="end"),
        Field(name="end_sd", facet=Facet.OUTCOME, kind=Kind.CONTINUOUS, statistic=Statistic.SD, of="end"),
    )
    columns = {
        name: np.array([row[i] for row in rows], dtype=object)
        for i, name in enumerate(("treatment", "problem", "provider"))
    }
    n = np.where(national, 200.0, 50.0)
    end = rng.normal(10, 1, len(rows))
    return from_columns(
        Schema(name="published", grain=Grain.CELL, fields=fields),
        {**columns, "end": end, "end_n": n, "end_sd": np.full(len(rows), 5.0)},
    )


def test_mixed_aggregate_levels_stop_a_fit_until_accepted_by_name(tmp_path: Path) -> None:
    data = published()
    assert NAME in {f.name for f in om.audit(data).findings}
    with pytest.raises(BlockedError, match=NAME) as caught:
        om.fit(data, outcome="end", progress=False)
    assert "National (total)" in str(caught.value)
    with pytest.raises(BlockedError, match=NAME):
        om.fit(data, outcome="end", accept=["alias"], progress=False)
    fit = om.fit(data, outcome="end", accept=[NAME], progress=False)
    assert fit.accepted == (NAME,)
    again = om.load_fit(fit.save(tmp_path / "fit.nc"))
    assert again.audit["accepted"] == [NAME]
    assert again.accepted == (NAME,)
    page = om.report(again, tmp_path / "report.html").read_text()
    assert NAME in page


def test_parts_alone_or_totals_alone_do_not_stop_it() -> None:
    assert NAME not in {f.name for f in om.audit(published(total="")).findings}
