"""The command: what it lists, and that there is nothing to show before there are results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from outcomemodels.benchmarking.measure import Measured
from outcomemodels.benchmarking.schedule import Record
from outcomemodels.benchmarking.truth_scores import Score, Scored
from outcomemodels.cli.benching import bench
from outcomemodels.errors import FileError


def test_list_names_cases_and_entrants() -> None:
    found = CliRunner().invoke(bench, ["list", "--json"])
    assert found.exit_code == 0, found.output
    raw = json.loads(found.output)
    assert {"crossed-1e3", "insteval", "nhs-2023-24"} <= {r["case"] for r in raw["cases"]}
    assert {"collapsed", "nutpie-lowrank", "numpyro", "bambi", "lme4"} <= {e["entrant"] for e in raw["entrants"]}
    assert "Entrants" in CliRunner().invoke(bench, ["list"]).output


def test_nothing_to_show_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no results"):
        CliRunner().invoke(bench, ["show", "--out", str(tmp_path)], catch_exceptions=False)


def test_results_and_scores_stand_on_one_page_and_in_strict_json(tmp_path: Path) -> None:
    done = Measured(status="done", kind="point", seconds={"compile": 0.1, "sample": 1.0}, load=0.5)
    slow = Measured(status="not finished", kind="posterior", why="not finished in 9 s")
    records = [
        Record("mine", "lme4", 0, 0, "2026-01-01", done, "a machine"),
        Record("mine", "x", 0, 1, "2026-01-02", slow),
    ]
    (tmp_path / "results.jsonl").write_text("".join(r.line() + "\n" for r in records))
    score = Score("paul", "crossed", 3, coverage=Scored(0.8, 0.1), at="2026-01-03", machine="a machine")
    (tmp_path / "truth.jsonl").write_text(score.line() + "\n")
    shown = CliRunner().invoke(bench, ["show", "--out", str(tmp_path)], catch_exceptions=False)
    assert "not finished in 9 s" in shown.output
    assert "0.80 ± 0.10" in shown.output
    page = (tmp_path / "page.html").read_text()
    assert "2026-01-01 to 2026-01-03" in page
    assert "a machine" in page

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    raw = json.loads((tmp_path / "results.json").read_text(), parse_constant=refuse)
    assert [r["entrant"] for r in raw["rows"]] == ["lme4", "x"]
    assert raw["truth"][0]["coverage"] == {"value": 0.8, "error": 0.1}
    assert raw["truth"][0]["regret"]["value"] is None
