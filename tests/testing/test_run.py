"""Results are values, failures the caller knows of are the caller's, and nothing stops at the first failure."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from outcomemodels.models.paul import Paul
from outcomemodels.plugin import ModelInfo, Needs
from outcomemodels.testing import (
    CHECKS,
    CheckResult,
    NoWorldError,
    all_ok,
    check_model,
    format_results,
    parametrize_checks,
    worlds_for,
)
from outcomemodels.testing.calibration_checks import LEAST_P, RANKS, ecdf_p_value
from testing.wrong_plugins.protocol import BadName, NoUnits
from testing.wrong_plugins.right import Right


def by_name(results: tuple[CheckResult, ...]) -> dict[str, CheckResult]:
    return {r.name: r for r in results}


def test_it_goes_on_after_a_failure() -> None:
    results = check_model(BadName(), tier="static")
    assert [r.name for r in results] == [c.name for c in CHECKS if c.tier == "static"]
    found = by_name(results)
    assert found["info_is_honest"].outcome == "failed"
    assert "Right Model!" in found["info_is_honest"].message
    assert found["priors_are_pure"].outcome == "passed"
    assert not all_ok(results)


def test_results_are_frozen_and_survive_json() -> None:
    result = check_model(Right(), tier="static")[0]
    with pytest.raises(AttributeError):
        result.name = "other"  # type: ignore[misc]
    assert CheckResult(**json.loads(json.dumps(result.to_dict()))) == result


def test_what_comes_after_a_failure_is_skipped_and_says_so() -> None:
    class Nothing:
        pass

    results = check_model(Nothing(), tier="graph")  # type: ignore[arg-type]
    assert results[0].outcome == "failed"
    assert "info, default_priors, build" in results[0].message
    assert {r.outcome for r in results[1:]} == {"skipped"}
    assert "after keeps_the_protocol failed" in results[1].message


def test_expected_failures_belong_to_the_caller() -> None:
    known = {"info_is_honest": "the name is historical", "survives_json": "thought to fail"}
    results = by_name(check_model(BadName(), tier="static", expected_failures=known))
    assert results["info_is_honest"].outcome == "expected"
    assert results["info_is_honest"].ok
    assert "historical" in results["info_is_honest"].message
    assert results["survives_json"].outcome == "unexpected pass"
    assert not results["survives_json"].ok


def test_a_misspelt_check_is_an_error() -> None:
    with pytest.raises(LookupError, match="info_is_honest"):
        check_model(Right(), expected_failures={"info_is_honst": "typing"})
    with pytest.raises(LookupError, match="builds"):
        check_model(Right(), only=("bilds",))


def test_the_table_says_all() -> None:
    results = check_model(NoUnits(), tier="static")
    table = format_results(results, width=160)
    assert len(table.splitlines()) == len(results) + 1
    assert "failed          static      says_its_story_with_units" in table
    assert "1 failed" in table.splitlines()[-1]


def test_the_static_tier_needs_no_pymc_and_no_second() -> None:
    code = (
        "import sys, time; from outcomemodels.models.paul import Paul; from outcomemodels.testing import check_model; "
        "r = check_model(Paul(), tier='static'); "
        "print(all(x.ok for x in r), 'pymc' in sys.modules, 'numba' in sys.modules, sum(x.seconds for x in r))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split()[:3] == ["True", "False", "False"]


def test_a_name_that_is_not_the_registered_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from outcomemodels.registry import Entry
    from outcomemodels.testing import static_checks

    entry = Entry("left", "somebody", "1.0", f"{Right.__module__}:Right")
    monkeypatch.setattr(static_checks, "available", lambda: (entry,))
    result = by_name(check_model(Right(), tier="static"))["info_is_honest"]
    assert result.outcome == "failed"
    assert "registered as left" in result.message


def test_pytest_parameters_read_well() -> None:
    mark = parametrize_checks(Right(), Paul(), tier="static", expected_failures={"builds": "no"})
    ids = [p.id for p in mark.args[1]]
    assert ids[0] == "right-keeps_the_protocol"
    assert "paul-survives_json" in ids
    with pytest.raises(LookupError, match="right, paul"):
        parametrize_checks(Right(), Paul(), expected_failures={"builds[left]": "no"})


def test_pytest_tells_skips_failures_and_expected_failures() -> None:
    def outcome_of(check: str, known: dict[str, str]) -> object:
        mark = parametrize_checks(BadName(), tier="static", expected_failures=known)
        model, bound = next(p.values for p in mark.args[1] if str(p.id).endswith(check))
        bound(model)
        return None

    assert outcome_of("survives_json", {}) is None
    with pytest.raises(pytest.fail.Exception, match="Right Model!"):
        outcome_of("info_is_honest", {})
    with pytest.raises(pytest.xfail.Exception, match="historical"):
        outcome_of("info_is_honest", {"info_is_honest[Right Model!]": "historical"})
    with pytest.raises(pytest.fail.Exception, match="take it off"):
        outcome_of("survives_json", {"survives_json": "thought to fail"})
    mark = parametrize_checks(Paul(), tier="static")
    model, bound = next(p.values for p in mark.args[1] if str(p.id).endswith("unmet_needs_are_refused"))
    with pytest.raises(pytest.skip.Exception, match="needs no facet"):
        bound(model)


def test_worlds_have_what_is_needed_and_no_more() -> None:
    needs = Needs(facets=("treatment", "therapist"))
    least, full, cells = worlds_for(ModelInfo(name="some", summary="", needs=needs))
    assert {f.name for f in least.data.schema.fields} == {"client", "treatment", "therapist", "end"}
    assert {"problem", "service", "start"} <= {f.name for f in full.data.schema.fields}
    assert cells.rows_of is full
    assert cells.data.values("end_n").sum() == full.data.n
    sizes = [len(full.data.labels(n)) for n in ("treatment", "problem", "therapist", "service")]
    assert len(set(sizes)) == len(sizes), "an index put the wrong way round would not show"
    with pytest.raises(NoWorldError, match="worlds="):
        worlds_for(ModelInfo(name="some", summary="", needs=Needs(outcome={"change": "continuous"})))
    odd = ModelInfo(name="some", summary="", needs=Needs(facets=("cost",)))
    with pytest.raises(NoWorldError, match="cost"):
        worlds_for(odd)


def test_counts_are_their_rows() -> None:
    rows, counts = worlds_for(ModelInfo(name="some", summary="", needs=Needs(outcome=("count",))))
    assert rows.data.values("recovered").sum() == counts.data.values("recovered").sum()
    assert rows.data.n == counts.data.values("finished").sum()


def test_uniform_ranks_pass_and_others_do_not() -> None:
    rng = np.random.default_rng(3)
    p = np.array([ecdf_p_value(rng.integers(0, RANKS + 1, 60), simulations=500) for _ in range(200)])
    assert 0.01 <= np.mean(p < 0.05) <= 0.10
    narrow = (RANKS * rng.beta(0.5, 0.5, 100)).astype(int)
    assert ecdf_p_value(narrow) < 0.005
    assert ecdf_p_value((RANKS * rng.beta(1.5, 1.0, 200)).astype(int)) < 0.005
    far = (RANKS * rng.beta(5.0, 1.0, 40)).astype(int)
    assert ecdf_p_value(far, simulations=500) < LEAST_P / 100, "a threshold divided by many quantities can be passed"
