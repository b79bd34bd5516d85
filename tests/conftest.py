"""Shared fixtures: where the real data lie, and a few fits made once for the whole session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def data_folder() -> Path | None:
    """The folder of real data: an environment variable, or ``shared/data`` beside the checkout."""
    named = os.environ.get("OUTCOMEMODELS_DATA")
    candidates = [Path(named)] if named else [ROOT.parent / "shared" / "data"]
    return next((c for c in candidates if c.is_dir()), None)


@pytest.fixture(scope="session")
def shared_data() -> Iterator[Path]:
    """The folder of real data, named to the library too for as long as the tests run."""
    folder = data_folder()
    if folder is None:
        pytest.skip("the real data sets are not here; set OUTCOMEMODELS_DATA to their folder")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTCOMEMODELS_DATA", str(folder))
        yield folder
