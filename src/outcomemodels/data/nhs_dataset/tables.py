"""Finding IDS tables in a folder and streaming them in batches of text columns; never a whole table in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcomemodels.data.nhs_dataset.names import TABLES, fold, spellings, table_number
from outcomemodels.errors import DataError, FileError

BATCH = 250_000
"""Rows of a parquet batch; csv batches have about as many."""
_BLOCK = 16 * 1024 * 1024
_TEXT = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")
ACCEPTED = "a folder of IDS tables as .csv, .csv.gz or .parquet, named as in the data set (IDS101Referral.csv)"


@dataclass(frozen=True, slots=True)
class Table:
    """The files of one table and, per file, where its fields are.

    Parameters
    ----------
    number, name : str
        "101", "IDS101Referral".
    files : tuple of (path, mapping of folded name to column name)
        Monthly parts are read one after the other.
    """

    number: str
    name: str
    files: tuple[tuple[Path, Mapping[str, str]], ...]

    def has(self, field: str) -> bool:
        """Whether every file has the field under one of its names."""
        return bool(self.files) and all(any(s in names for s in spellings(field)) for _, names in self.files)

    @property
    def fields(self) -> frozenset[str]:
        """Folded names of the fields of any file."""
        return frozenset(n for _, names in self.files for n in names)


def is_nhs_folder(folder: str | Path) -> bool:
    """Whether a folder holds a referral table of the data set."""
    place = Path(folder)
    return place.is_dir() and any(table_number(_stem(p)) == "101" for p in _candidates(place))


def find_tables(folder: str | Path, *, damaged: str) -> tuple[dict[str, Table], list[str]]:
    """Tables of a folder by number, and notes on files left out.

    Parameters
    ----------
    folder : path
    damaged : {"refuse", "skip"}
        What to do with files that cannot be opened.

    Raises
    ------
    FileError
        If there is no folder or no referral table, or a file is damaged and ``damaged`` is "refuse".
    """
    place = Path(folder)
    if not place.is_dir():
        raise FileError(f"no folder at {place}", accepted=ACCEPTED)
    found: dict[str, list[tuple[Path, Mapping[str, str]]]] = {}
    notes: list[str] = []
    for path in _candidates(place):
        number = table_number(_stem(path))
        if number is None or number not in TABLES:
            continue
        try:
            found.setdefault(number, []).append((path, _header(path)))
        except FileError as error:
            if damaged == "refuse" or number == "101":
                raise
            notes.append(f"{path.name} is left out: {error.found}")
    if "101" not in found:
        seen = sorted(p.name for p in place.iterdir())
        raise FileError(
            f"the folder {place.name!r} holds no referral table", rows=seen, accepted=ACCEPTED, mend="name the folder "
            "that holds IDS101Referral"
        )  # fmt: skip
    return {n: Table(n, TABLES[n], tuple(files)) for n, files in found.items()}, notes


def _candidates(place: Path) -> list[Path]:
    inside = [p for p in place.iterdir() if p.is_file()]
    inside += [q for p in place.iterdir() if p.is_dir() and table_number(p.name) for q in p.iterdir() if q.is_file()]
    return sorted(p for p in inside if _kind(p))


def _kind(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return "parquet" if name.endswith(_PARQUET) else "text" if name.endswith(_TEXT) else ""


def _stem(path: Path) -> str:
    return path.name if table_number(path.name) else path.parent.name


def _header(path: Path) -> dict[str, str]:
    """Folded field name to column name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if path.stat().st_size == 0:
            raise FileError("the file is empty", table=path.name, accepted="a header and at least one row")
        if _kind(path) == "parquet":
            names = list(pq.read_schema(path).names)
        else:
            with _csv(path, None) as reader:
                names = list(reader.schema.names)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise _damaged(path, error) from None
    columns: dict[str, str] = {}
    for name in names:
        key = fold(name)
        if key and key in columns:
            raise DataError(
                f"column names occur more than once: {name!r} and {columns[key]!r}",
                table=path.name,
                accepted="each field once; case and underscores do not tell fields apart",
            )
        if key:
            columns[key] = name
    return columns


