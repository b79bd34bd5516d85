"""Writing tables chunk by chunk: parquet or csv, one file a table, nothing kept in memory."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from outcomemodels.errors import FileError

FORMATS = ("parquet", "csv")


class TableWriter:
    """Appends rows to one file a table; a context manager, closed whether or not all went well.

    Parameters
    ----------
    folder : Path
    kind : {"parquet", "csv"}
    stems : mapping of table to file stem, optional
        Where a file shall not be called as its table is.
    """

    def __init__(self, folder: Path, kind: str, stems: dict[str, str] | None = None) -> None:
        self._folder = folder
        self._kind = kind
        self._stems = stems or {}
        self._open: dict[str, Any] = {}
        self._schemas: dict[str, pa.Schema] = {}
        self.rows: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sink in self._open.values():
            sink.close()

    def add(self, name: str, columns: dict[str, pa.Array]) -> None:
        """Append rows; the first call fixes the columns and their types.

        Raises
        ------
        FileError
            When the file cannot be written.
        """
        table = pa.table(columns)
        try:
            if name not in self._open:
                self._schemas[name] = table.schema
                path = self._folder / f"{self._stems.get(name, name)}.{self._kind}"
                self._open[name] = (
                    pa.parquet.ParquetWriter(path, table.schema, compression="zstd", compression_level=1)
                    if self._kind == "parquet"
                    else pa.csv.CSVWriter(path, table.schema)
                )
            self._open[name].write_table(table.cast(self._schemas[name]))
        except OSError as error:
            raise FileError(
                f"cannot write {name}: {error}", mend="check the folder and the space on the disk"
            ) from error
        self.rows[name] = self.rows.get(name, 0) + table.num_rows


def new_folder(out: str | Path) -> Path:
    """Make the folder to write into.

    Raises
    ------
    FileError
        When it exists and is not empty, or cannot be made.
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FileError(f"{folder} is not empty", mend="choose another --out, or empty the folder")
        for part in ("truth", "linked"):
            (folder / part).mkdir()
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot make {folder}: {error.strerror}", mend="choose another --out") from error
    return folder
