"""The command line: help, exit codes, what goes to stdout and what to stderr."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from made_fits import made_fit
from outcomemodels.cli.main import COMMANDS, cli, main
from outcomemodels.data.simulate import crossed_world
from outcomemodels.errors import OutcomeModelsError


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_fit(crossed_world(1, clients=300)[0]).save(tmp_path_factory.mktemp("fits") / "fit.nc")


@pytest.fixture(scope="module")
def saved_broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    fit = made_fit(crossed_world(1, clients=300)[0], broken=True)
    return fit.save(tmp_path_factory.mktemp("fits") / "broken.nc")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_helps_with_an_example(name: str) -> None:
    arguments = [name, "init", "--help"] if name == "schema" else [name, "--help"]
    result = call(*arguments)
    assert result.exit_code == 0
    assert "Example" in result.output


def test_help_and_version_import_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from outcomemodels.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit as e:\n    print('code', e.code)\n"
        "print([m for m in ('pymc', 'matplotlib', 'numpy', 'xarray', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.endswith("code 0\n[]\n")
    assert call("--version").output.startswith("outcomemodels, version ")


def test_our_errors_are_told_on_stderr_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["audit", "beat_the_bluse"])
    captured = capsys.readouterr()
    assert stop.value.code == 1
    assert captured.out == ""
    assert "did you mean 'beat_the_blues'?" in captured.err
    assert "Traceback" not in captured.err


def test_wrong_usage_is_code_2() -> None:
    assert call("ask").exit_code == 2
    assert call("fit", "beat_the_blues", "--engine", "magic").exit_code == 2
    assert call("audit", "beat_the_blues", "--where", "problem").exit_code == 2


def test_audit_speaks_json() -> None:
    result = call("audit", "beat_the_blues", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["n"] == 100
    assert "Audit of beat_the_blues" in call("audit", "beat_the_blues").stdout


def test_where_keeps_rows() -> None:
    result = call("audit", "beat_the_blues", "--json", "--where", "treatment=TAU")
    assert json.loads(result.stdout)["n"] == 48
    wrong = call("audit", "beat_the_blues", "--where", "treatment=TAO")
    assert isinstance(wrong.exception, OutcomeModelsError)


def test_ask_answers_in_words_and_json(saved: Path) -> None:
    arguments = ["ask", saved, "--problem", "P0", "--client", "start=20", "--therapist", "new", "--setting", "unknown"]
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    assert "Which treatment for a client with P0" in result.stdout
    answers = json.loads(call(*arguments, "--json").stdout)
    assert answers[0]["question"]["therapist"] == {"unseen": "NEW"}
    assert answers[0]["question"]["client"] == {"start": 20.0}
    assert len(json.loads(call("ask", saved, "--problem", "P0", "--problem", "P1", "--json").stdout)) == 2


def test_ask_twice_answers_alike(saved: Path) -> None:
    assert call("ask", saved, "--json").stdout == call("ask", saved, "--json").stdout


def test_report_of_a_saved_fit(saved: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    result = call("report", saved, "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}\n"
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_failed_verdict_is_code_3_and_loud(saved_broken: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    result = call("report", saved_broken, "--out", out)
    assert result.exit_code == 3
    assert "SAMPLING FAILED" in result.stderr
    assert "Do not use these results" in out.read_text(encoding="utf-8")
    asked = call("ask", saved_broken)
    assert asked.exit_code == 3
    assert asked.output.count("FAILED") == 1
    as_json = call("ask", saved_broken, "--json")
    assert as_json.exit_code == 3
    assert json.loads(as_json.stdout)[0]["verdict_failed"] is True


def test_models_lists_without_importing_and_says_more_when_asked() -> None:
    names = [row["name"] for row in json.loads(call("models", "--json").stdout)]
    assert "paul" in names
    assert "batches of exchangeable effects" in call("models", "--verbose").stdout


def test_data_names_licences() -> None:
    assert "GPL-2" in json.loads(call("data", "--json").stdout)["beat_the_blues"]


def test_schema_is_drafted_then_checked(tmp_path: Path) -> None:
    table = tmp_path / "episodes.csv"
    table.write_text("client_id,therapy,phq9_pre,phq9_post\n1,CBT,14,7\n2,EMDR,15,9\n3,CBT,12,11\n")
    draft = tmp_path / "paul.toml"
    assert call("schema", "init", table, "--out", draft).exit_code == 0
    again = call("schema", "init", table, "--out", draft)
    assert isinstance(again.exception, OutcomeModelsError)
    result = call("schema", "check", table, draft, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["rows"] == 3
    needs = call("audit", table)
    assert "schema init" in str(needs.exception)


@pytest.mark.parametrize("world", ["crossed", "disconnected", "cells", "counted"])
def test_simulated_worlds_can_be_audited(world: str, tmp_path: Path) -> None:
    out = tmp_path / "world.nc"
    assert call("simulate", world, "--out", out, "--seed", 7).exit_code == 0
    assert "effects" in json.loads((tmp_path / "world.truth.json").read_text())
    assert call("audit", out).exit_code == 0


@pytest.mark.sampling
def test_run_does_the_whole_job(tmp_path: Path) -> None:
    out, fit = tmp_path / "report.html", tmp_path / "fit.nc"
    result = call("run", "--out", out, "--save-fit", fit, "--draws", 200, "--tune", 200, "--json", "--quiet")
    assert result.exit_code in (0, 3), result.output
    said = json.loads(result.stdout)
    assert (result.exit_code == 0) is said["verdict"]["passed"]
    assert said["rows"] == 280
    assert out.is_file()
    again = json.loads(call("ask", fit, "--json").stdout)
    assert again[0]["treatments"] == said["answers"][0]["treatments"]