def _csv(path: Path, include: Sequence[str] | None) -> Any:
    import pyarrow as pa
    import pyarrow.csv as pv

    with pa.input_stream(str(path), compression="detect") as head:
        first = head.read(65_536).split(b"\n", 1)[0]
    delimiter = max((b",", b"\t", b"|", b";"), key=first.count).decode()
    stream = pa.input_stream(str(path), compression="detect")
    read = pv.ReadOptions(block_size=_BLOCK if include is not None else 1 << 20)
    parse = pv.ParseOptions(delimiter=delimiter, newlines_in_values=False)
    convert = pv.ConvertOptions(include_columns=list(include or []), strings_can_be_null=True, null_values=[""])
    if include is not None:
        convert.column_types = {n: pa.string() for n in include}
    return pv.open_csv(stream, read_options=read, parse_options=parse, convert_options=convert)


def batches(table: Table | None, fields: Sequence[str], *, damaged: str, notes: list[str]) -> Iterator[dict[str, Any]]:
    """Batches of a table: per field present an arrow text (or date) array.

    Parameters
    ----------
    table : Table or None
        None yields nothing.
    fields : sequence of str
        Fields wanted, by preferred name.
    damaged : {"refuse", "skip"}
        Whether a file damaged half-way stops the reading or is left out from there on, with a note.
    notes : list of str
        Receives the notes.

    Raises
    ------
    FileError
        If a file is damaged.
    """
    import pyarrow as pa

    for path, names in table.files if table else ():
        wanted = {f: [names[s] for s in spellings(f) if s in names] for f in fields}
        take = list(dict.fromkeys(c for columns in wanted.values() for c in columns))
        if not take:
            continue
        try:
            for batch in _stream(path, take):
                if batch.num_rows:
                    yield {f: _first_filled([batch.column(c) for c in cs], path) for f, cs in wanted.items() if cs}
        except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
            if isinstance(error, DataError):
                raise
            raised = error if isinstance(error, FileError) else _damaged(path, error)
            if damaged == "refuse" or (table and table.number == "101"):
                raise raised from None
            notes.append(f"{path.name} is damaged and was read only in part: {raised.found}")


def _stream(path: Path, take: list[str]) -> Iterator[Any]:
    import pyarrow.parquet as pq

    if _kind(path) == "parquet":
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=BATCH, columns=take)
        return
    with _csv(path, take) as reader:
        for batch in reader:
            for start in range(0, batch.num_rows, BATCH):
                yield batch.slice(start, BATCH)


def _damaged(path: Path, error: Exception) -> FileError:
    said = str(error).splitlines()
    return FileError(
        f"the file cannot be read: {said[0][:300] if said else type(error).__name__}",
        table=path.name,
        accepted="a whole, undamaged file; text as UTF-8 with the same number of columns in every row",
        mend="it may be truncated or of another kind than its name says; export it again, or read the rest with "
        "damaged='skip'",
    )


def _first_filled(columns: list[Any], path: Path) -> Any:
    import pyarrow.compute as pc

    texts = [as_text(c, path.name) for c in columns]
    if len(texts) == 1:
        return texts[0]
    import pyarrow as pa

    plain = [t if pa.types.is_string(t.type) else t.cast(pa.string()) for t in texts]
    empty = pa.scalar(None, pa.string())
    return pc.coalesce(*(pc.if_else(pc.equal(pc.utf8_trim_whitespace(t), ""), empty, t) for t in plain))


def as_text(column: Any, table: str) -> Any:
    """Arrow array of any plain type as text; dates stay dates (date32), whole numbers lose their point.

    Raises
    ------
    DataError
        For nested types.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = array.type
    if pa.types.is_dictionary(kind):
        array, kind = array.dictionary_decode(), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_date32(kind):
        return array
    if pa.types.is_null(kind):
        return pa.nulls(len(array), pa.string())
    if pa.types.is_timestamp(kind) or pa.types.is_date64(kind):
        with suppress(pa.ArrowInvalid):
            return array.cast(pa.date32(), safe=False)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = array.cast(pa.float64(), safe=False)
        whole = pc.and_(pc.is_finite(numbers), pc.less(pc.abs(numbers), 2.0**53))
        whole = pc.and_(whole, pc.equal(numbers, pc.round(numbers)))
        small = pc.if_else(pc.fill_null(whole, False), numbers, 0.0).cast(pa.int64())
        shown = pc.if_else(pc.is_nan(numbers), None, numbers).cast(pa.string())
        return pc.if_else(whole, small.cast(pa.string()), shown)
    if pa.types.is_boolean(kind):
        return pc.if_else(array, "Y", "N")
    if pa.types.is_nested(kind):
        raise DataError(f"column holds {kind}", table=table, accepted="text, numbers or dates, one per row")
    return array.cast(pa.string())
