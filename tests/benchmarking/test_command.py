"""The command: what it lists, and that there is nothing to show before there are results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

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
