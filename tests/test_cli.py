"""The command line: help, exit codes, JSON, and the main job."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from outcomemodels.cli import main
from small import columns


def run(*arguments: str) -> object:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.mark.parametrize("command", ["run", "audit", "fit", "ask", "report", "models", "schema", "simulate"])
def test_every_command_has_help(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0, result.output  # type: ignore[attr-defined]
    assert "Usage" in result.output  # type: ignore[attr-defined]


def test_models_are_listed() -> None:
    result = run("models")
    assert result.exit_code == 0  # type: ignore[attr-defined]
    assert "paul" in result.output  # type: ignore[attr-defined]


def test_wrong_usage_is_two() -> None:
    assert run("fit", "--no-such-option").exit_code == 2  # type: ignore[attr-defined]


def test_something_to_mend_is_one(tmp_path: Path) -> None:
    result = run("run", tmp_path / "absent.csv", "--schema", tmp_path / "absent.toml")
    assert result.exit_code == 1, result.output  # type: ignore[attr-defined]
    assert "Traceback" not in result.output  # type: ignore[attr-defined]


def test_the_main_job(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    result = run("run", "--out", out, "--save-fit", tmp_path / "fit.nc", "--quiet")
    assert result.exit_code == 0, result.output  # type: ignore[attr-defined]
    assert "BtheB" in out.read_text()
    asked = run("ask", tmp_path / "fit.nc", "--client", "bdi_pre=30", "--json")
    assert asked.exit_code == 0, asked.output  # type: ignore[attr-defined]
    json.loads(asked.stdout)  # type: ignore[attr-defined]


def test_a_drafted_schema_reads_its_own_table(tmp_path: Path) -> None:
    import pandas as pd

    source, schema = tmp_path / "episodes.csv", tmp_path / "paul.toml"
    pd.DataFrame(columns(60)).to_csv(source, index=False)
    drafted = run("schema", "init", source, "--out", schema)
    assert drafted.exit_code == 0, drafted.output  # type: ignore[attr-defined]
    checked = run("schema", "check", source, schema)
    assert checked.exit_code == 0, checked.output  # type: ignore[attr-defined]
    audited = run("audit", source, "--schema", schema, "--json")
    assert audited.exit_code == 0, audited.output  # type: ignore[attr-defined]
    assert json.loads(audited.stdout)["n"] == 60  # type: ignore[attr-defined]
