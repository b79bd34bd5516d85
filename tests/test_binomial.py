"""Counts from cells to answers: NUTS, the verdict, a question, and the report."""

from __future__ import annotations

from pathlib import Path

import pytest

import outcomemodels as om
from outcomemodels.data.simulate import counted_world


@pytest.mark.sampling
def test_counts_are_fitted_asked_and_reported(tmp_path: Path) -> None:
    data, truth = counted_world(3)
    outcome = data.outcomes[0]
    fit = om.fit(data, outcome=outcome, seed=2, draws=1500, progress=False)
    assert fit.provenance["engine"] == "nuts"
    assert "binomial" in fit.provenance["engine_reason"]
    problem = str(data.labels("problem")[0]) if "problem" in data else None
    answer = om.ask(fit, om.Question(problem=problem))
    assert all(0 < t.low < t.mean < t.high < 1 for t in answer.treatments)
    assert sum(t.p_best or 0 for t in answer.treatments) == pytest.approx(1, abs=1e-6)
    text = om.report(fit, tmp_path / "counts.html").read_text()
    assert "associated with" in text
    if not fit.verdict.passed:
        assert answer.verdict_failed
        assert "FAILED" in " ".join(answer.warnings)
    assert truth is not None
