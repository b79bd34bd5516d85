"""The audit: numbers with their counts, connectedness against networkx's definition by hand, findings by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import outcomemodels as om
from outcomemodels.auditing import connected_components
from outcomemodels.data.columns import from_columns
from outcomemodels.data.simulate import disconnected_world
from outcomemodels.errors import BlockedError
from outcomemodels.schema import Facet, Field, Kind, Occasion
from small import columns, episodes, schema


def test_components_are_those_of_the_graph() -> None:
    treatment = np.array([0, 0, 1, 1, 2, 3, -1], dtype=np.int32)
    group = np.array([0, 1, 1, 2, 3, 3, 0], dtype=np.int32)
    found = connected_components(treatment, group)
    assert found.n_components == 2
    assert found.component_of_treatment[0] == found.component_of_treatment[1]
    assert found.component_of_treatment[2] == found.component_of_treatment[3]
    assert found.component_of_treatment[0] != found.component_of_treatment[2]
    assert (found.bridging, found.groups) == (2, 4)
    assert found.share_in_largest == pytest.approx(4 / 6)


def test_components_by_breadth_first_search() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        t, g = rng.integers(0, 8, 12).astype(np.int32), rng.integers(0, 9, 12).astype(np.int32)
        seen: set[tuple[str, int]] = set()
        pieces = 0
        for start in set(t.tolist()):
            if ("t", start) in seen:
                continue
            pieces += 1
            queue = [("t", start)]
            while queue:
                kind, node = queue.pop()
                if (kind, node) in seen:
                    continue
                seen.add((kind, node))
                mine, other = (t, g) if kind == "t" else (g, t)
                queue += [("g" if kind == "t" else "t", int(x)) for x in other[mine == node]]
        assert connected_components(t, g).n_components == pieces


def test_every_number_carries_its_counts() -> None:
    report = om.audit(episodes())
    table = report.table()
    shares = table[table["share"]].dropna(subset="value")
    assert len(shares) > 10
    np.testing.assert_allclose(shares["value"], shares["numerator"] / shares["denominator"])
    assert {"treatment", "deliverer", "client", "problem", "functioning"} <= set(table["column"])


def test_what_a_grain_cannot_show_is_said(shared_data: Path) -> None:
    report = om.audit(om.read_nhs_annual(shared_data / "nhs_tt_proms", years=["2023-24"]))
    assert "published cells carry no therapist" in repr(report).replace("\n", " ") or any(
        "published cells carry no therapist" in layer.sentence for layer in report.layers
    )


def test_missing_labels_and_scores_are_counted() -> None:
    raw = columns()
    raw["problem"][:24] = ""
    raw["phq9_end"][:60] = np.nan
    report = om.audit(from_columns(schema(), raw))
    found = {(layer.column, layer.measure): layer for layer in report.layers}
    assert found["problem", "values recorded"].numerator == 240 - 24
    assert found["outcome", "paired phq9"].numerator == 180
    assert report.waterfall[-1].left == int(((raw["problem"] != "") & np.isfinite(raw["phq9_end"])).sum())


def test_disconnected_services_block_until_accepted() -> None:
    data, _ = disconnected_world(1)
    report = om.audit(data)
    assert "disconnected-contrast" in {f.name for f in report.findings}
    outcome = data.outcomes[0]
    with pytest.raises(BlockedError, match="disconnected-contrast") as caught:
        om.fit(data, outcome=outcome, progress=False)
    assert "accept" in (caught.value.mend or "")
    fit = om.fit(data, outcome=outcome, accept=["disconnected-contrast"], progress=False)
    assert fit.audit["accepted"] == ["disconnected-contrast"]


def test_the_report_shows_itself() -> None:
    report = om.audit(om.load("beat_the_blues"))
    assert "clients with any" in repr(report)
    assert "<table" in report._repr_html_()
    assert report.to_dict()["n"] == 100


def test_one_treatment_reads_but_does_not_fit() -> None:
    raw = columns(60)
    raw["treatment"][:] = "CBT"
    with pytest.raises(BlockedError, match="one-level-treatment"):
        om.fit(from_columns(schema(), raw), outcome="phq9_end", progress=False)


def test_the_outcome_does_not_explain_itself() -> None:
    later = Field(
        name="phq9_later",
        facet=Facet.OUTCOME,
        kind=Kind.CONTINUOUS,
        measure="phq9",
        occasion=Occasion.FOLLOW_UP,
    )
    raw = columns(60)
    report = om.audit(from_columns(schema(later), {**raw, "phq9_later": raw["phq9_end"]}))
    found = report.blocking(outcome="phq9_end", covariates=("phq9_later", "age"))
    assert [f.name for f in found] == ["outcome-among-covariates"]
    assert "phq9_later" in found[0].sentence


def test_service_and_treatment_that_go_together_are_an_alias() -> None:
    raw = columns(60)
    raw["service"] = np.char.add("service of ", raw["treatment"].astype(str)).astype(object)
    report = om.audit(from_columns(schema(), raw))
    found = {f.name for f in report.blocking(outcome="phq9_end", batches=[("treatment",), ("service",)])}
    assert found == {"alias", "disconnected-contrast"}


def test_a_fit_audits_only_when_somebody_reads_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import outcomemodels.workflow.fitting as fitting

    looked = []
    inner = fitting.audit_dataset
    monkeypatch.setattr(fitting, "audit_dataset", lambda data: looked.append(1) or inner(data))
    fit = om.fit(episodes(), outcome="phq9_end", progress=False, draws=200)
    assert not looked
    assert fit.audit["layers"]
    page = om.report(fit, tmp_path / "report.html", questions=[om.Question(problem="Depression")]).read_text()
    assert looked == [1]
    assert "Can these data answer it?" in page
    verdict = om.audit(episodes()).verdict(om.Question(problem="Depression"), outcome="phq9_end")
    assert verdict.first_failing is None or verdict.first_failing.name in verdict.in_short()
    import html

    assert html.escape(verdict.in_short(), quote=False) in page.replace("&#39;", "'")


def test_yes_and_no_stand_with_the_name_of_their_field() -> None:
    raw = columns()
    raw["problem"] = np.where(np.arange(len(raw["problem"])) % 2 == 0, "No", "Yes").astype(object)
    report = om.audit(from_columns(schema(), raw))
    node = next(n for n in report.lattice(outcome="phq9_end") if n.parts == ("problem",))
    assert node.case["problem"] in ("problem: No", "problem: Yes")
    assert report.crossings is not None
    assert set(report.crossings.problems) == {"problem: No", "problem: Yes"}
