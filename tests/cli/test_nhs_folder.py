"""A folder of IDS tables on the command line."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from outcomemodels.cli.main import cli
from outcomemodels.data.nhs_simulation.simulate import simulate_nhs
from outcomemodels.errors import SpecError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "ids"
    simulate_nhs(out, referrals=300, seed=2)
    return out


def counts_of(value, key=""):
    if isinstance(value, dict):
        for k, v in value.items():
            yield from counts_of(v, k)
    elif isinstance(value, list):
        for v in value:
            yield from counts_of(v, key)
    elif key in ("numerator", "denominator", "count", "left", "n", "valid", "missing", "rows") and value is not None:
        yield value


def test_audit_of_a_folder(folder):
    told = CliRunner().invoke(cli, ["audit", str(folder), "--json"], catch_exceptions=False)
    found = json.loads(told.stdout)
    assert found["n"] == 300
    assert any(r["field"] == "IDS101Referral.EndCode" for r in found["data_quality"]["fields"])
    assert "suppression" not in found


def test_suppressed_audit(folder):
    told = CliRunner().invoke(cli, ["audit", str(folder), "--json", "--suppress"], catch_exceptions=False)
    found = json.loads(told.stdout)
    assert "suppressed" in found["suppression"]
    shown = list(counts_of(found))
    assert len(shown) > 50
    assert all(n >= 5 and n % 5 == 0 for n in shown)
    text = CliRunner().invoke(cli, ["audit", str(folder), "--suppress"], catch_exceptions=False).stdout
    assert "are suppressed" in text


def test_options_of_annual_tables_are_refused(folder):
    with pytest.raises(SpecError, match="annual tables"):
        CliRunner().invoke(cli, ["audit", str(folder), "--level", "england"], catch_exceptions=False)


def test_compare_takes_the_whole_question(folder, tmp_path):
    """Fit in one command, then ask the truth about some clients of one provider only."""
    fit = tmp_path / "fit.nc"
    runner = CliRunner()
    words = ["--covariate", "phq9_start", "--batch", "treatment", "--batch", "problem", "--batch", "provider"]
    done = runner.invoke(cli, ["fit", str(folder), *words, "--draws", "100", "--out", str(fit), "--quiet"])
    assert done.exit_code in (0, 3), done.output
    for named, said in (
        (["--setting", "RX000"], "provider RX000"),
        (["--client", "phq9_start=15"], "phq9_start 13 to 17"),
    ):
        asked = ["simulate", "compare", str(fit), str(folder), "--problem", "Depression", *named, "--json"]
        found = json.loads(runner.invoke(cli, asked, catch_exceptions=False).stdout)
        assert {line["among"] for line in found["lines"]} == {said}
