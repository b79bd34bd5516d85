"""Packets: nothing below the minimum leaves a site, what was done is said everywhere, and exact ones pool exactly."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import outcomemodels as om
from inference.collapsed import reduced_worlds as worlds
from outcomemodels.errors import BlockedError, SpecError
from outcomemodels.inference.collapsed.cells import Reduced
from outcomemodels.inference.collapsed.packets import check_disclosure, export_packet, reweighted
from outcomemodels.inference.collapsed.stream import reduce_rows
from outcomemodels.spec import ModelSpec

BATCHES = ("treatment", "problem", "therapist", "age|treatment")
SPEC = ModelSpec(outcome="phq9_end", covariates=("phq9_start", "age", "sex"), batches=BATCHES)


def site(columns: dict[str, np.ndarray], which: int) -> dict[str, np.ndarray]:
    own = np.flatnonzero(columns["service"] == f"s{which}")
    return {n: v[own] for n, v in columns.items()}


@pytest.fixture(scope="module")
def columns() -> dict[str, np.ndarray]:
    return worlds.table(6000, 4)


@pytest.fixture(scope="module")
def sites(columns: dict[str, np.ndarray]) -> list[Reduced]:
    return [reduce_rows(site(columns, i), worlds.SCHEMA, SPEC) for i in range(3)]


def test_three_packets_give_the_posterior_of_the_pooled_rows(
    columns: dict[str, np.ndarray], sites: list[Reduced], tmp_path: Path
) -> None:
    paths = [tmp_path / f"site{i}.nc" for i in range(3)]
    for i, (reduced, path) in enumerate(zip(sites, paths, strict=True)):
        export_packet(reduced, path, site=f"site{i}", minimum=1)
    pooled = om.merge(paths)
    assert not pooled.is_approximate
    renamed = columns | {"therapist": pseudonyms(columns)}
    rows, _ = worlds.from_rows(renamed, SPEC)
    worlds.assert_same_statistics(rows, worlds.from_sums(pooled)[0])
    mine = om.fit_reduced(pooled, progress=False, draws=500)
    data = om.read(renamed, schema=worlds.SCHEMA)
    theirs = om.fit(
        data,
        outcome="phq9_end",
        covariates=SPEC.covariates,
        batches=SPEC.batches,
        progress=False,
        draws=500,
        accept=BLOCKS,
    )
    for name in theirs.posterior.data_vars:
        a, b = mine.posterior[name].mean(("chain", "draw")), theirs.posterior[name].mean(("chain", "draw"))
        spread = theirs.posterior[name].std(("chain", "draw"))
        # the same numbers enter up to rounding and the seed is the same; 2000 draws would allow 0.1 SD
        assert float((abs(a - b) / spread).max()) < 0.15, name
    text = (tmp_path / "site0.nc").read_bytes()
    assert b"t00" not in text
    assert b"t03" not in text


BLOCKS = ("treatment_not_connected", "site_confounded")


def pseudonyms(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Labels as three packets number them."""
    out = np.empty(len(columns["therapist"]), dtype=object)
    for i in range(3):
        own = columns["service"] == f"s{i}"
        usable = own & ~np.isnan(columns["phq9_end"]) & ~np.isnan(columns["age"])
        names = sorted(set(columns["therapist"][usable]))
        out[own] = [f"site{i} {names.index(v) + 1}" for v in columns["therapist"][own]]
    return out


def test_small_cells_are_refused_and_explained(sites: list[Reduced]) -> None:
    found = check_disclosure(sites[0], minimum=60)
    assert not found.passed
    assert "fewer than 60 courses" in str(found)
    with pytest.raises(BlockedError, match="below 60") as caught:
        export_packet(sites[0], site="a", minimum=60)
    assert "therapist t" in str(caught.value)
    assert "small='suppress'" in str(caught.value)


def test_suppressed_packets_show_no_small_count_and_say_so_everywhere(sites: list[Reduced], tmp_path: Path) -> None:
    n = sites[0].sums[:, 0]
    minimum = int(np.median(n))
    packet = export_packet(sites[0], site="a", minimum=minimum, small="suppress")
    assert check_disclosure(packet, minimum=minimum).passed
    assert packet.n_rows == n[n >= minimum].sum()
    assert packet.is_approximate
    pooled = om.merge([packet, export_packet(sites[1], site="b", minimum=1)])
    assert pooled.notes == packet.notes
    fit = om.fit_reduced(pooled, progress=False, draws=250)
    assert json.loads(fit.tree.attrs["approximate"]) == list(packet.notes)
    assert any(s.startswith("Approximate: a left out") for s in fit.verdict.sentences)
    page = om.report(fit, tmp_path / "report.html").read_text()
    assert "Approximate: a left out" in page
    fit.save(tmp_path / "fit.nc")
    assert any("a left out" in s for s in om.load_fit(tmp_path / "fit.nc").verdict.sentences)


def test_rounded_counts_are_multiples_and_keep_means(sites: list[Reduced]) -> None:
    packet = export_packet(sites[0], site="a", minimum=1, round_to=5)
    assert set(np.round(packet.sums[:, 0]) % 5) == {0.0}
    np.testing.assert_allclose(
        np.sort(packet.sums[:, 1] / packet.sums[:, 0]), np.sort(sites[0].sums[:, 1] / sites[0].sums[:, 0]), rtol=1e-9
    )
    assert "multiples of 5" in packet.notes[0]


def test_the_same_counts_change_nothing(sites: list[Reduced]) -> None:
    again = reweighted(sites[0], sites[0].sums[:, 0])
    worlds.assert_same_statistics(worlds.from_sums(sites[0])[0], worlds.from_sums(again)[0])


def test_leaving_cells_out_keeps_the_spread_within_cells(sites: list[Reduced]) -> None:
    n = sites[0].sums[:, 0]
    fewer = reweighted(sites[0], np.where(np.arange(len(n)) % 2, n, 0.0))
    assert (np.linalg.eigvalsh(fewer.products) > -1e-6).all()
    before = sites[0].products[:, 1, 1].sum() / n.sum()
    after = fewer.products[:, 1, 1].sum() / fewer.sums[:, 0].sum()
    assert after == pytest.approx(before, rel=0.2)


def test_sites_of_one_name_would_share_therapists_so_names_are_kept_apart(sites: list[Reduced]) -> None:
    a = export_packet(sites[0], site="a", minimum=1)
    b = export_packet(sites[1], site="b", minimum=1)
    assert not set(a.levels["therapist"]) & set(b.levels["therapist"])


@pytest.mark.parametrize("bad", [{"site": " "}, {"site": "a", "minimum": 0}, {"site": "a", "small": "hide"}])
def test_settings_are_checked(sites: list[Reduced], bad: dict[str, object]) -> None:
    with pytest.raises(SpecError):
        export_packet(sites[0], **bad)  # type: ignore[arg-type]
