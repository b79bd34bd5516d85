"""From a file to an answer without the rows, on the command line."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import small
from outcomemodels.cli.main import cli
from outcomemodels.errors import BlockedError, SpecError
from outcomemodels.schema.toml import schema_to_toml


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def stats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reduced")
    pd.DataFrame(small.columns(900)).to_parquet(folder / "rows.parquet")
    (folder / "paul.toml").write_text(schema_to_toml(small.schema()))
    done = call(
        "reduce", folder / "rows.parquet", "--schema", folder / "paul.toml", "--batch", "treatment", "--batch",
        "therapist", "--covariate", "phq9_start", "--out", folder / "stats.nc", "--quiet",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "900 in" in done.output
    return folder / "stats.nc"


def test_reduced_rows_are_fitted_and_asked(stats: Path) -> None:
    out = stats.parent / "fit.nc"
    done = call("fit", stats, "--out", out, "--draws", 300, "--quiet")
    assert done.exit_code == 0, done.output
    assert "900 rows" in done.output
    answer = call("ask", out, "--problem", "PTSD")
    assert answer.exit_code == 0, answer.output
    assert "CBT" in answer.output


def test_choices_after_the_reduction_are_refused(stats: Path) -> None:
    done = call("fit", stats, "--covariate", "age")
    assert isinstance(done.exception, SpecError)
    assert "--covariate" in str(done.exception)


def test_packet_is_checked_and_merged(stats: Path) -> None:
    seen = call("packet", stats, "--site", "a", "--check", "--minimum", 12)
    assert "hold fewer than 12 courses" in seen.output
    refused = call("packet", stats, "--site", "a", "--minimum", 12, "--out", stats.parent / "a.nc")
    assert isinstance(refused.exception, BlockedError)
    made = call("packet", stats, "--site", "a", "--minimum", 12, "--small", "suppress", "--out", stats.parent / "a.nc")
    assert "APPROXIMATE" in made.output
    pooled = call("merge", stats.parent / "a.nc", "--out", stats.parent / "pooled.nc")
    assert pooled.exit_code == 0, pooled.output
