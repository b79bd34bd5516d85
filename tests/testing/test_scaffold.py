"""A new plugin works at once: the template is the example, its tests pass, the command line checks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from outcomemodels.cli.main import cli
from outcomemodels.errors import FileError, PluginError, SpecError
from outcomemodels.testing.scaffold import new_plugin, render

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "tests" / "plugins" / "example_model"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments])


def test_the_example_is_the_template() -> None:
    for path, text in render("robust-therapists").items():
        assert (EXAMPLE / path).read_text() == text, f"{path}: write it anew with 'outcomemodels plugin new'"


def test_the_model_is_about_forty_lines() -> None:
    text = render("some-model")["src/outcomemodels_some_model/model.py"]
    body = text[text.index("@dataclass") :]
    code = [line for line in body.splitlines() if line.strip()]
    assert len(code) <= 42


def test_a_new_plugin_passes_its_own_tests_at_once(tmp_path: Path) -> None:
    result = call("plugin", "new", "brand-new", "--out", tmp_path / "made")
    assert result.exit_code == 0, result.output
    folder = tmp_path / "made"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    new_plugin("mine", tmp_path)
    with pytest.raises(FileError, match="exist already"):
        new_plugin("mine", tmp_path)


@pytest.mark.parametrize("name", ["Mine", "my model", "1st", "my_model", ""])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(SpecError, match="hyphens"):
        render(name)


def test_check_prints_the_table_and_says_by_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    good = call("plugin", "check", "paul", "--tier", "static")
    assert good.exit_code == 0, good.output
    assert "passed          static      keeps_the_protocol" in good.output
    wrong = "testing.wrong_plugins.protocol:BadName"
    bad = call("plugin", "check", wrong, "--tier", "static")
    assert bad.exit_code == 1
    assert "info_is_honest: failed" in bad.output
    known = call(
        "plugin",
        "check",
        "testing.wrong_plugins.protocol:BadName",
        "--tier",
        "static",
        "--expect",
        "info_is_honest=historical",
    )
    assert known.exit_code == 0, known.output


def test_check_speaks_json() -> None:
    result = call("plugin", "check", "testing.wrong_plugins.protocol:NoUnits", "--tier", "static", "--json")
    assert result.exit_code == 1
    rows = {r["name"]: r for r in json.loads(result.stdout)}
    assert rows["says_its_story_with_units"]["outcome"] == "failed"
    assert set(rows["keeps_the_protocol"]) == {"name", "tier", "outcome", "message", "seconds"}


def test_a_model_that_cannot_be_loaded_is_one_error() -> None:
    result = call("plugin", "check", "no_such_module:Model")
    assert isinstance(result.exception, PluginError)
    assert "no_such_module" in str(result.exception)
    assert call("plugin", "check", "paul", "--only", "bilds").exit_code == 2


def test_the_page_lists_every_check_and_every_wrong_model() -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        from checks_table import PAGE, page
    finally:
        sys.path.remove(str(ROOT / "docs"))
    text = PAGE.read_text()
    assert page(text) == text, "run python docs/checks_table.py"


@pytest.mark.calibration
def test_the_example_passes_when_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE / "src"))
    result = call("plugin", "check", "outcomemodels_robust_therapists:RobustTherapists", "--tier", "sampling")
    assert result.exit_code == 0, result.output
    assert "passed          sampling    recovers_the_truth" in result.output
