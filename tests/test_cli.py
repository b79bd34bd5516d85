"""The command line: help, exit codes, JSON, and the main job."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from outcomemodels.cli import main
from small import columns


@dataclass(frozen=True)
class Result:
    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


def run(*arguments: object) -> Result:
    """The command as the shell sees it, in this process."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(a) for a in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Result(code, out.getvalue(), err.getvalue())


@pytest.mark.parametrize("command", ["run", "audit", "fit", "ask", "report", "models", "schema", "simulate"])
def test_every_command_has_help(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0, result.output
    assert "Usage" in result.output


def test_models_are_listed() -> None:
    result = run("models")
    assert result.exit_code == 0
    assert "paul" in result.output


def test_wrong_usage_is_two() -> None:
    assert run("fit", "--no-such-option").exit_code == 2


def test_something_to_mend_is_one(tmp_path: Path) -> None:
    result = run("run", tmp_path / "absent.csv", "--schema", tmp_path / "absent.toml")
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output


def test_the_main_job(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    result = run("run", "--out", out, "--save-fit", tmp_path / "fit.nc", "--quiet")
    assert result.exit_code == 0, result.output
    assert "BtheB" in out.read_text()
    asked = run("ask", tmp_path / "fit.nc", "--client", "bdi_pre=30", "--json")
    assert asked.exit_code == 0, asked.output
    json.loads(asked.stdout)


def test_a_drafted_schema_reads_its_own_table(tmp_path: Path) -> None:
    import pandas as pd

    source, schema = tmp_path / "episodes.csv", tmp_path / "paul.toml"
    pd.DataFrame(columns(60)).to_csv(source, index=False)
    drafted = run("schema", "init", source, "--out", schema)
    assert drafted.exit_code == 0, drafted.output
    checked = run("schema", "check", source, schema)
    assert checked.exit_code == 0, checked.output
    audited = run("audit", source, "--schema", schema, "--json")
    assert audited.exit_code == 0, audited.output
    assert json.loads(audited.stdout)["n"] == 60
