"""A reduction that was killed goes on from its checkpoint and ends in the same numbers, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inference.collapsed import reduced_worlds as worlds
from outcomemodels.errors import FileError
from outcomemodels.inference.collapsed.stream import reduce_rows
from outcomemodels.spec import ModelSpec

SLOW = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from inference.collapsed import reduced_worlds as worlds
from outcomemodels.inference.collapsed import stream

add = stream.Accumulator.add
def slowly(self, columns, table):
    time.sleep(0.05)
    return add(self, columns, table)
stream.Accumulator.add = slowly
stream.reduce_rows(Path(sys.argv[1]), worlds.SCHEMA, worlds.SPEC, checkpoint=sys.argv[2], every=0.0)
"""


def written(folder: Path, *, suffix: str = "parquet", n: int = 3000) -> Path:
    frame = pd.DataFrame(worlds.table(n))
    path = folder / f"rows.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, row_group_size=100)
    else:
        frame.to_csv(path, index=False)
    return path


def test_killed_and_resumed_is_bit_identical(tmp_path: Path) -> None:
    path, checkpoint = written(tmp_path), tmp_path / "part.npz"
    whole = reduce_rows(path, worlds.SCHEMA, worlds.SPEC)
    tests = Path(__file__).resolve().parents[2]
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(path), str(checkpoint), str(tests)])
    try:
        until = time.monotonic() + 60
        while not checkpoint.exists() and time.monotonic() < until and process.poll() is None:
            time.sleep(0.02)
        time.sleep(0.2)
        assert process.poll() is None, "the reduction ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert checkpoint.exists()
    resumed = reduce_rows(path, worlds.SCHEMA, worlds.SPEC, checkpoint=checkpoint)
    worlds.assert_same_sums(whole, resumed, exactly=True)
    assert not checkpoint.exists()


class Stop(Exception):
    pass


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A parquet file, and the checkpoint of a reduction of it that stopped half-way."""
    from outcomemodels.inference.collapsed import stream

    path, checkpoint = written(tmp_path), tmp_path / "part.npz"
    add, seen = stream.Accumulator.add, []

    def failing(self: stream.Accumulator, columns: object, table: str) -> int:
        seen.append(table)
        if len(seen) > 17:
            raise Stop
        return add(self, columns, table)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(stream.Accumulator, "add", failing)
        with pytest.raises(Stop):
            reduce_rows(path, worlds.SCHEMA, worlds.SPEC, checkpoint=checkpoint, every=0.0)
    assert checkpoint.exists()
    return path, checkpoint


def test_resuming_reads_only_what_is_left(interrupted: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from outcomemodels.inference.collapsed import stream

    path, checkpoint = interrupted
    add, seen = stream.Accumulator.add, []

    def counting(self: stream.Accumulator, columns: object, table: str) -> int:
        seen.append(table)
        return add(self, columns, table)  # type: ignore[arg-type]

    monkeypatch.setattr(stream.Accumulator, "add", counting)
    reduce_rows(path, worlds.SCHEMA, worlds.SPEC, checkpoint=checkpoint)
    assert len(seen) == 30 - 17


def test_checkpoint_of_another_source_is_refused(interrupted: tuple[Path, Path], tmp_path: Path) -> None:
    _, checkpoint = interrupted
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(FileError, match=r"not of this reduction: it was made from 'rows.parquet'"):
        reduce_rows(written(other, n=900), worlds.SCHEMA, worlds.SPEC, checkpoint=checkpoint)


def test_checkpoint_of_another_recipe_is_refused(interrupted: tuple[Path, Path]) -> None:
    path, checkpoint = interrupted
    spec = ModelSpec(outcome="phq9_end", covariates=("age",))
    with pytest.raises(FileError, match="another schema, outcome or set of terms"):
        reduce_rows(path, worlds.SCHEMA, spec, checkpoint=checkpoint)


def test_damaged_checkpoint_is_refused(interrupted: tuple[Path, Path]) -> None:
    path, checkpoint = interrupted
    checkpoint.write_bytes(checkpoint.read_bytes()[:500])
    with pytest.raises(FileError, match="cannot be read"):
        reduce_rows(path, worlds.SCHEMA, worlds.SPEC, checkpoint=checkpoint)


def test_rows_in_memory_have_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be resumed"):
        reduce_rows(worlds.table(100), worlds.SCHEMA, worlds.SPEC, checkpoint=tmp_path / "part.npz")
