"""Reliable-change methods against the reference classifications of two real data sets."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcomemodels.errors import DataError
from outcomemodels.outcomes.effect_size import effect_size
from outcomemodels.outcomes.probability import probability_of_change
from outcomemodels.outcomes.reliable_change import (
    anchored_change,
    clinical_categories,
    clinically_significant,
    cutoffs,
    reliable_change,
    reliable_change_size,
)
from outcomemodels.schema import Direction

ROOT = Path(os.environ.get("OUTCOMEMODELS_DATA") or Path(__file__).parents[3] / "shared" / "data")
FOLDER = ROOT / "clinical_significance"
needs_data = pytest.mark.skipif(not FOLDER.exists(), reason="shared data set clinical_significance is absent")
HIGHER = Direction.HIGHER_IS_BETTER


def wide(name, by, time, score):
    return pd.read_csv(FOLDER / name).pivot(index=by, columns=time, values=score)


JACOBSON = {
    "jt": (14, 5, 10, 1, 0), "gln": (14, 5, 9, 2, 0), "hll": (7, 0, 15, 8, 0),
    "en": (15, 6, 7, 2, 0), "nk": (14, 5, 9, 2, 0), "ha": (10, 10, 9, 1, 0),
}  # fmt: skip
HECHLER = {
    "jt": (54, 36, 2), "gln": (55, 35, 2), "hll": (16, 63, 13),
    "en": (60, 29, 3), "nk": (55, 35, 2), "ha": (61, 29, 2),
}  # fmt: skip


@needs_data
@pytest.mark.parametrize("method", JACOBSON)
def test_jacobson_1989(method):
    d = wide("jacobson_1989.csv", "subject", "time", "das")
    pre, post = d["pre"].to_numpy(), d["post"].to_numpy()
    found = reliable_change(pre, post, method=method, reliability=0.88, direction=HIGHER)
    c = cutoffs(clinical=(pre.mean(), pre.std(ddof=1)), functional=(114.8, 17.8), direction=HIGHER)["c"]
    counts = clinically_significant(
        pre, post, found, cutoff=c, reliability=0.88, functional=(114.8, 17.8), direction=HIGHER
    )
    assert tuple(counts.values()) == JACOBSON[method]
    each = clinical_categories(pre, post, found, cutoff=c, reliability=0.88, functional=(114.8, 17.8), direction=HIGHER)
    assert [int((each == name).sum()) for name in counts] == list(counts.values())
    if method == "jt":
        assert found.standard_error == pytest.approx(5.79, abs=0.005)
        assert found.index[:2] == pytest.approx([1.122, 8.631], abs=0.0006)


@needs_data
@pytest.mark.parametrize("method", HECHLER)
def test_hechler_2014(method):
    d = wide("hechler_2014.csv", "patient", "measurement", "disability")
    found = reliable_change(d[1], d[2], method=method, reliability=0.80)
    assert tuple(found.counts().values()) == (*HECHLER[method], 12)
    if method == "jt":
        assert found.standard_error == pytest.approx(5.90, abs=0.005)


@needs_data
@pytest.mark.parametrize(
    ("size", "expected"),
    [({"percent": 30.0}, (55, 34, 3)), ({"percent": 50.0}, (42, 48, 2)), ({"points": 8.0}, (61, 27, 4))],
)
def test_hechler_agreed_sizes(size, expected):
    d = wide("hechler_2014.csv", "patient", "measurement", "disability")
    assert tuple(anchored_change(d[1], d[2], **size).counts().values())[:3] == expected


def test_size_and_cutoffs_by_hand():
    assert reliable_change_size(sd=6.1, reliability=0.89) == pytest.approx(5.6, abs=0.02)
    found = cutoffs(clinical=(20.0, 4.0), functional=(8.0, 4.0))
    assert found == {"a": 12.0, "b": 16.0, "c": 14.0}
    with pytest.raises(DataError, match="between 0 and 1"):
        reliable_change_size(sd=6.0, reliability=1.0)


def test_effect_size_by_hand():
    pre, post = [10.0, 14.0, 18.0, np.nan], [4.0, 8.0, 12.0, 3.0]
    own, national = effect_size(pre, post), effect_size(pre, post, sd=6.0)
    assert (own.value, own.n, own.sd_source) == (1.5, 3, "these clients")
    assert (national.value, national.sd_source) == (1.0, "given")
    assert effect_size(pre, post, sd=6.0, direction=HIGHER).value == -1.0
    with pytest.raises(DataError, match="two or more pairs"):
        effect_size([1.0], [2.0])


def test_probability_of_change():
    size = reliable_change_size(sd=6.0, reliability=0.9)
    p = probability_of_change([20.0, 20.0, np.nan], [20.0 - size, 20.0, 3.0], sd=6.0, reliability=0.9)
    assert p[0] == pytest.approx(0.975, abs=1e-4)
    assert p[1] == 0.5
    assert np.isnan(p[2])
    unsure = probability_of_change([20.0], [20.0 - size], sd=6.0, reliability=0.9, reliability_n=20, draws=2000)
    assert 0.9 < unsure[0] < 0.975
