"""Workers in processes of their own give the sums of one process."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inference.collapsed import reduced_worlds as worlds
from outcomemodels.errors import FileError
from outcomemodels.inference.collapsed.distributed import reduce_on
from outcomemodels.inference.collapsed.stream import reduce_rows

distributed = pytest.importorskip("distributed", reason="needs the extra dask")

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as made,
        ):
            yield made


def test_a_cluster_of_processes_gives_the_same_sums(client: Any, tmp_path: Path) -> None:
    frame = pd.DataFrame(worlds.table(3000))
    for i in range(3):
        table = pa.Table.from_pandas(frame.iloc[i * 1000 : (i + 1) * 1000], preserve_index=False)
        pq.write_table(table, tmp_path / f"part{i}.parquet", row_group_size=300)
    alone = reduce_rows(tmp_path, worlds.SCHEMA, worlds.SPEC)
    together = reduce_on(client, tmp_path, worlds.SCHEMA, worlds.SPEC)
    worlds.assert_same_sums(alone, together)
    assert together.n_rows == alone.n_rows
    rows, _ = worlds.from_rows(frame)
    worlds.assert_same_statistics(rows, worlds.from_sums(together)[0])


def test_rows_in_memory_and_checkpoints_are_refused(client: Any, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no partitions"):
        reduce_on(client, worlds.table(100), worlds.SCHEMA, worlds.SPEC)
    with pytest.raises(FileError, match="keeps no checkpoint"):
        reduce_on(client, tmp_path, worlds.SCHEMA, worlds.SPEC, checkpoint=tmp_path / "part.npz")
