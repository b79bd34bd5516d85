"""Data sets by name: embedded, from a folder, from a mirror; never another file than the one known."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import outcomemodels as om
from outcomemodels.data.embedded import available
from outcomemodels.data.shareable import READERS
from outcomemodels.data.sources import SOURCES, VARIABLE
from outcomemodels.errors import FileError
from outcomemodels.schema import Assignment, Facet, Grain


@pytest.fixture
def named(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(shared_data))
    return shared_data


def test_every_name_has_a_reader_a_title_and_a_licence() -> None:
    assert set(available()) == {"beat_the_blues", *READERS}
    for source in SOURCES:
        assert source.licence
        assert all(len(digest) == 64 for _, digest in source.files)
    assert "cbasp" not in " ".join(available())


def test_the_embedded_data_carry_their_notice() -> None:
    notice = (files("outcomemodels.data") / "embedded_files" / "NOTICE.txt").read_text(encoding="utf-8")
    assert "GPL-2" in notice
    assert "beat_the_blues.csv" in notice
    assert "GPL-2" in om.load("beat_the_blues").schema.licence


@pytest.mark.parametrize(
    ("name", "grain", "n", "assessments", "outcome"),
    [
        ("anorexia", Grain.EPISODE, 72, 0, "weight_end"),
        ("sleepstudy", Grain.EPISODE, 18, 180, "reaction"),
        ("enrichd_bdi", Grain.EPISODE, 557, 7117, "bdi"),
        ("inst_eval", Grain.EPISODE, 73421, 0, "rating"),
        ("ctn0094", Grain.EPISODE, 2492, 0, "opioid_free"),
        ("nhs_tt_proms", Grain.CELL, 19990, 0, "phq9_end"),
        ("nhs_tt_measures", Grain.CELL, 1157, 0, "recovery"),
        ("metapsy", Grain.CONTRAST, 3098, 0, "g_benefit"),
    ],
)
def test_data_sets_by_name(named: Path, name: str, grain: Grain, n: int, assessments: int, outcome: str) -> None:
    data = om.load(name)
    assert (data.grain, data.n, data.n_assessments) == (grain, n, assessments)
    assert data.outcomes[0] == outcome
    assert data.schema.licence
    assert data.schema.source


def test_contents(named: Path) -> None:
    sleep = om.load("sleepstudy")
    assert np.array_equal(sleep.values("days"), 7 * sleep.values("weeks"))
    ratings = om.load("inst_eval")
    assert [len(ratings.labels(n)) for n in ("client", "therapist", "setting")] == [2972, 1128, 14]
    trials = om.load("metapsy")
    assert trials.schema.assignment is Assignment.RANDOMISED
    assert trials.schema["g_se"].of == "g_benefit"
    assert len(trials.labels("study")) == 1282
    opioid = om.load("ctn0094")
    assert (opioid.values("opioid_free") <= opioid.values("opioid_free_total")).all()
    assert len(opioid.labels("site")) == 32
    assert {f.facet for f in opioid.schema} >= {Facet.CLIENT, Facet.PROBLEM, Facet.FUNCTIONING, Facet.SETTING}


def test_unknown_name() -> None:
    with pytest.raises(FileError, match="did you mean 'sleepstudy'"):
        om.load("sleepstudys")


def test_without_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(FileError, match=r"not embedded[\s\S]*OUTCOMEMODELS_DATA[\s\S]*R package MASS"):
        om.load("anorexia")
    with pytest.raises(FileError, match="never fetched"):
        om.load("metapsy")


def test_another_file_is_refused(named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "anorexia").mkdir()
    original = (named / "anorexia" / "anorexia.csv").read_bytes()
    (tmp_path / "anorexia" / "anorexia.csv").write_bytes(original.replace(b"80.7", b"80.8", 1))
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(FileError, match="SHA-256"):
        om.load("anorexia")
    with pytest.raises(FileError, match="has no inst_eval"):
        om.load("inst_eval")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror(tmp_path: Path, shared_data: Path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "mirror"
    (folder / "anorexia").mkdir(parents=True)
    shutil.copy(shared_data / "anorexia" / "anorexia.csv", folder / "anorexia")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_mirror(mirror: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address, folder = mirror
    monkeypatch.setenv(VARIABLE, address)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert om.load("anorexia").n == 72
    with pytest.raises(FileError, match="could not be fetched"):
        om.load("sleepstudy")
    with pytest.raises(FileError, match="not fetched"):
        om.load("metapsy")
    shutil.rmtree(tmp_path / "cache")
    (folder / "anorexia" / "anorexia.csv").write_text("something else\n")
    with pytest.raises(FileError, match="not the file expected"):
        om.load("anorexia")
