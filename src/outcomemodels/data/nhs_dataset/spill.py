"""Rows set aside in numbered parts while tables stream by: in memory while they are few, beyond that in files."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from outcomemodels.errors import FileError

HELD = 16 * 1024 * 1024
"""Bytes of rows of one kind that are kept in memory before they go to files."""

MAPPED = 1_000_000
"""Rows of a mapped column worked on at once."""

Columns = dict[str, NDArray[Any]]


class Scratch:
    """A folder for rows set aside, made when first needed and removed at the end; only its owner can read it.

    Parameters
    ----------
    place : path, optional
        Where to make it; the system's folder for temporary files when absent.
    held : int
        Bytes of one kind of rows kept in memory before files are used.
    """

    def __init__(self, place: str | Path | None = None, held: int = HELD) -> None:
        self._place = place
        self._folder: Path | None = None
        self.held = held

    @property
    def folder(self) -> Path:
        """The folder.

        Raises
        ------
        FileError
            If it cannot be made.
        """
        if self._folder is None:
            try:
                self._folder = Path(tempfile.mkdtemp(prefix="outcomemodels-", dir=self._place))
            except OSError as error:
                raise FileError(
                    f"cannot make a folder for temporary files: {error}", mend="name a folder with scratch=…"
                ) from None
        return self._folder

    def write(self, name: str, rows: NDArray[Any]) -> Path:
        """Append rows to a file of the folder.

        Raises
        ------
        FileError
            If the disk is full or cannot be written.
        """
        path = self.folder / name
        try:
            with path.open("ab") as file:
                rows.tofile(file)
        except OSError as error:
            raise FileError(
                f"cannot write temporary files to {self.folder.parent}: {error}",
                mend="free some space (about 60 bytes a contact, activity and score), or name another folder with "
                "scratch=…",
            ) from None
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            if self._folder.exists():  # a mapped file cannot be removed on every system
                atexit.register(shutil.rmtree, self._folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Blocks:
    """Referrals in blocks of neighbours, worked on one after the other.

    Parameters
    ----------
    n, size : int
        Referrals in all, and in one block.
    """

    n: int
    size: int

    @property
    def number(self) -> int:
        """How many blocks."""
        return -(-self.n // self.size)

    def of(self, referral: NDArray[Any]) -> NDArray[Any]:
        """Block of each row's referral, dims (row,)."""
        return referral // self.size

    def bounds(self, block: int) -> tuple[int, int]:
        """First referral of a block, and the one after its last."""
        return block * self.size, min((block + 1) * self.size, self.n)


class Spill:
    """Rows of one kind in numbered parts, each part in the order it was added.

    Parameters
    ----------
    scratch : Scratch
    name : str
    parts : int
    kind : numpy.dtype
        A structured type: the fields of a row.
    """

    def __init__(self, scratch: Scratch, name: str, parts: int, kind: np.dtype[Any]) -> None:
        self._scratch, self._name, self._kind = scratch, name, kind
        self._held: list[list[NDArray[Any]]] = [[] for _ in range(parts)]
        self._bytes = 0
        self.parts = parts

    def add(self, part: NDArray[Any], columns: Mapping[str, NDArray[Any]]) -> None:
        """Set rows aside.

        Parameters
        ----------
        part : ndarray of int, dims (row,)
        columns : mapping of field to ndarray, dims (row,)
        """
        n = len(part)
        if n == 0:
            return
        rows = np.empty(n, dtype=self._kind)
        for name in self._kind.names or ():
            rows[name] = columns[name]
        if self.parts == 1:
            self._held[0].append(rows)
        else:
            order = np.argsort(part, kind="stable")
            rows = rows[order]
            ends = np.cumsum(np.bincount(part, minlength=self.parts))
            for k, (start, end) in enumerate(zip((0, *ends[:-1].tolist()), ends.tolist(), strict=True)):
                if end > start:
                    self._held[k].append(rows[start:end])
        self._bytes += rows.nbytes
        if self._bytes > self._scratch.held:
            self._flush()

    def take(self, part: int) -> Columns:
        """Rows of one part, column by column; they are gone from here afterwards."""
        held, self._held[part] = self._held[part], []
        path = self._scratch.folder / f"{self._name}-{part}" if self._in_files else None
        pieces = held
        if path is not None and path.exists():
            pieces = [np.fromfile(path, dtype=self._kind), *held]
            path.unlink()
        rows = pieces[0] if len(pieces) == 1 else np.concatenate([np.empty(0, dtype=self._kind), *pieces])
        return {name: np.ascontiguousarray(rows[name]) for name in self._kind.names or ()}

    _in_files = False

    def _flush(self) -> None:
        self._in_files = True
        for k, held in enumerate(self._held):
            for rows in held:
                self._scratch.write(f"{self._name}-{k}", rows)
            held.clear()
        self._bytes = 0


class LongTable:
    """Columns of a long table that grow block by block and end as arrays: in memory while few, else mapped from files.

    A mapped column takes no memory until it is used; what is used can be dropped from memory again by the system.

    Parameters
    ----------
    scratch : Scratch
    name : str
    kinds : mapping of column to dtype
    """

    def __init__(self, scratch: Scratch, name: str, kinds: Mapping[str, Any]) -> None:
        self._scratch, self._name = scratch, name
        self._kinds = {column: np.dtype(kind) for column, kind in kinds.items()}
        self._held: dict[str, list[NDArray[Any]]] = {column: [] for column in kinds}
        self._bytes = 0
        self._in_files = False
        self.n = 0

    def add(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Append rows."""
        for column, kind in self._kinds.items():
            values = np.ascontiguousarray(columns[column], dtype=kind)
            self._held[column].append(values)
            self._bytes += values.nbytes
        self.n += len(next(iter(columns.values())))
        if self._bytes > self._scratch.held:
            self._flush()

    def finish(self, **tables: NDArray[Any]) -> Columns:
        """The columns, whole; mapped ones stay readable though their files are removed.

        Parameters
        ----------
        tables : ndarray, by column
            What each code of a column becomes.
        """
        if not self._in_files:
            out = {c: np.concatenate([np.empty(0, kind), *self._held[c]]) for c, kind in self._kinds.items()}
            return out | {c: table[out[c]].astype(self._kinds[c]) for c, table in tables.items()}
        self._flush()
        out = {c: np.memmap(self._path(c), dtype=kind, mode="r") for c, kind in self._kinds.items()}
        for c, table in tables.items():
            for start in range(0, self.n, MAPPED):
                values = table[out[c][start : start + MAPPED]].astype(self._kinds[c])
                self._scratch.write(f"{self._name}-{c}-renumbered", values)
            out[c] = np.memmap(self._path(f"{c}-renumbered"), dtype=self._kinds[c], mode="r")
        return out

    def _path(self, column: str) -> Path:
        return self._scratch.folder / f"{self._name}-{column}"

    def _flush(self) -> None:
        self._in_files = True
        for column, held in self._held.items():
            for values in held:
                self._scratch.write(f"{self._name}-{column}", values)
            held.clear()
        self._bytes = 0
