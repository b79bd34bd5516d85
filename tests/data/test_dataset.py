"""The carrier: what is in it, selection, storage, identity, and what a person sees."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import outcomemodels as om
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.show import html_of, text_of
from outcomemodels.errors import DataError, FileError


@pytest.fixture(scope="module")
def trial() -> PaulDataset:
    return om.load("beat_the_blues")


def test_the_embedded_trial(trial: PaulDataset) -> None:
    assert (trial.n, trial.n_assessments, trial.measures, trial.outcomes) == (100, 400, ("bdi",), ("bdi",))
    score, weeks = trial.values("score"), trial.values("weeks")
    seen = [int(np.isfinite(score[weeks == w]).sum()) for w in np.unique(weeks)]
    assert seen == [97, 73, 58, 52]
    assert np.unique(weeks) == pytest.approx(np.array([2, 3, 5, 8]) * 52.18 / 12)
    assert [str(v) for v in trial.labels("treatment")] == ["TAU", "BtheB"]
    assert set(trial.missing("score")) == {"", "blank"}
    assert set(trial.missing("bdi_pre")) == {""}


def test_selection_carries_assessments(trial: PaulDataset) -> None:
    part = trial.where(treatment="BtheB")
    assert part.n == int((trial.strings("treatment") == "BtheB").sum())
    assert part.n_assessments == 4 * part.n
    same = part.strings("client", "main")[part.codes_of_episode()] == part.strings("client", "assessment")
    assert same.all()
    assert list(part.labels("treatment")) == list(trial.labels("treatment"))
    both = trial.where(treatment=["TAU", "BtheB"])
    assert both.digest() == trial.digest()


def test_selection_refuses(trial: PaulDataset) -> None:
    with pytest.raises(DataError, match=r"unknown label 'BtheBlues'[\s\S]*did you mean 'BtheB'"):
        trial.where(treatment="BtheBlues")
    with pytest.raises(DataError, match="mask has shape"):
        trial.select(np.ones(3, dtype=bool))


@pytest.mark.parametrize("name", ["trial.nc", "trial.zarr"])
def test_saved_and_loaded_the_same(trial: PaulDataset, tmp_path: Path, name: str) -> None:
    path = trial.save(tmp_path / "new folder" / name)
    again = om.read(path)
    assert again.digest() == trial.digest()
    assert again.schema == trial.schema
    assert (again.missing("score") == trial.missing("score")).all()
    trial.where(treatment="TAU").save(path)
    assert PaulDataset.load(path).n == trial.where(treatment="TAU").n
    assert os.listdir(path.parent) == [name], "nothing half-written is left behind"


def test_storage_refuses(trial: PaulDataset, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot write"):
        trial.save(tmp_path / "trial.pkl")
    with pytest.raises(FileError, match="no file"):
        PaulDataset.load(tmp_path / "none.nc")
    whole = trial.save(tmp_path / "trial.nc").read_bytes()
    (tmp_path / "half.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError, match="cannot be read"):
        PaulDataset.load(tmp_path / "half.nc")
    trial.arrays.drop_vars(["client", "length", "treatment", "drug", "measure", "assessor"]).to_netcdf(
        tmp_path / "other.nc", engine="h5netcdf"
    )
    with pytest.raises(FileError, match="not written by"):
        PaulDataset.load(tmp_path / "other.nc")


def test_digest_sees_a_changed_value(trial: PaulDataset) -> None:
    other = trial.arrays.copy(deep=True)
    other["score"][0] += 1
    assert PaulDataset(trial.schema, other).digest() != trial.digest()


def test_what_a_person_sees(trial: PaulDataset) -> None:
    text = text_of(trial)
    assert "100 episodes, 400 assessments of bdi" in text
    assert "randomised" in text
    assert "not recorded: problem, functioning, therapist, setting, cost, disposition" in text
    assert repr(trial) == text
    page = html_of(trial)
    assert "&lt;6m" in page
    assert "<6m" not in page
    assert "http" not in page
    assert "<th scope" in page


def test_frame_has_labels(trial: PaulDataset) -> None:
    frame = trial.to_frame()
    assert list(frame.columns) == ["client", "length", "treatment", "drug", "bdi_pre"]
    assert set(frame["treatment"]) == {"TAU", "BtheB"}
